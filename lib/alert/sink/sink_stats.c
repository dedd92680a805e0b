#include "lib/alert/sink/sink_stats.h"

#include <stdlib.h>
#include <string.h>

struct sink_stats *sink_stats_new(const struct sink_identity *identity)
{
    struct sink_stats *speaker = calloc(1, sizeof(*speaker));
    char *program = strdup(identity->program);
    char *host = strdup(identity->host);

    if (speaker == NULL || program == NULL || host == NULL) {
        free(speaker);
        free(program);
        free(host);
        return NULL;
    }
    speaker->program = program;
    speaker->host = host;
    speaker->identity = (struct sink_identity){program, host};
    atomic_init(&speaker->holders, 1);
    return speaker;
}

struct sink_stats *sink_stats_hold(struct sink_stats *speaker)
{
    atomic_fetch_add(&speaker->holders, 1);
    return speaker;
}

void sink_stats_release(struct sink_stats *speaker)
{
    if (speaker == NULL || atomic_fetch_sub(&speaker->holders, 1) > 1) {
        return;
    }
    if (speaker->done != NULL) {
        speaker->done(speaker->user);
    }
    free(speaker->program);
    free(speaker->host);
    free(speaker);
}

/* The sink for Prometheus: a file for the text file collector of its node exporter, which reads
 * *.prom of one directory. A new file takes the place of the old one at once, so that nobody ever
 * reads half of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/alert/sink/metrics.h"
#include "lib/alert/sink/sink.h"
#include "lib/alert/sink/sink_metrics.h"
#include "lib/alert/sink/sink_stats.h"
#include "lib/sys/atomic_file.h"
#include "lib/sys/thread.h"
#include "lib/sys/write_remedy.h"

#define PERIOD_MS   15000 /* as often as Prometheus usually looks */
#define INTERVAL_MS 1000  /* not more often than this, whatever is announced */

struct metrics_file {
    struct sink sink;
    const struct sink_stats *speaker;
    char *directory;
    char *path;
    char *draft; /* the path of the file to be */
    struct timespec not_before;
};

static struct metrics_file *from_sink(struct sink *sink)
{
    return (struct metrics_file *)((char *)sink - offsetof(struct metrics_file, sink));
}

/* ---- the file -------------------------------------------------------------------------------- */

/* The node exporter runs as another user: the file is for everybody to read. */
static int replace(const struct metrics_file *self, const char *text, size_t length,
                   char error[SINK_ERROR_SIZE])
{
    const struct atomic_file file = {.path = self->path, .draft = self->draft, .mode = 0644};

    if (atomic_file_write(&file, text, length)) {
        return 0;
    }
    snprintf(error, SINK_ERROR_SIZE, "cannot write to %.120s: %m (%s)", self->directory,
             write_remedy(errno, "metrics_directory must exist, and be this user's to write"));
    return -1;
}

static int write_now(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    struct metrics_file *self = from_sink(sink);
    struct metrics *metrics = metrics_new();
    int result = -1;
    size_t length = 0;

    sink->waiting = 0;
    snprintf(error, SINK_ERROR_SIZE, "out of memory");
    if (metrics != NULL) {
        sink_metrics_show(metrics, self->speaker);
        const char *text = metrics_text(metrics, &length);
        if (text != NULL) {
            result = replace(self, text, length, error);
        }
    }
    metrics_free(metrics);
    self->not_before = thread_moment(INTERVAL_MS);
    return result;
}

/* An occasion to write, at most once in a while; it is then done by `retry`. */
static int announce(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE])
{
    (void)announcement;
    if (thread_moment_left(&from_sink(sink)->not_before) == 0) {
        return write_now(sink, error);
    }
    sink->waiting = 1;
    return 0;
}

static void free_sink(struct sink *sink)
{
    struct metrics_file *self = from_sink(sink);

    free(self->directory);
    free(self->path);
    free(self->draft);
    free(self);
}

struct sink *sink_metrics_new(const struct sink_source *source)
{
    struct metrics_file *self = calloc(1, sizeof(*self));
    const char *program = source->identity->program;

    if (self == NULL) {
        return NULL;
    }
    self->directory = strdup(source->settings->metrics_directory);
    if (asprintf(&self->path, "%s/%s.prom", source->settings->metrics_directory, program) < 0) {
        self->path = NULL;
    }
    if (asprintf(&self->draft, "%s/.%s.%ld", source->settings->metrics_directory, program,
                 (long)getpid()) < 0) {
        self->draft = NULL;
    }
    self->sink = (struct sink){.name = "metrics",
                               .watches = true,
                               .announce = announce,
                               .retry = write_now,
                               .open = write_now,
                               .tick = write_now,
                               .period_ms = PERIOD_MS,
                               .free = free_sink};
    self->speaker = source->speaker;
    if (self->directory != NULL && self->path != NULL && self->draft != NULL) {
        return &self->sink;
    }
    free_sink(&self->sink);
    return NULL;
}

#include "milter/live_conf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct live_conf *in_force;

/* False: out of memory. */
static bool choose_mailers(struct live_conf *snapshot)
{
    const struct conf_milter *milter = &snapshot->conf->milter;
    size_t count = 0;

    snapshot->own_mailers = calloc(milter->own_mailer_count + 1, sizeof(char *));
    if (snapshot->own_mailers == NULL) {
        return false;
    }
    for (size_t i = 0; i < milter->own_mailer_count; i++) {
        if (mta_transports_parameter(&snapshot->transports, milter->own_mailers[i]) == NULL) {
            snapshot->own_mailers[count++] = milter->own_mailers[i];
        }
    }
    snapshot->rules.own_mailers = snapshot->own_mailers;
    snapshot->rules.own_mailer_count = count;
    /* One more for Postfix's "error", see judge_carrier. */
    return undeclared_init(&snapshot->undeclared, count + 1);
}

struct live_conf *live_conf_new(struct conf *conf, const struct mta_transports *transports)
{
    struct live_conf *snapshot = calloc(1, sizeof(*snapshot));

    if (snapshot == NULL) {
        return NULL;
    }
    snapshot->conf = conf;
    if (transports != NULL) {
        snapshot->transports = *transports;
    }
    if (!choose_mailers(snapshot)) {
        free(snapshot->own_mailers);
        free(snapshot);
        return NULL;
    }
    snapshot->rules.site = conf->site;
    snapshot->rules.enforce = conf->milter.enforce;
    snapshot->rules.enforce_masked = conf->milter.enforce_masked;
    atomic_init(&snapshot->references, 1);
    return snapshot;
}

void live_conf_release(struct live_conf *snapshot)
{
    if (snapshot != NULL && atomic_fetch_sub(&snapshot->references, 1) == 1) {
        undeclared_free(&snapshot->undeclared);
        free(snapshot->own_mailers);
        conf_free(snapshot->conf);
        free(snapshot);
    }
}

void live_conf_install(struct live_conf *next)
{
    pthread_mutex_lock(&lock);
    struct live_conf *before = in_force;
    in_force = next;
    pthread_mutex_unlock(&lock);
    live_conf_release(before);
}

struct live_conf *live_conf_current(void)
{
    pthread_mutex_lock(&lock);
    struct live_conf *snapshot = in_force;
    if (snapshot != NULL) {
        atomic_fetch_add(&snapshot->references, 1);
    }
    pthread_mutex_unlock(&lock);
    return snapshot;
}

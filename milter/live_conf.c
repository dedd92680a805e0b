#include "milter/live_conf.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct snapshot *in_force;

struct snapshot *snapshot_new(struct conf *conf)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);

    if (snapshot == NULL) {
        return NULL;
    }
    snapshot->conf = conf;
    snapshot->rules.site = conf->site;
    snapshot->rules.own_mailers = conf->milter.own_mailers;
    snapshot->rules.own_mailer_count = conf->milter.own_mailer_count;
    snapshot->rules.enforce = conf->milter.enforce;
    snapshot->rules.enforce_masked = conf->milter.enforce_masked;
    pthread_mutex_init(&snapshot->undeclared.mutex, NULL);
    atomic_init(&snapshot->references, 1);
    return snapshot;
}

void snapshot_release(struct snapshot *snapshot)
{
    if (snapshot != NULL && atomic_fetch_sub(&snapshot->references, 1) == 1) {
        conf_free(snapshot->conf);
        pthread_mutex_destroy(&snapshot->undeclared.mutex);
        free(snapshot);
    }
}

void snapshot_install(struct snapshot *next)
{
    pthread_mutex_lock(&lock);
    struct snapshot *before = in_force;
    in_force = next;
    pthread_mutex_unlock(&lock);
    /* Connections that keep the old one note nothing more that counts: what goes on comes by new
     * ones, too. */
    if (next != NULL && before != NULL) {
        undeclared_take_over(&next->undeclared, next->rules.site, &before->undeclared);
    }
    snapshot_release(before);
}

struct snapshot *snapshot_current(void)
{
    pthread_mutex_lock(&lock);
    struct snapshot *snapshot = in_force;
    if (snapshot != NULL) {
        atomic_fetch_add(&snapshot->references, 1);
    }
    pthread_mutex_unlock(&lock);
    return snapshot;
}

#include "milter/status/snapshot_push.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/postgresql/postgresql.h"
#include "lib/sys/thread.h"

#define WAIT_MS 5000 /* for the connection, and for the answer */

struct snapshot_push {
    pthread_t thread;
    char *place;
    char *host;
    struct reporter *reporter;
    enum postgresql_fault told; /* why the last one could not be handed over; or it could */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    char *text; /* offered, and not taken up yet; NULL: nothing is */
    bool stop;
    bool ended;
};

/* ---- the server ----------------------------------------------------------------------------- */

/* libpq's sentences, and the module's, begin with the option that the probe has. */
static const char *without_option(const char *why)
{
    static const char option[] = "database: ";

    return strncmp(why, option, sizeof(option) - 1) == 0 ? why + sizeof(option) - 1 : why;
}

/* A fault that lasts is told once. */
static void tell(struct snapshot_push *push, const struct postgresql_trouble *trouble)
{
    if (trouble->fault == push->told) {
        return;
    }
    if (trouble->fault == POSTGRESQL_FINE) {
        reporter_say(push->reporter, LOG_NOTICE, "push: the snapshot is handed over again");
    } else if (trouble->fault == POSTGRESQL_FORBIDDEN) {
        reporter_say(push->reporter, LOG_ERR,
                     "push: the snapshot is not handed over: this role may not insert it; as the "
                     "database's owner, GRANT relaywarden_milter TO that role");
    } else {
        reporter_say(push->reporter, LOG_ERR, "push: the snapshot is not handed over: %s",
                     without_option(trouble->why));
    }
    push->told = trouble->fault;
}

static void hand_over(struct snapshot_push *push, const char *text)
{
    const char *const values[] = {push->host, text};
    const struct postgresql_question question = {
        "INSERT INTO relaywarden.milter_snapshot (host, snapshot) VALUES ($1, $2::jsonb)", values,
        2, WAIT_MS};
    struct postgresql_trouble trouble;
    struct postgresql *server = postgresql_open(push->place, WAIT_MS, &trouble);

    if (server != NULL) {
        (void)postgresql_ask(server, &question, NULL, NULL, &trouble);
    }
    postgresql_close(server);
    tell(push, &trouble);
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* The next text, for free, once a snapshot was offered and `not_before` has come. NULL: it is to
 * stop, and nothing is left to hand over. */
static char *take(struct snapshot_push *push, const struct timespec *not_before)
{
    pthread_mutex_lock(&push->mutex);
    while (!push->stop && thread_wait_until(&push->changed, &push->mutex, not_before)) {
        /* not yet */
    }
    while (!push->stop && push->text == NULL) {
        pthread_cond_wait(&push->changed, &push->mutex);
    }
    char *text = push->text;
    push->text = NULL;
    pthread_mutex_unlock(&push->mutex);
    return text;
}

static void *run(void *argument)
{
    struct snapshot_push *push = argument;
    struct timespec next = thread_moment(0);

    for (char *text = take(push, &next); text != NULL; text = take(push, &next)) {
        next = thread_moment(SNAPSHOT_PUSH_SECONDS * 1000);
        hand_over(push, text);
        free(text);
    }
    pthread_mutex_lock(&push->mutex);
    push->ended = true;
    pthread_cond_broadcast(&push->changed);
    pthread_mutex_unlock(&push->mutex);
    return NULL;
}

/* ---- whoever offers ------------------------------------------------------------------------- */

static void free_push(struct snapshot_push *push)
{
    free(push->text);
    free(push->place);
    free(push->host);
    pthread_mutex_destroy(&push->mutex);
    pthread_cond_destroy(&push->changed);
    free(push);
}

struct snapshot_push *snapshot_push_start(const char *place, const char *host,
                                          struct reporter *reporter)
{
    struct snapshot_push *push = calloc(1, sizeof(*push));

    if (push == NULL) {
        return NULL;
    }
    if (thread_condition(&push->changed) != 0) {
        free(push);
        return NULL;
    }
    pthread_mutex_init(&push->mutex, NULL);
    push->reporter = reporter;
    push->place = strdup(place);
    push->host = strdup(host);
    if (push->place == NULL || push->host == NULL ||
        thread_start(&push->thread, "push", run, push) != 0) {
        free_push(push);
        return NULL;
    }
    return push;
}

void snapshot_push_offer(struct snapshot_push *push, const char *text)
{
    char *copy = push != NULL ? strdup(text) : NULL;

    if (copy == NULL) {
        return; /* the next one comes soon */
    }
    pthread_mutex_lock(&push->mutex);
    free(push->text);
    push->text = copy;
    pthread_cond_broadcast(&push->changed);
    pthread_mutex_unlock(&push->mutex);
}

bool snapshot_push_stop(struct snapshot_push *push, int wait_ms)
{
    const struct timespec until = thread_moment(wait_ms);

    if (push == NULL) {
        return true;
    }
    pthread_mutex_lock(&push->mutex);
    push->stop = true;
    pthread_cond_broadcast(&push->changed);
    while (!push->ended && thread_wait_until(&push->changed, &push->mutex, &until)) {
        /* woken for another change, or for none */
    }
    const bool ended = push->ended;
    pthread_mutex_unlock(&push->mutex);
    if (ended) {
        pthread_join(push->thread, NULL);
        free_push(push);
    }
    return ended;
}

#include "lib/alert/lane.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/alert/database.h"
#include "lib/alert/thread.h"

#define RETRY_MS 1000

struct queued {
    struct queued *next;
    struct announcement announcement;
};

struct lane {
    /* Constant after lane_start. */
    struct inbox *inbox;
    char *program;
    char *host;
    struct sink_identity identity;
    char *database_path;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards all up to the next comment */
    pthread_cond_t work;
    pthread_cond_t progress;
    unsigned int holders; /* lane_start's caller and the thread */
    struct queued *first;
    struct queued **end;
    size_t waiting;
    unsigned long long queued;
    unsigned long long done;
    unsigned long dropped;     /* since the queue was full */
    bool has_sinks;            /* else nothing is queued */
    struct outlets *replacing; /* what the thread shall use from now on */
    bool finish;
    bool exited;
    bool abandoned; /* nobody waits for the thread any more */

    /* The thread's. */
    struct outlets *outlets;
    sqlite3 *database;
};

/* The last holder frees it. */
static void release(struct lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    bool last = --lane->holders == 0;
    pthread_mutex_unlock(&lane->mutex);
    if (!last)
        return;
    while (lane->first != NULL) {
        struct queued *queued = lane->first;

        lane->first = queued->next;
        free(queued);
    }
    outlets_free(lane->replacing, lane->inbox);
    pthread_mutex_destroy(&lane->mutex);
    pthread_cond_destroy(&lane->work);
    pthread_cond_destroy(&lane->progress);
    inbox_release(lane->inbox);
    free(lane->program);
    free(lane->host);
    free(lane->database_path);
    free(lane);
}

static void open_database(struct lane *lane)
{
    char error[DATABASE_ERROR_SIZE];

    if (lane->database_path != NULL &&
        database_open(lane->database_path, &lane->database, error) != DATABASE_OK)
        inbox_say(lane->inbox, LOG_ERR, "no state is kept: %s", error);
}

/* The mutex is held, and given up meanwhile. */
static void use_replacement(struct lane *lane)
{
    struct outlets *before = lane->outlets;

    lane->outlets = lane->replacing;
    lane->replacing = NULL;
    pthread_mutex_unlock(&lane->mutex);
    outlets_free(before, lane->inbox);
    outlets_open(lane->outlets, lane->inbox);
    pthread_mutex_lock(&lane->mutex);
}

/* The mutex is held, and given up meanwhile. */
static void announce_first(struct lane *lane)
{
    struct queued *queued = lane->first;

    lane->first = queued->next;
    if (lane->first == NULL)
        lane->end = &lane->first;
    lane->waiting--;
    pthread_mutex_unlock(&lane->mutex);
    outlets_announce(lane->outlets, &queued->announcement, lane->inbox);
    free(queued);
    pthread_mutex_lock(&lane->mutex);
    lane->done++;
    pthread_cond_broadcast(&lane->progress);
}

static void tell_dropped(struct lane *lane)
{
    if (lane->dropped == 0)
        return;
    inbox_say(lane->inbox, LOG_ERR, "the disk keeps up again; %lu alert%s not written to it",
              lane->dropped, lane->dropped == 1 ? " was" : "s were");
    lane->dropped = 0;
}

/* The mutex is held, and given up meanwhile. */
static void wait_for_work(struct lane *lane)
{
    if (lane->outlets == NULL || !outlets_wait(lane->outlets, false)) {
        pthread_cond_wait(&lane->work, &lane->mutex);
        return;
    }
    struct timespec moment = thread_moment(RETRY_MS);
    if (thread_wait_until(&lane->work, &lane->mutex, &moment))
        return;
    pthread_mutex_unlock(&lane->mutex);
    outlets_retry(lane->outlets, lane->inbox);
    pthread_mutex_lock(&lane->mutex);
}

static void *run(void *argument)
{
    struct lane *lane = argument;

    open_database(lane);
    pthread_mutex_lock(&lane->mutex);
    while (!lane->abandoned) {
        if (lane->replacing != NULL) {
            use_replacement(lane);
        } else if (lane->first != NULL) {
            announce_first(lane);
        } else {
            tell_dropped(lane);
            if (lane->finish)
                break;
            wait_for_work(lane);
        }
    }
    pthread_mutex_unlock(&lane->mutex);

    outlets_free(lane->outlets, lane->inbox);
    database_close(lane->database);
    pthread_mutex_lock(&lane->mutex);
    lane->exited = true;
    pthread_cond_broadcast(&lane->progress);
    pthread_mutex_unlock(&lane->mutex);
    release(lane);
    return NULL;
}

static bool copy_strings(struct lane *lane, const struct sink_identity *identity,
                         const char *database_path)
{
    lane->program = strdup(identity->program);
    lane->host = strdup(identity->host);
    if (database_path != NULL)
        lane->database_path = strdup(database_path);
    lane->identity = (struct sink_identity){lane->program, lane->host};
    return lane->program != NULL && lane->host != NULL &&
           (database_path == NULL || lane->database_path != NULL);
}

struct lane *lane_start(struct inbox *inbox, const struct sink_identity *identity,
                        const char *database_path)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    if (lane == NULL)
        return NULL;
    if (thread_condition(&lane->work) != 0) {
        free(lane);
        return NULL;
    }
    if (thread_condition(&lane->progress) != 0) {
        pthread_cond_destroy(&lane->work);
        free(lane);
        return NULL;
    }
    pthread_mutex_init(&lane->mutex, NULL);
    lane->inbox = inbox_hold(inbox);
    lane->end = &lane->first;
    lane->holders = 1;
    if (copy_strings(lane, identity, database_path)) {
        lane->holders = 2;
        if (thread_start(&lane->thread, "reporter-disk", run, lane) == 0)
            return lane;
        lane->holders = 1;
    }
    release(lane);
    return NULL;
}

const struct sink_identity *lane_identity(const struct lane *lane)
{
    return &lane->identity;
}

void lane_use(struct lane *lane, struct outlets *outlets)
{
    pthread_mutex_lock(&lane->mutex);
    struct outlets *unused = lane->replacing;
    lane->replacing = outlets;
    lane->has_sinks = outlets->count > 0;
    pthread_cond_signal(&lane->work);
    pthread_mutex_unlock(&lane->mutex);
    outlets_free(unused, lane->inbox);
}

/* The mutex is held. */
static bool append(struct lane *lane, const struct announcement *announcement)
{
    struct queued *queued = NULL;

    if (lane->waiting < LANE_QUEUE_MAX)
        queued = malloc(sizeof(*queued));
    if (queued == NULL)
        return false;
    queued->next = NULL;
    queued->announcement = *announcement;
    *lane->end = queued;
    lane->end = &queued->next;
    lane->waiting++;
    lane->queued++;
    pthread_cond_signal(&lane->work);
    return true;
}

void lane_announce(struct lane *lane, const struct announcement *announcement)
{
    pthread_mutex_lock(&lane->mutex);
    if (lane->has_sinks && !lane->finish && !append(lane, announcement) && lane->dropped++ == 0)
        inbox_say(lane->inbox, LOG_ERR,
                  "the disk does not keep up: alerts are no longer written to it");
    pthread_mutex_unlock(&lane->mutex);
}

bool lane_flush(struct lane *lane, const struct timespec *until)
{
    pthread_mutex_lock(&lane->mutex);
    unsigned long long upto = lane->queued;
    while (lane->done < upto)
        if (!thread_wait_until(&lane->progress, &lane->mutex, until))
            break;
    bool flushed = lane->done >= upto;
    pthread_mutex_unlock(&lane->mutex);
    return flushed;
}

bool lane_finish(struct lane *lane, const struct timespec *until)
{
    pthread_mutex_lock(&lane->mutex);
    lane->finish = true;
    pthread_cond_signal(&lane->work);
    while (!lane->exited)
        if (!thread_wait_until(&lane->progress, &lane->mutex, until))
            break;
    bool exited = lane->exited;
    lane->abandoned = !exited;
    pthread_mutex_unlock(&lane->mutex);
    if (exited)
        pthread_join(lane->thread, NULL);
    else
        pthread_detach(lane->thread);
    return exited;
}

void lane_free(struct lane *lane)
{
    release(lane);
}

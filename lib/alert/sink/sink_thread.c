#include "lib/alert/sink/sink_thread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/sys/thread.h"

#define RETRY_MS 1000

struct queued {
    struct queued *next;
    struct delivery *delivery;
};

struct sink_thread {
    /* Constant after sink_thread_start. */
    struct teller *teller;
    const char *name;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards all up to the next comment */
    pthread_cond_t work;
    pthread_cond_t progress;
    unsigned int holders; /* sink_thread_start's caller and the thread */
    struct queued *first;
    struct queued **end;
    size_t waiting;
    struct delivery *current; /* in the thread's hands; NULL: none */
    unsigned long long queued;
    unsigned long long done;
    unsigned long dropped;      /* since the queue was full */
    bool has_sink;              /* else nothing is queued */
    bool receives;              /* and it brings alerts to somebody */
    bool stands;                /* and it must hear again of what lasts */
    struct sink_set *replacing; /* what the thread shall use from now on */
    struct sink_set *outlets;   /* the thread's; changed under the mutex */
    bool tick;                  /* the sink is to be called */
    bool finish;
    bool exited;
    bool abandoned; /* nobody waits for the thread any more */
};

/* The last holder frees it. */
static void release(struct sink_thread *lane)
{
    pthread_mutex_lock(&lane->mutex);
    bool last = --lane->holders == 0;
    pthread_mutex_unlock(&lane->mutex);
    if (!last) {
        return;
    }
    while (lane->first != NULL) {
        struct queued *queued = lane->first;

        lane->first = queued->next;
        delivery_release(queued->delivery, false);
        free(queued);
    }
    sink_set_free(lane->replacing, lane->teller);
    pthread_mutex_destroy(&lane->mutex);
    pthread_cond_destroy(&lane->work);
    pthread_cond_destroy(&lane->progress);
    teller_release(lane->teller);
    free(lane);
}

/* The mutex is held, and given up meanwhile. */
static void use_replacement(struct sink_thread *lane)
{
    struct sink_set *before = lane->outlets;

    lane->outlets = lane->replacing;
    lane->replacing = NULL;
    pthread_mutex_unlock(&lane->mutex);
    sink_set_succeed(lane->outlets, before);
    sink_set_free(before, lane->teller);
    sink_set_open(lane->outlets, lane->teller);
    pthread_mutex_lock(&lane->mutex);
}

/* The mutex is held, and given up meanwhile. */
static void announce_first(struct sink_thread *lane)
{
    struct queued *queued = lane->first;

    lane->first = queued->next;
    if (lane->first == NULL) {
        lane->end = &lane->first;
    }
    lane->waiting--;
    lane->current = queued->delivery;
    pthread_mutex_unlock(&lane->mutex);
    const struct sink_set_fate fate =
        sink_set_announce(lane->outlets, delivery_announcement(queued->delivery), lane->teller);
    pthread_mutex_lock(&lane->mutex);
    lane->current = NULL;
    pthread_mutex_unlock(&lane->mutex);
    delivery_refuse(queued->delivery, fate.refused);
    delivery_release(queued->delivery, fate.took > 0);
    free(queued);
    pthread_mutex_lock(&lane->mutex);
    lane->done++;
    pthread_cond_broadcast(&lane->progress);
}

static void tell_dropped(struct sink_thread *lane)
{
    if (lane->dropped == 0) {
        return;
    }
    teller_say(lane->teller, LOG_ERR, "%s keeps up again; %lu alert%s not given to it", lane->name,
               lane->dropped, lane->dropped == 1 ? " was" : "s were");
    lane->dropped = 0;
}

/* When the sink wants to be called next, in milliseconds; 0: it does not. */
static int next_call_ms(const struct sink_thread *lane)
{
    int period_ms = lane->outlets == NULL ? 0 : sink_set_period_ms(lane->outlets);

    if (lane->outlets != NULL && sink_set_wait(lane->outlets, false) &&
        (period_ms == 0 || period_ms > RETRY_MS)) {
        return RETRY_MS;
    }
    return period_ms;
}

/* The mutex is held, and given up meanwhile. */
static void wait_for_work(struct sink_thread *lane)
{
    int call_ms = next_call_ms(lane);

    if (call_ms == 0) {
        pthread_cond_wait(&lane->work, &lane->mutex);
        return;
    }
    struct timespec moment = thread_moment(call_ms);
    if (thread_wait_until(&lane->work, &lane->mutex, &moment)) {
        return;
    }
    pthread_mutex_unlock(&lane->mutex);
    sink_set_retry(lane->outlets, lane->teller);
    sink_set_tick(lane->outlets, lane->teller);
    pthread_mutex_lock(&lane->mutex);
}

/* The mutex is held, and given up meanwhile. */
static void tick_now(struct sink_thread *lane)
{
    lane->tick = false;
    pthread_mutex_unlock(&lane->mutex);
    if (lane->outlets != NULL) {
        sink_set_tick(lane->outlets, lane->teller);
    }
    pthread_mutex_lock(&lane->mutex);
}

static void *run(void *argument)
{
    struct sink_thread *lane = argument;

    pthread_mutex_lock(&lane->mutex);
    while (!lane->abandoned) {
        if (lane->replacing != NULL) {
            use_replacement(lane);
        } else if (lane->first != NULL) {
            announce_first(lane);
        } else {
            tell_dropped(lane);
            if (lane->finish) {
                tick_now(lane); /* what it does now and then is done at the end, too */
                break;
            }
            if (lane->tick) {
                tick_now(lane);
            } else {
                wait_for_work(lane);
            }
        }
    }
    struct sink_set *last = lane->outlets;
    lane->outlets = NULL;
    pthread_mutex_unlock(&lane->mutex);

    sink_set_free(last, lane->teller);
    pthread_mutex_lock(&lane->mutex);
    lane->exited = true;
    pthread_cond_broadcast(&lane->progress);
    pthread_mutex_unlock(&lane->mutex);
    release(lane);
    return NULL;
}

struct sink_thread *sink_thread_start(struct teller *teller, const char *name)
{
    struct sink_thread *lane = calloc(1, sizeof(*lane));
    char thread_name[16];

    if (lane == NULL) {
        return NULL;
    }
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
    lane->teller = teller_hold(teller);
    lane->name = name;
    lane->end = &lane->first;
    lane->holders = 2;
    snprintf(thread_name, sizeof(thread_name), "reporter-%.6s", name);
    if (thread_start(&lane->thread, thread_name, run, lane) == 0) {
        return lane;
    }
    lane->holders = 1;
    release(lane);
    return NULL;
}

void sink_thread_use(struct sink_thread *lane, struct sink_set *outlets)
{
    pthread_mutex_lock(&lane->mutex);
    struct sink_set *unused = lane->replacing;
    lane->replacing = outlets;
    lane->has_sink = outlets->count > 0;
    lane->receives = outlets->count > 0 && !outlets->outlet[0].sink->watches;
    lane->stands = outlets->count > 0 && outlets->outlet[0].sink->stands;
    pthread_cond_signal(&lane->work);
    pthread_mutex_unlock(&lane->mutex);
    sink_set_free(unused, lane->teller);
}

/* The mutex is held. */
static bool append(struct sink_thread *lane, struct delivery *delivery)
{
    struct queued *queued = NULL;

    if (lane->waiting < SINK_THREAD_QUEUE_MAX) {
        queued = malloc(sizeof(*queued));
    }
    if (queued == NULL) {
        return false;
    }
    queued->next = NULL;
    queued->delivery = delivery_hold(delivery);
    *lane->end = queued;
    lane->end = &queued->next;
    lane->waiting++;
    lane->queued++;
    pthread_cond_signal(&lane->work);
    return true;
}

bool sink_thread_announce(struct sink_thread *lane, struct delivery *delivery)
{
    pthread_mutex_lock(&lane->mutex);
    bool standing = delivery_announcement(delivery)->standing;
    bool open = lane->has_sink && !lane->finish &&
                (!standing || (lane->stands && lane->waiting < SINK_THREAD_QUEUE_MAX / 2));
    bool queued = open && append(lane, delivery);
    if (open && !queued && lane->dropped++ == 0) {
        teller_say(lane->teller, LOG_ERR, "%s does not keep up: alerts are no longer given to it",
                   lane->name);
    }
    pthread_mutex_unlock(&lane->mutex);
    return queued;
}

bool sink_thread_stands(struct sink_thread *lane)
{
    pthread_mutex_lock(&lane->mutex);
    bool stands = lane->stands;
    pthread_mutex_unlock(&lane->mutex);
    return stands;
}

void sink_thread_each_left(struct sink_thread *lane,
                           void (*visit)(struct delivery *delivery, void *user), void *user)
{
    pthread_mutex_lock(&lane->mutex);
    if (lane->current != NULL) {
        visit(lane->current, user);
    }
    for (const struct queued *queued = lane->first; queued != NULL; queued = queued->next) {
        visit(queued->delivery, user);
    }
    pthread_mutex_unlock(&lane->mutex);
}

void sink_thread_tick(struct sink_thread *lane)
{
    pthread_mutex_lock(&lane->mutex);
    lane->tick = true;
    pthread_cond_signal(&lane->work);
    pthread_mutex_unlock(&lane->mutex);
}

bool sink_thread_receives(struct sink_thread *lane)
{
    pthread_mutex_lock(&lane->mutex);
    bool receives = lane->receives;
    pthread_mutex_unlock(&lane->mutex);
    return receives;
}

bool sink_thread_flush(struct sink_thread *lane, const struct timespec *until)
{
    pthread_mutex_lock(&lane->mutex);
    unsigned long long upto = lane->queued;
    while (lane->done < upto) {
        if (!thread_wait_until(&lane->progress, &lane->mutex, until)) {
            break;
        }
    }
    bool flushed = lane->done >= upto;
    pthread_mutex_unlock(&lane->mutex);
    return flushed;
}

bool sink_thread_finish(struct sink_thread *lane, const struct timespec *until)
{
    pthread_mutex_lock(&lane->mutex);
    lane->finish = true;
    pthread_cond_signal(&lane->work);
    while (!lane->exited) {
        if (!thread_wait_until(&lane->progress, &lane->mutex, until)) {
            break;
        }
    }
    bool exited = lane->exited;
    lane->abandoned = !exited;
    if (!exited && lane->outlets != NULL) {
        sink_set_interrupt(lane->outlets);
    }
    pthread_mutex_unlock(&lane->mutex);
    if (exited) {
        pthread_join(lane->thread, NULL);
    } else {
        pthread_detach(lane->thread);
    }
    return exited;
}

void sink_thread_free(struct sink_thread *lane)
{
    release(lane);
}

#include "probe/net/loop.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "probe/net/stream.h"
#include "probe/net/tls.h"

struct loop {
    struct event_base *base;
    struct tls *tls;      /* made when the first handshake needs it */
    unsigned long warned; /* what `warnings` was when it was made */
    unsigned long unset;  /* timers that could not be set */
};

struct loop_timer {
    struct loop *loop;
    struct event *event;
    int64_t deadline;
    void (*due)(void *user);
    void *user;
};

struct loop_watch {
    struct event *event;
    void (*ready)(int descriptor, unsigned int readiness, void *user);
    void *user;
};

/* Of libevent's to this thread. It tells of a failing epoll_ctl in no other way. */
static _Thread_local unsigned long warnings;

static void on_log(int severity, const char *text)
{
    if (severity >= EVENT_LOG_WARN) {
        warnings++;
        fprintf(stderr, "[%s] %s\n", severity == EVENT_LOG_WARN ? "warn" : "err", text);
    }
}

struct loop *loop_new(void)
{
    stream_prepare();
    event_set_log_callback(on_log);
    struct loop *loop = calloc(1, sizeof(*loop));
    struct event_config *config = event_config_new();

    /* The changelist tells the kernel once a turn what has changed. It must not meet descriptors
     * made by dup(), of which there are none here; one that is closed and whose number is used
     * again in the same turn it sees through (event2/event.h; on_connecting minds the rest). */
    if (loop != NULL && config != NULL &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
                                          EVENT_BASE_FLAG_NO_CACHE_TIME |
                                          EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0) {
        loop->base = event_base_new_with_config(config);
    }
    if (config != NULL) {
        event_config_free(config);
    }
    if (loop == NULL || loop->base == NULL) {
        free(loop);
        return NULL;
    }
    loop->warned = warnings;
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    event_base_free(loop->base); /* this is when libevent frees the last streams */
    tls_free(loop->tls);
    free(loop);
}

struct event_base *loop_base(const struct loop *loop)
{
    return loop->base;
}

struct tls *loop_tls(struct loop *loop)
{
    if (loop->tls == NULL) {
        loop->tls = tls_new();
    }
    return loop->tls;
}

int loop_present(struct loop *loop, const char *path)
{
    struct tls *tls = loop_tls(loop);

    return tls != NULL ? tls_present(tls, path) : -1;
}

int loop_run(struct loop *loop)
{
    return event_base_dispatch(loop->base) < 0 ? -1 : 0;
}

void loop_break(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}

int64_t loop_now(const struct loop *loop)
{
    struct timespec now = {0};

    (void)loop; /* every loop has the machine's clock */
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

unsigned long loop_faults(const struct loop *loop)
{
    return warnings - loop->warned + loop->unset;
}

static void on_timer(evutil_socket_t descriptor, short what, void *user)
{
    struct loop_timer *timer = user;

    (void)descriptor;
    (void)what;
    /* The kernel's waits have coarser steps than the clock: never early. */
    if (loop_now(timer->loop) < timer->deadline && loop_timer_set(timer, timer->deadline) == 0) {
        return;
    }
    timer->due(timer->user);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*due)(void *user), void *user)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));

    if (timer == NULL) {
        return NULL;
    }
    *timer = (struct loop_timer){.loop = loop, .due = due, .user = user};
    timer->event = evtimer_new(loop->base, on_timer, timer);
    if (timer->event == NULL) {
        free(timer);
        return NULL;
    }
    return timer;
}

int loop_timer_set(struct loop_timer *timer, int64_t deadline)
{
    int64_t wait = deadline - loop_now(timer->loop);

    if (wait < 0) {
        wait = 0;
    }
    timer->deadline = deadline;
    struct timeval interval = {.tv_sec = wait / 1000, .tv_usec = (wait % 1000) * 1000};
    int set = evtimer_add(timer->event, &interval);
    timer->loop->unset += set != 0;
    return set;
}

void loop_timer_clear(struct loop_timer *timer)
{
    evtimer_del(timer->event);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer != NULL) {
        event_free(timer->event);
        free(timer);
    }
}

static void on_watch(evutil_socket_t descriptor, short what, void *user)
{
    struct loop_watch *watch = user;
    unsigned int readiness = 0;

    if ((what & EV_READ) != 0) {
        readiness |= LOOP_READABLE;
    }
    if ((what & EV_WRITE) != 0) {
        readiness |= LOOP_WRITABLE;
    }
    watch->ready(descriptor, readiness, watch->user);
}

struct loop_watch *loop_watch_new(struct loop *loop, int descriptor, unsigned int readiness,
                                  void (*ready)(int descriptor, unsigned int readiness, void *user),
                                  void *user)
{
    struct loop_watch *watch = calloc(1, sizeof(*watch));
    short what = EV_PERSIST;

    if (watch == NULL) {
        return NULL;
    }
    if ((readiness & LOOP_READABLE) != 0) {
        what |= EV_READ;
    }
    if ((readiness & LOOP_WRITABLE) != 0) {
        what |= EV_WRITE;
    }
    watch->ready = ready;
    watch->user = user;
    watch->event = event_new(loop->base, descriptor, what, on_watch, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0) {
        loop_watch_free(watch);
        return NULL;
    }
    return watch;
}

void loop_watch_free(struct loop_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    if (watch->event != NULL) {
        event_free(watch->event);
    }
    free(watch);
}

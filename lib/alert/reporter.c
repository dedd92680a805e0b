#include "lib/alert/reporter.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/alert/dispatch.h"
#include "lib/alert/inbox.h"
#include "lib/alert/incident_sync.h"
#include "lib/alert/sink/sink_metrics.h"
#include "lib/alert/sink/sinks.h"
#include "lib/alert/standing.h"
#include "lib/alert/terminal.h"
#include "lib/sys/clocks.h"
#include "lib/sys/thread.h"

#define RETRY_FIRST_MS    20
#define RETRY_LAST_MS     1000
#define SLEEP_MAX_SECONDS 60   /* the wall clock may be set meanwhile */
#define STATE_WAIT_MS     1000 /* for the open incidents of before, at the start */
#define DUE_FIRST_MS      1000 /* until what no sink took is tried again */
#define DUE_LAST_MS       60000
#define DUE_TRIED         8 /* announcements at once, while none is taken */

struct reporter {
    /* Constant after reporter_start. */
    struct inbox *inbox;
    struct sink_stats *speaker;
    struct incident_store *store; /* NULL: no state is kept */
    struct dispatch_parts parts;
    struct dispatch *dispatch;
    char *syslog_socket; /* NULL: the default */
    struct terminal terminal;
    pthread_t thread;

    struct orders orders;
    struct incident_table *incidents; /* any thread adds to it */

    /* The thread's. */
    struct incident_sync *memory;
    time_t now;       /* Unix time at the beginning of the round */
    int64_t distance; /* from the steady clock to that */
    int retry_ms;     /* 0: nothing waits in a sink */
    struct timespec retry_at;
    int due_ms; /* 0: no announcement is due */
    struct timespec due_at;
    struct standing standing;
    bool taken; /* an announcement was, since due ones were tried */
};

/* 0: only an audit ends an incident. */
static long quiet_after(const struct alert_settings *settings)
{
    return settings->audits_resolve ? 0 : settings->quiet_after_seconds;
}

static struct sink_source source_of(const struct reporter *reporter,
                                    const struct alert_settings *settings)
{
    return (struct sink_source){.identity = &reporter->speaker->identity,
                                .settings = settings,
                                .syslog_socket = reporter->syslog_socket,
                                .speaker = reporter->speaker};
}

bool reporter_could_tell(const struct reporter *reporter, const struct alert_settings *settings,
                         char *why, size_t size)
{
    const struct sink_source source = source_of(reporter, settings);

    return sink_any_works(&source, why, size);
}

/* NULL when memory is out. */
static struct orders_change *new_change(const struct reporter *reporter,
                                        const struct alert_settings *settings)
{
    const struct sink_source source = source_of(reporter, settings);

    return orders_change_new(&reporter->parts, &source, settings->remind_seconds,
                             quiet_after(settings));
}

/* Whether what a fast sink takes would come to the same journal from standard error, too. */
static bool is_twice_in_journal(const struct reporter *reporter, const struct sink_set *fast)
{
    return reporter->terminal.is_journal &&
           (sink_set_have(fast, "journal") ||
            (sink_set_have(fast, "syslog") && sink_syslog_is_journal(reporter->syslog_socket)));
}

static void say(struct reporter *reporter, int priority, const char *line)
{
    struct sink_set *fast = dispatch_fast(reporter->dispatch);
    size_t took = sink_set_say(fast, priority, line, inbox_teller(reporter->inbox));

    if (took < fast->count || !is_twice_in_journal(reporter, fast)) {
        terminal_say(&reporter->terminal, line);
    }
}

/* incident_announce */
static void announce(const struct incident *incident, enum incident_state state, time_t now,
                     void *user)
{
    const struct reporter *reporter = user;

    dispatch_announce(reporter->dispatch, incident, state, now);
}

/* dispatch_parts.fallback */
static void announce_on_terminal(const struct announcement *announcement, void *user)
{
    const struct reporter *reporter = user;

    terminal_announce(&reporter->terminal, announcement);
}

/* dispatch_parts.settled */
static void settle(const struct announcement *announcement, bool taken, void *user)
{
    struct reporter *reporter = user;

    incident_settle(reporter->incidents, &announcement->incident, taken);
    if (taken && reporter->store != NULL) {
        incident_store_mark(reporter->store, &announcement->incident);
    }
    reporter->taken |= taken;
}

/* That the clock is set neither ends a period nor draws it out. */
static void look_at_clock(struct reporter *reporter)
{
    const struct clocks now = clocks_now();
    int64_t moved = now.wall - now.steady - reporter->distance;

    reporter->now = now.wall;
    /* A second is what both are rounded by. */
    if (moved >= -1 && moved <= 1) {
        return;
    }
    reporter->distance += moved;
    incident_shift(reporter->incidents, moved);
}

/* Takes new settings into use; returns whether to stop. */
static bool take_orders(struct reporter *reporter)
{
    struct orders_change *change;
    bool stop = orders_take(&reporter->orders, &change);

    if (change != NULL) {
        dispatch_use(reporter->dispatch, &change->sinks);
        incident_table_configure(reporter->incidents, change->remind_seconds,
                                 change->quiet_after_seconds);
        standing_begin(&reporter->standing);
        free(change);
    }
    return stop;
}

/* Tries again what waits in sinks, at growing distances. */
static void retry_when_due(struct reporter *reporter)
{
    struct sink_set *fast = dispatch_fast(reporter->dispatch);

    if (reporter->retry_ms > 0 && thread_moment_left(&reporter->retry_at) == 0) {
        sink_set_retry(fast, inbox_teller(reporter->inbox));
        reporter->retry_ms *= 2;
        if (reporter->retry_ms > RETRY_LAST_MS) {
            reporter->retry_ms = RETRY_LAST_MS;
        }
        reporter->retry_at = thread_moment(reporter->retry_ms);
    }
    dispatch_settle(reporter->dispatch);
    if (!sink_set_wait(fast, false)) {
        reporter->retry_ms = 0;
    } else if (reporter->retry_ms == 0) {
        reporter->retry_ms = RETRY_FIRST_MS;
        reporter->retry_at = thread_moment(RETRY_FIRST_MS);
    }
}

/* Tries again what no sink took: some at growing distances, and more as soon as one is taken. */
static void announce_due(struct reporter *reporter)
{
    size_t due = incident_due_count(reporter->incidents);

    if (due == 0) {
        reporter->due_ms = 0;
        reporter->taken = false;
        return;
    }
    if (reporter->due_ms == 0) {
        reporter->due_ms = DUE_FIRST_MS;
        reporter->due_at = thread_moment(DUE_FIRST_MS);
        reporter->taken = false;
    } else if (reporter->taken) {
        reporter->due_ms = DUE_FIRST_MS;
    } else if (thread_moment_left(&reporter->due_at) > 0) {
        return;
    } else {
        reporter->due_ms = reporter->due_ms * 2 < DUE_LAST_MS ? reporter->due_ms * 2 : DUE_LAST_MS;
    }
    if (reporter->taken || thread_moment_left(&reporter->due_at) == 0) {
        incident_announce_due(reporter->incidents, reporter->taken ? DISPATCH_QUEUE_MAX : DUE_TRIED,
                              reporter->now);
        reporter->due_at = thread_moment(reporter->due_ms);
        reporter->taken = false;
        dispatch_send(reporter->dispatch);
    }
}

/* Until when there is nothing to do: the next retry, the next incident that may be due (0: none),
 * the next try of what no sink took, or the next time that counts are saved. */
static struct timespec next_moment(const struct reporter *reporter, time_t next_incident)
{
    time_t seconds = SLEEP_MAX_SECONDS;
    time_t now = reporter->now;

    if (next_incident != 0 && next_incident - now < seconds) {
        seconds = next_incident > now ? next_incident - now : 0;
    }
    int sleep_ms = (int)seconds * 1000;
    int memory_ms = incident_sync_due_ms(reporter->memory);
    if (memory_ms >= 0 && memory_ms < sleep_ms) {
        sleep_ms = memory_ms;
    }
    if (reporter->retry_ms > 0) {
        int retry_ms = thread_moment_left(&reporter->retry_at);

        if (retry_ms < sleep_ms) {
            sleep_ms = retry_ms;
        }
    }
    if (reporter->due_ms > 0) {
        int due_ms = thread_moment_left(&reporter->due_at);

        if (due_ms < sleep_ms) {
            sleep_ms = due_ms;
        }
    }
    int standing_ms = standing_left_ms(&reporter->standing, reporter->dispatch);
    if (standing_ms >= 0 && standing_ms < sleep_ms) {
        sleep_ms = standing_ms;
    }
    return thread_moment(sleep_ms);
}

static void say_lines(struct reporter *reporter, const struct inbox_batch *batch)
{
    for (size_t i = 0; i < batch->lines; i++) {
        say(reporter, batch->line[i].priority, batch->line[i].text);
    }
    if (batch->lines_lost > 0) {
        char line[80];

        snprintf(line, sizeof(line), "%lu more line%s left out", batch->lines_lost,
                 batch->lines_lost == 1 ? " was" : "s were");
        say(reporter, LOG_WARNING, line);
    }
}

/* One round of the thread; returns until when the next one may wait. */
static struct timespec work_on(struct reporter *reporter, struct inbox_batch *batch)
{
    look_at_clock(reporter);
    struct reporter_review reviews[ORDERS_REVIEWS_MAX];
    size_t count = orders_take_reviews(&reporter->orders, reviews);
    bool changes = incident_has_news(reporter->incidents) || count > 0;
    incident_sync_follow(reporter->memory, changes);
    incident_take_in(reporter->incidents, reporter->now);
    for (size_t i = 0; i < count; i++) {
        incident_review(reporter->incidents, reviews[i].is_over, reviews[i].user, reporter->now);
        reviews[i].forget(reviews[i].user);
    }
    time_t next_incident = incident_tick(reporter->incidents, reporter->now);
    dispatch_send(reporter->dispatch);
    standing_tell(&reporter->standing, reporter->incidents, reporter->dispatch, reporter->now);
    incident_sync_save_counts(reporter->memory, false);
    say_lines(reporter, batch);
    retry_when_due(reporter);
    announce_due(reporter);
    inbox_done(reporter->inbox, batch, !sink_set_wait(dispatch_fast(reporter->dispatch), true));
    return next_moment(reporter, next_incident);
}

static void *run(void *argument)
{
    struct reporter *reporter = argument;
    struct timespec until = thread_moment(STATE_WAIT_MS);
    bool stop = false;

    if (reporter->store != NULL) {
        incident_store_await_opening(reporter->store, &until);
    }
    until = thread_moment(0);
    while (!stop) {
        struct inbox_batch *batch = inbox_take(reporter->inbox, &until);

        stop = take_orders(reporter);
        until = work_on(reporter, batch);
    }
    /* The last round and the end of the sinks told this about themselves. */
    until = thread_moment(0);
    work_on(reporter, inbox_take(reporter->inbox, &until));
    incident_sync_save_counts(reporter->memory, true);
    dispatch_close(reporter->dispatch);
    struct inbox_batch *last = inbox_take(reporter->inbox, &until);
    for (size_t i = 0; i < last->lines; i++) {
        terminal_say(&reporter->terminal, last->line[i].text);
    }
    inbox_done(reporter->inbox, last, true);
    return NULL;
}

static void free_reporter(struct reporter *reporter)
{
    orders_end(&reporter->orders, inbox_teller(reporter->inbox));
    dispatch_free(reporter->dispatch);
    incident_sync_free(reporter->memory);
    incident_table_free(reporter->incidents);
    if (reporter->store != NULL) {
        incident_store_release(reporter->store);
    }
    sink_stats_release(reporter->speaker);
    if (reporter->inbox != NULL) {
        inbox_release(reporter->inbox);
    }
    free(reporter->syslog_socket);
    free(reporter);
}

/* The thread works with these. */
static bool make_desk(struct reporter *reporter, const struct alert_settings *alert)
{
    reporter->incidents =
        incident_table_new(alert->remind_seconds, quiet_after(alert), announce, reporter);
    reporter->dispatch = dispatch_new(&reporter->parts);
    if (reporter->incidents == NULL || reporter->dispatch == NULL) {
        return false;
    }
    if (alert->audits_resolve) {
        incident_table_share(reporter->incidents);
    }
    reporter->memory =
        incident_sync_new(&(struct incident_sync_parts){.incidents = reporter->incidents,
                                                        .store = reporter->store,
                                                        .speaker = reporter->speaker,
                                                        .shared = alert->audits_resolve});
    if (reporter->memory == NULL) {
        return false;
    }
    struct orders_change *change = new_change(reporter, alert);
    if (change != NULL) {
        orders_give_change(&reporter->orders, change, inbox_teller(reporter->inbox));
    }
    return change != NULL;
}

/* Nobody began to use them. */
static void give_metrics_back(const struct reporter_settings *settings)
{
    if (settings->metrics_done != NULL) {
        settings->metrics_done(settings->metrics_user);
    }
}

static bool make_speaker(struct reporter *reporter, const struct reporter_settings *settings)
{
    reporter->speaker = sink_stats_new(settings->identity);
    if (reporter->speaker == NULL) {
        give_metrics_back(settings);
        return false;
    }
    reporter->speaker->snapshot = settings->metrics;
    reporter->speaker->user = settings->metrics_user;
    reporter->speaker->done = settings->metrics_done;
    terminal_open(&reporter->terminal, reporter->speaker, settings->quiet_terminal);
    return true;
}

/* Everything but the reporter's own thread. */
static bool prepare(struct reporter *reporter, const struct reporter_settings *settings)
{
    if (!make_speaker(reporter, settings)) {
        return false;
    }
    if (settings->syslog_socket != NULL) {
        reporter->syslog_socket = strdup(settings->syslog_socket);
        if (reporter->syslog_socket == NULL) {
            return false;
        }
    }
    reporter->inbox = inbox_new();
    if (reporter->inbox == NULL) {
        return false;
    }
    if (settings->database_path != NULL) {
        reporter->store =
            incident_store_start(inbox_teller(reporter->inbox), settings->database_path);
        if (reporter->store == NULL) {
            return false;
        }
    }
    reporter->parts = (struct dispatch_parts){
        .teller = inbox_teller(reporter->inbox),
        .speaker = reporter->speaker,
        .store = reporter->store,
        .kinds = settings->kinds == NULL ? sink_kinds : settings->kinds,
        .fallback = announce_on_terminal,
        .settled = settle,
        .user = reporter,
    };
    return make_desk(reporter, settings->alert);
}

/* A thread that hangs is left behind. */
static void finish_sinks(struct reporter *reporter, int wait_ms)
{
    struct timespec until = thread_moment(wait_ms);

    if (reporter->dispatch != NULL) {
        dispatch_finish(reporter->dispatch, &until);
    }
}

static void finish_store(struct reporter *reporter, int wait_ms)
{
    struct timespec until = thread_moment(wait_ms);

    if (reporter->store != NULL && !incident_store_finish(reporter->store, &until)) {
        terminal_say(&reporter->terminal, "state database not responding; incidents not saved");
    }
}

struct reporter *reporter_start(const struct reporter_settings *settings,
                                char error[SINK_ERROR_SIZE])
{
    struct reporter *reporter = calloc(1, sizeof(*reporter));

    if (reporter != NULL) {
        const struct clocks now = clocks_now();

        orders_begin(&reporter->orders);
        reporter->distance = now.wall - now.steady;
        if (prepare(reporter, settings)) {
            take_orders(reporter);
            if (thread_start(&reporter->thread, "reporter", run, reporter) == 0) {
                return reporter;
            }
        }
        finish_sinks(reporter, 1000);
        finish_store(reporter, 1000);
        free_reporter(reporter);
    } else {
        give_metrics_back(settings);
    }
    snprintf(error, SINK_ERROR_SIZE,
             "cannot start the reporter of alerts: memory or threads are out");
    return NULL;
}

void reporter_stop(struct reporter *reporter, int wait_ms)
{
    struct timespec until = thread_moment(wait_ms);

    /* A program of a moment writes of its incidents only once it knows of them. */
    if (reporter->store != NULL) {
        incident_store_await_opening(reporter->store, &until);
    }
    inbox_wake(reporter->inbox);
    inbox_flush(reporter->inbox, &until);
    finish_sinks(reporter, wait_ms);
    orders_stop(&reporter->orders);
    inbox_wake(reporter->inbox);
    pthread_join(reporter->thread, NULL);
    dispatch_show_left(reporter->dispatch);
    finish_store(reporter, wait_ms);
    free_reporter(reporter);
}

void reporter_hand_over(struct reporter *reporter, const struct finding *finding)
{
    incident_add(reporter->incidents, finding);
    inbox_wake(reporter->inbox);
}

void reporter_resolve(struct reporter *reporter, enum finding_kind kind, const char *key)
{
    incident_resolve(reporter->incidents, kind, key);
    inbox_wake(reporter->inbox);
}

void reporter_look_over(struct reporter *reporter, const struct reporter_review *review)
{
    bool taken = orders_give_review(&reporter->orders, review);

    inbox_wake(reporter->inbox);
    if (!taken) {
        review->forget(review->user);
    }
}

void reporter_say(struct reporter *reporter, int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    inbox_vsay(reporter->inbox, priority, format, arguments);
    va_end(arguments);
}

bool reporter_flush(struct reporter *reporter, int wait_ms)
{
    struct timespec until = thread_moment(wait_ms);

    return inbox_flush(reporter->inbox, &until) && dispatch_flush_lanes(reporter->dispatch, &until);
}

void reporter_show_numbers(struct reporter *reporter)
{
    dispatch_tick_lanes(reporter->dispatch);
}

struct metrics *reporter_numbers(const struct reporter *reporter)
{
    struct metrics *metrics = metrics_new();

    if (metrics != NULL) {
        sink_metrics_show(metrics, reporter->speaker);
    }
    return metrics;
}

void reporter_configure(struct reporter *reporter, const struct alert_settings *settings)
{
    struct orders_change *change = new_change(reporter, settings);

    if (change == NULL) {
        inbox_say(reporter->inbox, LOG_ERR, "out of memory; keeping the current alert settings");
        return;
    }
    orders_give_change(&reporter->orders, change, inbox_teller(reporter->inbox));
    inbox_wake(reporter->inbox);
}

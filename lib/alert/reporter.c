#include "lib/alert/reporter.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/alert/dispatch.h"
#include "lib/alert/inbox.h"
#include "lib/alert/incident_sync.h"
#include "lib/alert/sink/format.h"
#include "lib/sys/clocks.h"
#include "lib/sys/thread.h"

#define RETRY_FIRST_MS    20
#define RETRY_LAST_MS     1000
#define SLEEP_MAX_SECONDS 60   /* the wall clock may be set meanwhile */
#define TERMINAL_LINE_MAX 4096 /* what a pipe with any room takes without blocking (PIPE_BUF) */
#define STATE_WAIT_MS     1000 /* for the open incidents of before, at the start */

/* Settings on their way to the reporter's thread. */
struct change {
    struct dispatch_sinks sinks;
    long remind_seconds;
    long quiet_after_seconds;
};

struct reporter {
    /* Constant after reporter_start. */
    struct inbox *inbox;
    struct speaker *speaker;
    struct store *store; /* NULL: no state is kept */
    struct dispatch_parts parts;
    struct dispatch *dispatch;
    char *syslog_socket; /* NULL: the default */
    bool quiet_terminal;
    bool terminal_is_journal;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards change, ordered and stop */
    struct change *change;
    struct reporter_review ordered; /* `is_over` is NULL: none */
    bool stop;

    /* The thread's. */
    struct incident_table *incidents;
    struct memory *memory;
    time_t now;       /* Unix time at the beginning of the round */
    int64_t distance; /* from the steady clock to that */
    int retry_ms;     /* 0: nothing waits in a sink */
    struct timespec retry_at;
};

static void free_change(struct change *change, struct inbox *inbox)
{
    if (change == NULL)
        return;
    dispatch_free_sinks(&change->sinks, inbox);
    free(change);
}

/* 0: only an audit ends an incident. */
static long quiet_after(const struct alert_settings *settings)
{
    return settings->audits_resolve ? 0 : settings->quiet_after_seconds;
}

/* NULL when memory is out. */
static struct change *new_change(const struct reporter *reporter,
                                 const struct alert_settings *settings)
{
    const struct sink_source source = {.identity = &reporter->speaker->identity,
                                       .settings = settings,
                                       .syslog_socket = reporter->syslog_socket,
                                       .speaker = reporter->speaker};
    struct change *change = calloc(1, sizeof(*change));

    if (change == NULL)
        return NULL;
    change->remind_seconds = settings->remind_seconds;
    change->quiet_after_seconds = quiet_after(settings);
    if (dispatch_make_sinks(&reporter->parts, &source, &change->sinks))
        return change;
    free(change);
    return NULL;
}

/* Standard error may be a pipe that nobody reads, or a stopped terminal: then the line is left out.
 */
static void write_terminal(const struct reporter *reporter, const char *line)
{
    struct pollfd terminal = {.fd = STDERR_FILENO, .events = POLLOUT};
    char text[TERMINAL_LINE_MAX];

    if (reporter->quiet_terminal)
        return;
    int length =
        snprintf(text, sizeof(text), "%s: %s\n", reporter->speaker->identity.program, line);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof(text)) {
        length = (int)format_cut(text, sizeof(text) - 2);
        text[length++] = '\n';
    }
    if (poll(&terminal, 1, 0) == 1 && (terminal.revents & POLLOUT) != 0 &&
        write(STDERR_FILENO, text, (size_t)length) < 0)
        return;
}

/* Whether what a fast sink takes would come to the same journal from standard error, too. */
static bool is_twice_in_journal(const struct reporter *reporter, const struct outlets *fast)
{
    return reporter->terminal_is_journal &&
           (outlets_have(fast, "journal") ||
            (outlets_have(fast, "syslog") && sink_syslog_is_journal(reporter->syslog_socket)));
}

static void say(struct reporter *reporter, int priority, const char *line)
{
    struct outlets *fast = dispatch_fast(reporter->dispatch);
    size_t took = outlets_say(fast, priority, line, reporter->inbox);

    if (took < fast->count || !is_twice_in_journal(reporter, fast))
        write_terminal(reporter, line);
}

/* As systemd.exec(5) has it: JOURNAL_STREAM is the device and inode of what systemd has put at
 * standard error, if that is the journal. */
static bool is_journal(int descriptor)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat status;

    if (stream == NULL || fstat(descriptor, &status) != 0)
        return false;
    snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, ours) == 0;
}

/* incident_announce */
static void announce(const struct incident *incident, enum incident_state state, time_t now,
                     void *user)
{
    const struct reporter *reporter = user;
    const struct announcement announcement = {state, now, *incident};

    dispatch_announce(reporter->dispatch, &announcement);
}

/* dispatch_parts.fallback */
static void announce_on_terminal(const struct announcement *announcement, void *user)
{
    const struct reporter *reporter = user;
    char line[TERMINAL_LINE_MAX];

    format_kv(line, sizeof(line), announcement);
    write_terminal(reporter, line);
}

/* That the clock is set neither ends a period nor draws it out. */
static void look_at_clock(struct reporter *reporter)
{
    const struct clocks now = clocks_now();
    int64_t moved = now.wall - now.steady - reporter->distance;

    reporter->now = now.wall;
    /* A second is what both are rounded by. */
    if (moved >= -1 && moved <= 1)
        return;
    reporter->distance += moved;
    incident_shift(reporter->incidents, moved);
}

/* pending_receiver */
static void receive_finding(const struct finding *finding, void *user)
{
    struct reporter *reporter = user;

    if (!incident_add(reporter->incidents, finding, reporter->now))
        inbox_say(reporter->inbox, LOG_ERR,
                  "memory is out: an incident cannot be followed and may be announced again");
}

/* pending_receiver */
static void receive_resolution(enum finding_kind kind, const char *key, void *user)
{
    struct reporter *reporter = user;

    incident_resolve(reporter->incidents, kind, key, reporter->now);
}

static void end_review(const struct reporter_review *review)
{
    if (review->is_over != NULL)
        review->forget(review->user);
}

static struct reporter_review take_review(struct reporter *reporter)
{
    pthread_mutex_lock(&reporter->mutex);
    const struct reporter_review review = reporter->ordered;
    reporter->ordered = (struct reporter_review){.is_over = NULL};
    pthread_mutex_unlock(&reporter->mutex);
    return review;
}

/* Takes new settings into use; returns whether to stop. */
static bool take_orders(struct reporter *reporter)
{
    pthread_mutex_lock(&reporter->mutex);
    struct change *change = reporter->change;
    bool stop = reporter->stop;
    reporter->change = NULL;
    pthread_mutex_unlock(&reporter->mutex);

    if (change != NULL) {
        dispatch_use(reporter->dispatch, &change->sinks);
        incident_table_configure(reporter->incidents, change->remind_seconds,
                                 change->quiet_after_seconds);
        free(change);
    }
    return stop;
}

/* Tries again what waits in sinks, at growing distances. */
static void retry_when_due(struct reporter *reporter)
{
    struct outlets *fast = dispatch_fast(reporter->dispatch);

    if (reporter->retry_ms > 0 && thread_moment_left(&reporter->retry_at) == 0) {
        outlets_retry(fast, reporter->inbox);
        reporter->retry_ms *= 2;
        if (reporter->retry_ms > RETRY_LAST_MS)
            reporter->retry_ms = RETRY_LAST_MS;
        reporter->retry_at = thread_moment(reporter->retry_ms);
    }
    dispatch_settle(reporter->dispatch);
    if (!outlets_wait(fast, false)) {
        reporter->retry_ms = 0;
    } else if (reporter->retry_ms == 0) {
        reporter->retry_ms = RETRY_FIRST_MS;
        reporter->retry_at = thread_moment(RETRY_FIRST_MS);
    }
}

/* Until when there is nothing to do: the next retry, the next incident that may be due (0: none),
 * or the next time that counts are saved. */
static struct timespec next_moment(const struct reporter *reporter, time_t next_incident)
{
    time_t seconds = SLEEP_MAX_SECONDS;
    time_t now = reporter->now;

    if (next_incident != 0 && next_incident - now < seconds)
        seconds = next_incident > now ? next_incident - now : 0;
    int sleep_ms = (int)seconds * 1000;
    int memory_ms = memory_due_ms(reporter->memory);
    if (memory_ms >= 0 && memory_ms < sleep_ms)
        sleep_ms = memory_ms;
    if (reporter->retry_ms > 0) {
        int retry_ms = thread_moment_left(&reporter->retry_at);

        if (retry_ms < sleep_ms)
            sleep_ms = retry_ms;
    }
    return thread_moment(sleep_ms);
}

static void say_lines(struct reporter *reporter, const struct inbox_batch *batch)
{
    for (size_t i = 0; i < batch->lines; i++)
        say(reporter, batch->line[i].priority, batch->line[i].text);
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
    const struct pending_receiver receiver = {receive_finding, receive_resolution, reporter};

    look_at_clock(reporter);
    const struct reporter_review review = take_review(reporter);
    bool changes = pending_count(batch->pending) > 0 || review.is_over != NULL;
    memory_follow(reporter->memory, changes);
    pending_empty(batch->pending, &receiver);
    if (review.is_over != NULL)
        incident_review(reporter->incidents, review.is_over, review.user, reporter->now);
    end_review(&review);
    time_t next_incident = incident_tick(reporter->incidents, reporter->now);
    dispatch_send(reporter->dispatch);
    memory_save_counts(reporter->memory, false);
    say_lines(reporter, batch);
    retry_when_due(reporter);
    inbox_done(reporter->inbox, batch, !outlets_wait(dispatch_fast(reporter->dispatch), true));
    return next_moment(reporter, next_incident);
}

static void *run(void *argument)
{
    struct reporter *reporter = argument;
    struct timespec until = thread_moment(STATE_WAIT_MS);
    bool stop = false;

    if (reporter->store != NULL)
        store_await_opening(reporter->store, &until);
    until = thread_moment(0);
    while (!stop) {
        struct inbox_batch *batch = inbox_take(reporter->inbox, &until);

        stop = take_orders(reporter);
        until = work_on(reporter, batch);
    }
    /* What the last round and the end of the sinks told about themselves. */
    until = thread_moment(0);
    work_on(reporter, inbox_take(reporter->inbox, &until));
    memory_save_counts(reporter->memory, true);
    dispatch_close(reporter->dispatch);
    struct inbox_batch *last = inbox_take(reporter->inbox, &until);
    for (size_t i = 0; i < last->lines; i++)
        write_terminal(reporter, last->line[i].text);
    inbox_done(reporter->inbox, last, true);
    return NULL;
}

static void free_reporter(struct reporter *reporter)
{
    free_change(reporter->change, reporter->inbox);
    end_review(&reporter->ordered);
    dispatch_free(reporter->dispatch);
    memory_free(reporter->memory);
    incident_table_free(reporter->incidents);
    if (reporter->store != NULL)
        store_release(reporter->store);
    speaker_release(reporter->speaker);
    if (reporter->inbox != NULL)
        inbox_release(reporter->inbox);
    pthread_mutex_destroy(&reporter->mutex);
    free(reporter->syslog_socket);
    free(reporter);
}

/* What the thread works with. */
static bool make_desk(struct reporter *reporter, const struct alert_settings *alert)
{
    reporter->incidents =
        incident_table_new(alert->remind_seconds, quiet_after(alert), announce, reporter);
    reporter->dispatch = dispatch_new(&reporter->parts);
    if (reporter->incidents == NULL || reporter->dispatch == NULL)
        return false;
    reporter->memory = memory_new(&(struct memory_parts){.incidents = reporter->incidents,
                                                         .store = reporter->store,
                                                         .speaker = reporter->speaker,
                                                         .announce = announce,
                                                         .user = reporter,
                                                         .shared = alert->audits_resolve});
    if (reporter->memory == NULL)
        return false;
    reporter->change = new_change(reporter, alert);
    return reporter->change != NULL;
}

/* Nobody began to use them. */
static void give_metrics_back(const struct reporter_settings *settings)
{
    if (settings->metrics_done != NULL)
        settings->metrics_done(settings->metrics_user);
}

static bool make_speaker(struct reporter *reporter, const struct reporter_settings *settings)
{
    reporter->speaker = speaker_new(settings->identity);
    if (reporter->speaker == NULL) {
        give_metrics_back(settings);
        return false;
    }
    reporter->speaker->snapshot = settings->metrics;
    reporter->speaker->user = settings->metrics_user;
    reporter->speaker->done = settings->metrics_done;
    return true;
}

/* Everything but the reporter's own thread. */
static bool prepare(struct reporter *reporter, const struct reporter_settings *settings)
{
    if (!make_speaker(reporter, settings))
        return false;
    if (settings->syslog_socket != NULL) {
        reporter->syslog_socket = strdup(settings->syslog_socket);
        if (reporter->syslog_socket == NULL)
            return false;
    }
    reporter->inbox = inbox_new();
    if (reporter->inbox == NULL)
        return false;
    if (settings->database_path != NULL) {
        reporter->store = store_start(reporter->inbox, settings->database_path);
        if (reporter->store == NULL)
            return false;
    }
    reporter->parts = (struct dispatch_parts){
        .inbox = reporter->inbox,
        .speaker = reporter->speaker,
        .store = reporter->store,
        .kinds = settings->kinds == NULL ? sink_kinds : settings->kinds,
        .fallback = announce_on_terminal,
        .user = reporter,
    };
    return make_desk(reporter, settings->alert);
}

/* Whoever hangs is left behind. */
static void finish_sinks(struct reporter *reporter, int wait_ms)
{
    struct timespec until = thread_moment(wait_ms);

    if (reporter->dispatch != NULL)
        dispatch_finish(reporter->dispatch, &until);
}

static void finish_store(struct reporter *reporter, int wait_ms)
{
    struct timespec until = thread_moment(wait_ms);

    if (reporter->store != NULL && !store_finish(reporter->store, &until))
        write_terminal(reporter, "the disk with the state hangs: incidents were not saved");
}

struct reporter *reporter_start(const struct reporter_settings *settings,
                                char error[SINK_ERROR_SIZE])
{
    struct reporter *reporter = calloc(1, sizeof(*reporter));

    if (reporter != NULL) {
        const struct clocks now = clocks_now();

        pthread_mutex_init(&reporter->mutex, NULL);
        reporter->distance = now.wall - now.steady;
        reporter->quiet_terminal = settings->quiet_terminal;
        reporter->terminal_is_journal = is_journal(STDERR_FILENO);
        if (prepare(reporter, settings)) {
            take_orders(reporter);
            if (thread_start(&reporter->thread, "reporter", run, reporter) == 0)
                return reporter;
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

    /* What a program of a moment writes of its incidents is right only once it knows of them. */
    if (reporter->store != NULL)
        store_await_opening(reporter->store, &until);
    inbox_wake(reporter->inbox);
    inbox_flush(reporter->inbox, &until);
    finish_sinks(reporter, wait_ms);
    pthread_mutex_lock(&reporter->mutex);
    reporter->stop = true;
    pthread_mutex_unlock(&reporter->mutex);
    inbox_wake(reporter->inbox);
    pthread_join(reporter->thread, NULL);
    finish_store(reporter, wait_ms);
    free_reporter(reporter);
}

void reporter_hand_over(struct reporter *reporter, const struct finding *finding)
{
    inbox_add(reporter->inbox, finding);
}

void reporter_resolve(struct reporter *reporter, enum finding_kind kind, const char *key)
{
    inbox_resolve(reporter->inbox, kind, key);
}

void reporter_look_over(struct reporter *reporter, const struct reporter_review *review)
{
    pthread_mutex_lock(&reporter->mutex);
    const struct reporter_review overtaken = reporter->ordered;
    reporter->ordered = *review;
    pthread_mutex_unlock(&reporter->mutex);
    inbox_wake(reporter->inbox);
    end_review(&overtaken);
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

void reporter_configure(struct reporter *reporter, const struct alert_settings *settings)
{
    struct change *change = new_change(reporter, settings);

    if (change == NULL) {
        inbox_say(reporter->inbox, LOG_ERR,
                  "memory is out: the alert settings of before stay in use");
        return;
    }
    pthread_mutex_lock(&reporter->mutex);
    struct change *overtaken = reporter->change;
    reporter->change = change;
    pthread_mutex_unlock(&reporter->mutex);
    inbox_wake(reporter->inbox);
    free_change(overtaken, reporter->inbox);
}

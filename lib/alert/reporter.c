#include "lib/alert/reporter.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/alert/format.h"
#include "lib/alert/inbox.h"
#include "lib/alert/lane.h"
#include "lib/alert/outlet.h"
#include "lib/alert/thread.h"

#define RETRY_FIRST_MS    20
#define RETRY_LAST_MS     1000
#define SLEEP_MAX_SECONDS 60   /* the wall clock may be set meanwhile */
#define TERMINAL_LINE_MAX 4096 /* what a pipe with any room takes without blocking (PIPE_BUF) */

/* Settings on their way to the reporter's thread. */
struct change {
    struct outlets *fast;
    struct outlets *slow;
    long remind_seconds;
    long quiet_after_seconds;
};

struct reporter {
    /* Constant after reporter_start. */
    struct inbox *inbox;
    struct lane *lane;
    const struct sink_kind *kinds;
    char *syslog_socket; /* NULL: the default */
    bool quiet_terminal;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards change and stop */
    struct change *change;
    bool stop;

    /* The thread's. */
    struct incident_table *incidents;
    struct outlets *outlets;
    bool has_slow_sinks;
    int retry_ms; /* 0: nothing waits in a sink */
    struct timespec retry_at;
};

static void free_change(struct change *change, struct inbox *inbox)
{
    if (change == NULL)
        return;
    outlets_free(change->fast, inbox);
    outlets_free(change->slow, inbox);
    free(change);
}

/* NULL when memory is out. */
static struct change *new_change(const struct reporter *reporter,
                                 const struct alert_settings *settings)
{
    struct outlet_source source = {reporter->kinds, lane_identity(reporter->lane),
                                   reporter->syslog_socket};
    struct change *change = calloc(1, sizeof(*change));

    if (change == NULL)
        return NULL;
    change->remind_seconds = settings->remind_seconds;
    change->quiet_after_seconds = settings->quiet_after_seconds;
    change->fast = outlets_new(&source, settings, false);
    change->slow = outlets_new(&source, settings, true);
    if (change->fast == NULL || change->slow == NULL) {
        free_change(change, reporter->inbox);
        return NULL;
    }
    return change;
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
        snprintf(text, sizeof(text), "%s: %s\n", lane_identity(reporter->lane)->program, line);
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

static void say(struct reporter *reporter, int priority, const char *line)
{
    outlets_say(reporter->outlets, priority, line, reporter->inbox);
    write_terminal(reporter, line);
}

/* incident_announce */
static void announce(const struct incident *incident, enum incident_state state, time_t now,
                     void *user)
{
    struct reporter *reporter = user;
    struct announcement announcement = {state, now, *incident};
    bool only_slow = reporter->outlets->count == 0 && reporter->has_slow_sinks;

    lane_announce(reporter->lane, &announcement);
    if (outlets_announce(reporter->outlets, &announcement, reporter->inbox) == 0 && !only_slow) {
        char line[TERMINAL_LINE_MAX];

        format_kv(line, sizeof(line), &announcement);
        write_terminal(reporter, line);
    }
}

static time_t wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

/* pending_receiver */
static void receive_finding(const struct finding *finding, void *user)
{
    struct reporter *reporter = user;

    if (!incident_add(reporter->incidents, finding, wall_clock()))
        inbox_say(reporter->inbox, LOG_ERR,
                  "memory is out: an incident cannot be followed and may be announced again");
}

/* pending_receiver */
static void receive_resolution(enum finding_kind kind, const char *key, void *user)
{
    struct reporter *reporter = user;

    incident_resolve(reporter->incidents, kind, key, wall_clock());
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
        outlets_succeed(change->fast, reporter->outlets);
        outlets_free(reporter->outlets, reporter->inbox);
        reporter->outlets = change->fast;
        reporter->has_slow_sinks = change->slow->count > 0;
        lane_use(reporter->lane, change->slow);
        incident_table_configure(reporter->incidents, change->remind_seconds,
                                 change->quiet_after_seconds);
        free(change);
    }
    return stop;
}

/* Tries again what waits in sinks, at growing distances. */
static void retry_when_due(struct reporter *reporter)
{
    if (reporter->retry_ms > 0 && thread_moment_left(&reporter->retry_at) == 0) {
        outlets_retry(reporter->outlets, reporter->inbox);
        reporter->retry_ms *= 2;
        if (reporter->retry_ms > RETRY_LAST_MS)
            reporter->retry_ms = RETRY_LAST_MS;
        reporter->retry_at = thread_moment(reporter->retry_ms);
    }
    if (!outlets_wait(reporter->outlets, false)) {
        reporter->retry_ms = 0;
    } else if (reporter->retry_ms == 0) {
        reporter->retry_ms = RETRY_FIRST_MS;
        reporter->retry_at = thread_moment(RETRY_FIRST_MS);
    }
}

/* Until when there is nothing to do: the next retry, or the next incident that may be due (0:
 * none). */
static struct timespec next_moment(const struct reporter *reporter, time_t next_incident)
{
    time_t seconds = SLEEP_MAX_SECONDS;
    time_t now = wall_clock();

    if (next_incident != 0 && next_incident - now < seconds)
        seconds = next_incident > now ? next_incident - now : 0;
    int sleep_ms = (int)seconds * 1000;
    if (reporter->retry_ms > 0) {
        int retry_ms = thread_moment_left(&reporter->retry_at);

        if (retry_ms < sleep_ms)
            sleep_ms = retry_ms;
    }
    return thread_moment(sleep_ms);
}

/* One round of the thread; returns until when the next one may wait. */
static struct timespec work_on(struct reporter *reporter, struct inbox_batch *batch)
{
    const struct pending_receiver receiver = {receive_finding, receive_resolution, reporter};

    pending_empty(batch->pending, &receiver);
    time_t next_incident = incident_tick(reporter->incidents, wall_clock());
    for (size_t i = 0; i < batch->lines; i++)
        say(reporter, batch->line[i].priority, batch->line[i].text);
    if (batch->lines_lost > 0) {
        char line[80];

        snprintf(line, sizeof(line), "%lu more line%s left out", batch->lines_lost,
                 batch->lines_lost == 1 ? " was" : "s were");
        say(reporter, LOG_WARNING, line);
    }
    retry_when_due(reporter);
    inbox_done(reporter->inbox, batch, !outlets_wait(reporter->outlets, true));
    return next_moment(reporter, next_incident);
}

static void *run(void *argument)
{
    struct reporter *reporter = argument;
    struct timespec until = thread_moment(0);
    bool stop = false;

    while (!stop) {
        struct inbox_batch *batch = inbox_take(reporter->inbox, &until);

        stop = take_orders(reporter);
        until = work_on(reporter, batch);
    }
    /* What the last round and the end of the sinks told about themselves. */
    until = thread_moment(0);
    work_on(reporter, inbox_take(reporter->inbox, &until));
    outlets_free(reporter->outlets, reporter->inbox);
    reporter->outlets = NULL;
    struct inbox_batch *last = inbox_take(reporter->inbox, &until);
    for (size_t i = 0; i < last->lines; i++)
        write_terminal(reporter, last->line[i].text);
    inbox_done(reporter->inbox, last, true);
    return NULL;
}

static void free_reporter(struct reporter *reporter)
{
    free_change(reporter->change, reporter->inbox);
    outlets_free(reporter->outlets, reporter->inbox);
    incident_table_free(reporter->incidents);
    if (reporter->lane != NULL)
        lane_free(reporter->lane);
    if (reporter->inbox != NULL)
        inbox_release(reporter->inbox);
    pthread_mutex_destroy(&reporter->mutex);
    free(reporter->syslog_socket);
    free(reporter);
}

/* Everything but the reporter's own thread. */
static bool prepare(struct reporter *reporter, const struct reporter_settings *settings)
{
    const struct alert_settings *alert = settings->alert;

    if (settings->syslog_socket != NULL) {
        reporter->syslog_socket = strdup(settings->syslog_socket);
        if (reporter->syslog_socket == NULL)
            return false;
    }
    reporter->incidents =
        incident_table_new(alert->remind_seconds, alert->quiet_after_seconds, announce, reporter);
    reporter->inbox = inbox_new();
    if (reporter->incidents == NULL || reporter->inbox == NULL)
        return false;
    reporter->lane = lane_start(reporter->inbox, settings->identity, settings->database_path);
    if (reporter->lane == NULL)
        return false;
    reporter->change = new_change(reporter, alert);
    return reporter->change != NULL;
}

struct reporter *reporter_start(const struct reporter_settings *settings,
                                char error[SINK_ERROR_SIZE])
{
    struct reporter *reporter = calloc(1, sizeof(*reporter));

    if (reporter != NULL) {
        pthread_mutex_init(&reporter->mutex, NULL);
        reporter->kinds = settings->kinds == NULL ? sink_kinds : settings->kinds;
        reporter->quiet_terminal = settings->quiet_terminal;
        if (prepare(reporter, settings)) {
            take_orders(reporter);
            if (thread_start(&reporter->thread, "reporter", run, reporter) == 0)
                return reporter;
        }
        if (reporter->lane != NULL) {
            struct timespec until = thread_moment(1000);

            lane_finish(reporter->lane, &until);
        }
        free_reporter(reporter);
    }
    snprintf(error, SINK_ERROR_SIZE,
             "cannot start the reporter of alerts: memory or threads are out");
    return NULL;
}

void reporter_stop(struct reporter *reporter, int wait_ms)
{
    struct timespec until = thread_moment(wait_ms);

    inbox_flush(reporter->inbox, &until);
    until = thread_moment(wait_ms);
    if (!lane_finish(reporter->lane, &until))
        inbox_say(reporter->inbox, LOG_ERR, "the disk hangs: alerts were not written to it");

    pthread_mutex_lock(&reporter->mutex);
    reporter->stop = true;
    pthread_mutex_unlock(&reporter->mutex);
    inbox_wake(reporter->inbox);
    pthread_join(reporter->thread, NULL);
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

    return inbox_flush(reporter->inbox, &until) && lane_flush(reporter->lane, &until);
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

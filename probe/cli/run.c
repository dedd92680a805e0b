#include "probe/cli/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "lib/printable.h"
#include "probe/audit/audit.h"
#include "probe/audit/schedule.h"
#include "probe/model/target.h"
#include "probe/net/signals.h"
#include "probe/report/alerts.h"
#include "probe/report/history.h"
#include "probe/report/metrics_state.h"

#define LINE_SIZE 5632 /* a status line */
#define LAST_SIZE 1024 /* of one, without its figures */
#define FLUSH_MS  1000 /* for the alerts of an audit, whose incidents are numbers, too */

struct daemon {
    const struct invocation *invocation;
    struct conf *conf;
    struct schedule *schedule;
    struct standing *standing; /* NULL: memory was out for it */
    struct reporter *reporter;
    sigset_t signals; /* blocked always, and taken while it waits: none is ever lost */
    bool told_to_stop;
    char last[LAST_SIZE]; /* what the last audit came to; "" before the first */
};

/* Does not stop while the machine sleeps. */
static int64_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

static uint32_t chance(void)
{
    uint32_t number;

    return getrandom(&number, sizeof(number), 0) == (ssize_t)sizeof(number) ? number : 0;
}

/* ---- signals ------------------------------------------------------------------------- */

static void prepare_signals(struct daemon *daemon)
{
    sigemptyset(&daemon->signals);
    sigaddset(&daemon->signals, SIGTERM);
    sigaddset(&daemon->signals, SIGINT);
    sigaddset(&daemon->signals, SIGUSR1);
    sigaddset(&daemon->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &daemon->signals, NULL);
}

/* An order to stop goes before all others that are pending. */
static bool is_to_stop(const struct daemon *daemon)
{
    return daemon->told_to_stop || interruption_is_pending();
}

/* ---- an audit ------------------------------------------------------------------------ */

static void log_summary(struct daemon *daemon, const struct audit_summary *summary)
{
    char line[LINE_SIZE] = "";
    FILE *into = fmemopen(line, sizeof(line), "w");

    if (into != NULL) {
        report_status_line(into, summary);
        fclose(into);
    }
    line[sizeof(line) - 1] = '\0';
    line[strcspn(line, "\n")] = '\0';
    reporter_say(daemon->reporter, LOG_INFO, "%s", line);
    /* The figures of the performance data stand behind " | ". */
    char *figures = strstr(line, " | ");
    if (figures != NULL) {
        *figures = '\0';
    }
    snprintf(daemon->last, sizeof(daemon->last), "%.*s; ", LAST_SIZE - 3, line);
}

static void print_summary(const struct daemon *daemon, const struct audit_summary *summary)
{
    if (daemon->invocation->json &&
        (!report_json(stdout, summary) || !invocation_output_is_written())) {
        reporter_say(daemon->reporter, LOG_ERR, "the report could not be made or written");
        clearerr(stdout); /* the next audit tries again */
    }
}

static void stand(const struct daemon *daemon, const struct audit_summary *summary)
{
    char error[STANDING_ERROR_SIZE];

    if (daemon->standing != NULL && !standing_add(daemon->standing, summary, error)) {
        reporter_say(daemon->reporter, LOG_WARNING,
                     "metrics will not know of this audit after a restart: %s", error);
    }
    (void)reporter_flush(daemon->reporter, FLUSH_MS);
    reporter_show_numbers(daemon->reporter);
}

static void finish(struct daemon *daemon, const struct audit *audit)
{
    const struct audit_summary *summary = audit_summary_of(audit);
    char error[HISTORY_ERROR_SIZE];

    if (summary->forgotten[0] != '\0') {
        reporter_say(daemon->reporter, LOG_WARNING, "the next audit will not know of this one: %s",
                     summary->forgotten);
    }
    alerting_tell(daemon->reporter, daemon->conf, summary);
    stand(daemon, summary);
    if (!history_keep(daemon->conf, summary, error)) {
        reporter_say(daemon->reporter, LOG_WARNING, "this audit will be missing in reports: %s",
                     error);
    }
    log_summary(daemon, summary);
    print_summary(daemon, summary);
}

/* SIGTERM and SIGINT end it early, and stay pending. False when it could not be made. */
static bool audit_targets(struct daemon *daemon, const struct target *targets, size_t count)
{
    const struct audit_request request = {
        .conf = daemon->conf,
        .targets = targets,
        .target_count = count,
        .delivery_ms = AUDIT_DELIVERY_MS,
    };
    char error[AUDIT_ERROR_SIZE];

    struct audit *audit = audit_run(&request, error);

    if (audit == NULL) {
        reporter_say(daemon->reporter, LOG_ERR, "no audit could be made: %s; it is tried again",
                     error);
        return false;
    }
    finish(daemon, audit);
    audit_free(audit);
    return true;
}

/* All that are due, in one audit. */
static void audit_due(struct daemon *daemon)
{
    const struct conf_probe *probe = &daemon->conf->probe;
    struct target *targets = calloc(probe->target_count + 1, sizeof(*targets));
    size_t *due = calloc(probe->target_count + 1, sizeof(*due));
    int64_t now = seconds_now();
    size_t count = 0;
    bool made = false;
    char error[TARGET_ERROR_SIZE];

    for (size_t i = 0; i < probe->target_count; i++) {
        if (schedule_is_due(daemon->schedule, i, now)) {
            if (targets != NULL && due != NULL &&
                target_from_conf(&probe->targets[i], &targets[count], error)) {
                due[count++] = i;
            } else {
                reporter_say(daemon->reporter, LOG_ERR, "a target could not be audited: %s",
                             targets == NULL || due == NULL ? "out of memory" : error);
                schedule_failed(daemon->schedule, i, now);
            }
        }
    }
    if (count > 0) {
        sd_notifyf(0, "STATUS=Auditing %zu of %zu targets", count, probe->target_count);
        made = audit_targets(daemon, targets, count);
    }
    now = seconds_now();
    for (size_t i = 0; i < count; i++) {
        if (made) {
            schedule_done(daemon->schedule, due[i], now, chance());
        } else {
            schedule_failed(daemon->schedule, due[i], now);
        }
    }
    free(due);
    free(targets);
}

/* ---- the configuration --------------------------------------------------------------- */

static struct conf *load(const struct invocation *invocation, struct conf_report *report)
{
    struct conf *conf = conf_load(invocation->conf_path, CONF_PROBE, report);
    char path[4096];

    if (conf != NULL && conf->probe.target_count == 0) {
        printable_string(path, sizeof(path), conf->path);
        (void)invocation_fail(
            invocation, "there is nothing to audit: add a target section to probe in %s", path);
        conf_free(conf);
        return NULL;
    }
    return conf;
}

static void reload(struct daemon *daemon)
{
    struct conf_report report = {0};

    sd_notify(0, "STATUS=Reading the configuration again");
    struct conf *conf = conf_load(daemon->invocation->conf_path, CONF_PROBE, &report);
    for (size_t i = 0; i < report.mistake_count; i++) {
        reporter_say(daemon->reporter, LOG_ERR, "%s", report.mistakes[i]);
    }
    conf_report_free(&report);
    if (conf != NULL && conf->probe.target_count == 0) {
        reporter_say(daemon->reporter, LOG_ERR, "the new configuration has no target");
        conf_free(conf);
        conf = NULL;
    }
    struct schedule *schedule =
        conf != NULL ? schedule_new(&conf->probe, daemon->schedule, seconds_now()) : NULL;
    if (schedule == NULL) {
        reporter_say(daemon->reporter, LOG_ERR,
                     "the configuration was not taken; the one of before stays in force");
        conf_free(conf);
        return;
    }
    if (strcmp(conf->state_directory, daemon->conf->state_directory) != 0) {
        reporter_say(daemon->reporter, LOG_WARNING,
                     "another state_directory takes effect at the next start");
    }
    const struct alert_settings alert = alerting_settings(conf, daemon->standing);
    if (daemon->standing != NULL) {
        standing_configure(daemon->standing, conf);
    }
    reporter_configure(daemon->reporter, &alert);
    schedule_free(daemon->schedule);
    conf_free(daemon->conf);
    daemon->schedule = schedule;
    daemon->conf = conf;
    reporter_say(daemon->reporter, LOG_INFO, "configuration reloaded");
}

/* ---- the verb ------------------------------------------------------------------------ */

/* What `systemctl status` shows until the next audit: a time, since nobody counts seconds down. */
static void tell_status(const struct daemon *daemon, time_t wait)
{
    const time_t next = time(NULL) + wait;
    char when[64] = "";
    struct tm local;

    if (wait > 0 && localtime_r(&next, &local) != NULL &&
        strftime(when, sizeof(when), "%a %F %T %Z", &local) > 0) {
        sd_notifyf(0, "STATUS=%snext audit %s", daemon->last, when);
    }
}

/* Until something is due or a signal comes. */
static void wait_for_something(struct daemon *daemon)
{
    const struct timespec wait = {.tv_sec = (time_t)schedule_wait(daemon->schedule, seconds_now())};
    tell_status(daemon, wait.tv_sec);
    switch (sigtimedwait(&daemon->signals, NULL, &wait)) {
    case SIGTERM:
    case SIGINT:
        daemon->told_to_stop = true;
        break;
    case SIGUSR1:
        schedule_hurry(daemon->schedule, seconds_now());
        break;
    case SIGHUP:
        reload(daemon);
        break;
    default: /* it is time */
        break;
    }
}

static void tell_of_another(const struct daemon *daemon)
{
    if (daemon->standing != NULL && !standing_is_told(daemon->standing)) {
        reporter_say(daemon->reporter, LOG_WARNING,
                     "another relaywarden-probe run works with this state_directory: metrics are "
                     "left to it");
    }
}

static int serve(struct daemon *daemon)
{
    reporter_say(
        daemon->reporter, LOG_INFO, "version " RELAYWARDEN_VERSION " is ready, with %zu target%s",
        daemon->conf->probe.target_count, daemon->conf->probe.target_count == 1 ? "" : "s");
    sd_notify(0, "READY=1");
    while (!is_to_stop(daemon)) {
        audit_due(daemon);
        if (!is_to_stop(daemon)) {
            wait_for_something(daemon);
        }
    }
    sd_notify(0, "STOPPING=1");
    reporter_say(daemon->reporter, LOG_INFO, "stopped");
    return 0;
}

int run_main(const struct invocation *invocation)
{
    struct daemon daemon = {.invocation = invocation};
    struct conf_report report = {0};
    int code = PROBE_EXIT_UNKNOWN;

    prepare_signals(&daemon);
    daemon.conf = load(invocation, &report);
    if (daemon.conf == NULL) {
        code = report.mistake_count > 0 ? invocation_fail_configuration(invocation, &report) : code;
        goto out;
    }
    invocation_step_down(daemon.conf);
    daemon.schedule = schedule_new(&daemon.conf->probe, NULL, seconds_now());
    if (daemon.schedule == NULL) {
        code = invocation_fail(invocation, "out of memory");
        goto out;
    }
    daemon.standing = standing_new(daemon.conf, true);
    daemon.reporter = alerting_start(daemon.conf, daemon.standing, false);
    if (daemon.reporter != NULL) {
        tell_of_another(&daemon);
        code = serve(&daemon);
        reporter_stop(daemon.reporter, ALERTING_WAIT_MS);
    }
out:
    standing_release(daemon.standing);
    schedule_free(daemon.schedule);
    conf_report_free(&report);
    conf_free(daemon.conf);
    return code;
}

#include "probe/cli/verbs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/printable.h"
#include "lib/sys/service_manager.h"
#include "probe/audit/audit.h"
#include "probe/audit/former_state.h"
#include "probe/audit/schedule.h"
#include "probe/fleet/claims.h"
#include "probe/fleet/fleet_history.h"
#include "probe/fleet/worker.h"
#include "probe/http/probe_port.h"
#include "probe/model/target.h"
#include "probe/net/signals.h"
#include "probe/report/alerts.h"
#include "probe/report/history.h"
#include "probe/report/metrics_state.h"

#define LINE_SIZE    5632  /* a status line */
#define LAST_SIZE    1024  /* of one, without its figures */
#define WAIT_MOST    86400 /* seconds; nothing is due then, and the wait begins anew */
#define HTTP_WAIT_MS 2000  /* for an answer that is still being made, at the end */
#define WAIT_GRACE   60    /* seconds after which a wait should have ended */
#define AUDIT_GRACE  900   /* seconds beside the time of all endpoints, one after the other */
#define FLUSH_MS     1000  /* for the alerts of an audit, whose incidents are numbers, too */

struct daemon {
    const struct options *invocation;
    struct conf *conf;
    struct schedule *schedule;
    struct metrics_state *standing;      /* NULL: memory was out for it */
    struct fleet_metrics *fleet_metrics; /* NULL: there is no fleet */
    struct reporter *reporter;
    struct alerts_pace pace; /* of the audit */
    struct probe_port *port;
    struct health health;
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
    return daemon->told_to_stop || signals_is_pending();
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
        (!report_json(stdout, summary) || !options_output_is_written())) {
        reporter_say(daemon->reporter, LOG_ERR, "the report could not be made or written");
        clearerr(stdout); /* the next audit tries again */
    }
}

static void remember(struct daemon *daemon, const struct conf *conf,
                     const struct audit_summary *summary)
{
    char error[HISTORY_ERROR_SIZE];
    bool kept = history_keep(conf, summary, error);

    if (!kept) {
        reporter_say(daemon->reporter, LOG_WARNING,
                     "this audit will be missing in reports, and in metrics after a restart: %s",
                     error);
    }
    if (daemon->standing != NULL) {
        metrics_state_add(daemon->standing, summary, kept);
    }
    atomic_store(&daemon->health.unkept, !kept);
    (void)reporter_flush(daemon->reporter, FLUSH_MS);
    reporter_show_numbers(daemon->reporter);
}

static void finish(struct daemon *daemon, const struct audit *audit)
{
    const struct audit_summary *summary = audit_summary_of(audit);

    if (summary->forgotten[0] != '\0') {
        reporter_say(daemon->reporter, LOG_WARNING, "the next audit will not know of this one: %s",
                     summary->forgotten);
    }
    alerts_review(daemon->reporter, daemon->conf, summary);
    remember(daemon, daemon->conf, summary);
    log_summary(daemon, summary);
    print_summary(daemon, summary);
}

/* audit_request.judged */
static void tell_result(const struct endpoint_result *result, void *user)
{
    struct daemon *daemon = user;

    alerts_tell(daemon->reporter, result, &daemon->pace);
}

/* SIGTERM and SIGINT end it early, and stay pending. False when it could not be made. */
static bool audit_targets(struct daemon *daemon, const struct target *targets, size_t count)
{
    const struct audit_request request = {
        .conf = daemon->conf,
        .targets = targets,
        .target_count = count,
        .delivery_ms = AUDIT_DELIVERY_MS,
        .judged = tell_result,
        .user = daemon,
    };
    char error[AUDIT_ERROR_SIZE];

    daemon->pace = (struct alerts_pace){.told = 0};
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

/* Were all asked one after the other, each address and all that is sent included. */
static int64_t longest_audit(const struct conf_probe *probe, size_t count)
{
    return AUDIT_GRACE + (int64_t)count * 8 * probe->timeout_seconds;
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
        service_manager_tell("STATUS=Auditing %zu of %zu targets", count, probe->target_count);
        health_expect(&daemon->health, longest_audit(probe, count), true);
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

static const char output_twice[] =
    "both --json and json = \"-\" of the configuration want standard "
    "output; leave one of them out";

/* Two writers would cut each other's objects. */
static bool wants_output_twice(const struct options *invocation, const struct conf *conf)
{
    return invocation->json && strcmp(conf->alert.json_path, ALERT_JSON_OUTPUT) == 0;
}

/* 0, or why the program cannot begin with it, as an exit code. */
static int load(struct daemon *daemon)
{
    const struct options *invocation = daemon->invocation;
    struct conf_report report = {0};
    char path[4096];
    char sentence[4096 + 80];
    int code = 0;

    daemon->conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    if (daemon->conf == NULL) {
        code = options_fail_configuration(invocation, &report);
    } else if (daemon->conf->probe.target_count == 0 && daemon->conf->database[0] == '\0') {
        printable_string(path, sizeof(path), daemon->conf->path);
        bool variables = strcmp(daemon->conf->path, CONF_ENVIRONMENT) == 0;
        (void)snprintf(sentence, sizeof(sentence), "there is nothing to audit: %s%s",
                       variables ? "set " CONF_TARGETS_VARIABLE
                                 : "add a target section or target_files to probe in ",
                       variables ? "" : path);
        code = options_fail_for(invocation, OPTIONS_CONFIGURATION, sentence);
    } else if (wants_output_twice(invocation, daemon->conf)) {
        code = options_fail_for(invocation, OPTIONS_CONFIGURATION, output_twice);
    }
    conf_report_free(&report);
    return code;
}

static void reload(struct daemon *daemon)
{
    struct conf_report report = {0};

    service_manager_tell("STATUS=Reading the configuration again");
    struct conf *conf = conf_load(daemon->invocation->conf_path, CONF_PROBE, &report);
    for (size_t i = 0; i < report.mistake_count; i++) {
        reporter_say(daemon->reporter, LOG_ERR, "%s", report.mistakes[i]);
    }
    conf_report_free(&report);
    if (conf != NULL && strcmp(conf->database, daemon->conf->database) != 0) {
        reporter_say(daemon->reporter, LOG_ERR,
                     "another database is used from the next start on; restart this daemon");
        conf_free(conf);
        conf = NULL;
    }
    if (conf != NULL && conf->probe.target_count == 0 && conf->database[0] == '\0') {
        reporter_say(daemon->reporter, LOG_ERR, "the new configuration has no target");
        conf_free(conf);
        conf = NULL;
    }
    if (conf != NULL && wants_output_twice(daemon->invocation, conf)) {
        reporter_say(daemon->reporter, LOG_ERR, "%s", output_twice);
        conf_free(conf);
        conf = NULL;
    }
    char why[ALERTS_WHY_SIZE];
    if (conf != NULL && !alerts_is_possible(conf, why)) {
        reporter_say(daemon->reporter, LOG_ERR, "%s", why);
        conf_free(conf);
        conf = NULL;
    }
    struct schedule *schedule = conf != NULL && probe_port_move(daemon->port, conf)
                                    ? schedule_new(&conf->probe, daemon->schedule, seconds_now())
                                    : NULL;
    if (schedule == NULL) {
        if (conf != NULL) {
            (void)probe_port_move(daemon->port, daemon->conf);
        }
        reporter_say(daemon->reporter, LOG_ERR, "reload failed; keeping the current configuration");
        conf_free(conf);
        return;
    }
    if (strcmp(conf->state_directory, daemon->conf->state_directory) != 0) {
        reporter_say(daemon->reporter, LOG_WARNING,
                     "another state_directory takes effect at the next start");
    }
    const struct alert_settings alert = alerts_settings(conf, daemon->standing, ALERTS_OF_DAEMON);
    if (daemon->standing != NULL) {
        metrics_state_configure(daemon->standing, conf);
    }
    reporter_configure(daemon->reporter, &alert);
    probe_port_configure(daemon->port, conf);
    atomic_store(&daemon->health.targets, conf->probe.target_count);
    schedule_free(daemon->schedule);
    conf_free(daemon->conf);
    daemon->schedule = schedule;
    daemon->conf = conf;
    reporter_say(daemon->reporter, LOG_INFO, "configuration reloaded");
}

/* ---- the verb ------------------------------------------------------------------------ */

/* For `systemctl status`, until the next audit: a time, since nobody counts seconds down. */
static void tell_status(const struct daemon *daemon, time_t wait)
{
    const time_t next = time(NULL) + wait;
    char when[64] = "";
    struct tm local;

    if (wait > 0 && localtime_r(&next, &local) != NULL &&
        strftime(when, sizeof(when), "%a %F %T %Z", &local) > 0) {
        service_manager_tell("STATUS=%snext audit %s", daemon->last, when);
    }
}

/* Until something is due or a signal comes. */
static void wait_for_something(struct daemon *daemon)
{
    /* time_t may have 32 bits, and nothing to do is INT64_MAX. */
    int64_t due = schedule_wait(daemon->schedule, seconds_now());
    const struct timespec wait = {.tv_sec = due < WAIT_MOST ? (time_t)due : WAIT_MOST};
    health_expect(&daemon->health, wait.tv_sec + WAIT_GRACE, false);
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
    if (daemon->standing != NULL && !metrics_state_is_told(daemon->standing)) {
        reporter_say(daemon->reporter, LOG_WARNING,
                     "another daemon uses this state_directory; it writes the metrics");
    }
}

static void tell_of_former_state(const struct daemon *daemon)
{
    char says[FORMER_STATE_SAYS_SIZE];
    enum former_state former = former_state_take_over(daemon->conf->state_directory, says);

    if (former != FORMER_STATE_NONE) {
        reporter_say(daemon->reporter, former == FORMER_STATE_TAKEN ? LOG_NOTICE : LOG_WARNING,
                     "%s", says);
    }
}

/* False when memory is out. */
static bool follow_fleet(struct daemon *daemon)
{
    if (daemon->conf->database[0] == '\0') {
        return true;
    }
    daemon->fleet_metrics = fleet_metrics_new();
    if (daemon->fleet_metrics != NULL && daemon->standing != NULL) {
        metrics_state_show_too(daemon->standing, fleet_metrics_show, daemon->fleet_metrics);
    }
    return daemon->fleet_metrics != NULL;
}

/* 0, or an exit code. */
static int start_http(struct daemon *daemon)
{
    const struct probe_pages_reader fleet = {fleet_history_read, fleet_history_read_one};
    const struct probe_pages_reader alone = {history_read, NULL};

    return probe_port_start(daemon->port, daemon->conf, daemon->standing, daemon->reporter,
                            daemon->conf->database[0] != '\0' ? &fleet : &alone)
               ? 0
               : options_fail_for(daemon->invocation, OPTIONS_SYSTEM, PROBE_PORT_NO_THREAD);
}

/* ---- one of many ------------------------------------------------------------------------- */

/* worker_audited */
static void finish_round(const struct conf *conf, const struct audit_summary *summary, void *user)
{
    struct daemon *daemon = user;

    remember(daemon, conf, summary);
    log_summary(daemon, summary);
    print_summary(daemon, summary);
}

static void rest(struct daemon *daemon, struct worker *worker)
{
    const struct timespec wait = {.tv_sec = WORKER_IDLE_S};

    health_expect(&daemon->health, WORKER_IDLE_S + WAIT_GRACE, false);
    switch (sigtimedwait(&daemon->signals, NULL, &wait)) {
    case SIGTERM:
    case SIGINT:
        daemon->told_to_stop = true;
        break;
    case SIGHUP:
        reload(daemon);
        worker_configure(worker, daemon->conf);
        break;
    default: /* it is time; what is due is the database's to say */
        break;
    }
}

#define DATABASE_WAIT_USEC 120000000 /* systemd hears again before that is over */

/* Claims, asks and records, until it is told to stop. An exit code. */
static int work(struct daemon *daemon)
{
    struct postgresql_trouble trouble;
    struct worker *worker =
        worker_start(daemon->conf, daemon->reporter, daemon->fleet_metrics, &trouble);

    if (worker == NULL) {
        return options_fail_for(daemon->invocation,
                                postgresql_may_pass(trouble.fault) ? OPTIONS_SYSTEM
                                                                   : OPTIONS_CONFIGURATION,
                                trouble.why);
    }
    bool is_ready = false;
    while (!is_to_stop(daemon)) {
        if (!is_ready && worker_is_ready(worker)) {
            is_ready = true;
            reporter_say(daemon->reporter, LOG_INFO,
                         "version " RELAYWARDEN_VERSION " is ready, a worker at vantage %s",
                         worker_vantage(worker));
            atomic_store(&daemon->health.in_service, true);
            service_manager_tell("READY=1\nSTATUS=");
        } else if (!is_ready) {
            service_manager_tell("EXTEND_TIMEOUT_USEC=%d\nSTATUS=Waits for the database",
                                 DATABASE_WAIT_USEC);
        }
        health_expect(&daemon->health, longest_audit(&daemon->conf->probe, CLAIMS_MAX), true);
        if (!worker_round(worker, finish_round, daemon) && !is_to_stop(daemon)) {
            rest(daemon, worker);
        }
    }
    atomic_store(&daemon->health.in_service, false);
    service_manager_tell("STOPPING=1");
    worker_stop(worker);
    reporter_say(daemon->reporter, LOG_INFO, "stopped");
    return 0;
}

static int serve(struct daemon *daemon)
{
    reporter_say(
        daemon->reporter, LOG_INFO, "version " RELAYWARDEN_VERSION " is ready, with %zu target%s",
        daemon->conf->probe.target_count, daemon->conf->probe.target_count == 1 ? "" : "s");
    atomic_store(&daemon->health.targets, daemon->conf->probe.target_count);
    atomic_store(&daemon->health.in_service, true);
    service_manager_tell("READY=1");
    while (!is_to_stop(daemon)) {
        audit_due(daemon);
        if (!is_to_stop(daemon)) {
            wait_for_something(daemon);
        }
    }
    atomic_store(&daemon->health.in_service, false);
    service_manager_tell("STOPPING=1");
    reporter_say(daemon->reporter, LOG_INFO, "stopped");
    return 0;
}

int run_main(const struct options *invocation)
{
    struct daemon daemon = {.invocation = invocation};

    prepare_signals(&daemon);
    int code = load(&daemon);
    if (code != 0) {
        goto out;
    }
    char error[HTTP_ERROR_SIZE];
    daemon.port = probe_port_open(&daemon.conf->probe.http, &daemon.health, error);
    if (daemon.port == NULL) {
        code = options_fail_for(invocation, OPTIONS_SYSTEM, error);
        goto out;
    }
    options_step_down(daemon.conf);
    char why[ALERTS_WHY_SIZE];
    if (!alerts_is_possible(daemon.conf, why)) {
        code = options_fail_for(invocation, OPTIONS_CONFIGURATION, why);
        goto out;
    }
    daemon.schedule = schedule_new(&daemon.conf->probe, NULL, seconds_now());
    if (daemon.schedule == NULL) {
        code = options_fail_for(invocation, OPTIONS_SYSTEM, "out of memory");
        goto out;
    }
    daemon.standing = metrics_state_new(daemon.conf, true);
    if (!follow_fleet(&daemon)) {
        code = options_fail_for(invocation, OPTIONS_SYSTEM, "out of memory");
        goto out;
    }
    daemon.reporter = alerts_start(daemon.conf, daemon.standing, ALERTS_OF_DAEMON, false);
    if (daemon.reporter == NULL) {
        code = options_code(invocation, OPTIONS_SYSTEM);
    } else {
        tell_of_another(&daemon);
        tell_of_former_state(&daemon);
        code = start_http(&daemon);
        code = code != 0 ? code : daemon.conf->database[0] != '\0' ? work(&daemon) : serve(&daemon);
        if (!probe_port_close(daemon.port, HTTP_WAIT_MS)) {
            /* An answer that is still being made uses what would be freed; the process ends now. */
            reporter_say(daemon.reporter, LOG_ERR,
                         "stopped while an answer over HTTP was still being made");
            (void)reporter_flush(daemon.reporter, ALERTS_WAIT_MS);
            (void)fflush(NULL);
            _exit(code);
        }
        daemon.port = NULL;
        reporter_stop(daemon.reporter, ALERTS_WAIT_MS);
    }
out:
    (void)probe_port_close(daemon.port, 0);
    metrics_state_release(daemon.standing);
    fleet_metrics_free(daemon.fleet_metrics);
    schedule_free(daemon.schedule);
    conf_free(daemon.conf);
    return code;
}

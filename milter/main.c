/*
 * relaywarden-milter - watches every RCPT decision of the MTA that it is attached to
 *
 * Stays in the foreground. Order of starting: configuration, socket (as root), user, reporter,
 * ready. See relaywarden-milter(8).
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "conf/conf.h"
#include "lib/alert/reporter.h"
#include "lib/alert/sink/sinks.h"
#include "lib/sys/service_manager.h"
#include "lib/sys/standard_streams.h"
#include "milter/callbacks.h"
#include "milter/discover/discover.h"
#include "milter/discover/mta_way.h"
#include "milter/live_conf.h"
#include "milter/reload.h"
#include "milter/service/arguments.h"
#include "milter/service/check_conf.h"
#include "milter/service/privileges.h"
#include "milter/service/self_check.h"
#include "milter/service/socket.h"
#include "milter/service/web.h"
#include "milter/tokens/housekeeper.h"
#include "milter/tokens/mask_command.h"

#define PROGRAM            "relaywarden-milter"
#define STOP_WAIT_MS       2000 /* for what is still to be announced */
#define LAST_WAIT_MS       500  /* for the last incidents, so that the last snapshot has them */
#define DESCRIPTORS_WANTED 65536
#define PULSE_MS           2000 /* for an answer at our own socket */
#define DATABASE_PATH_SIZE 4096
#define SILENCE_PACE       60 /* seconds between two looks at whether an MTA has come */

/* Everything that serving needs. */
struct program {
    const char *path;   /* of the configuration */
    char socket[512];   /* as configured at the start */
    sigset_t stopping;  /* signals that the main thread obeys: those that end it, */
    sigset_t reloading; /* and those that have it read the configuration again */
    time_t started;     /* as the monotonic clock has it */
    bool silence_over;  /* an MTA has come, or it was told that none has */
    bool mta_answers;   /* there is a postconf, and it did not hang */
    struct transactions *transactions;
    struct web *web;
};

static void print_lines(char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "%s\n", lines[i]);
    }
}

/* NULL: *status says with what to exit. */
static struct conf *load(const char *path, int *status)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(path, CONF_MILTER, &report);

    print_lines(report.mistakes, report.mistake_count);
    print_lines(report.notes, report.note_count);
    *status = report.system_failed ? EX_OSERR : EX_CONFIG;
    if (conf == NULL && report.mistake_count == 0) {
        fputs(PROGRAM ": out of memory\n", stderr);
    }
    conf_report_free(&report);
    return conf;
}

/* A program that does not come up leaves no socket behind that the MTA would try. */
static void remove_socket(const char *socket)
{
    const char *path = socket_unix_path(socket);

    if (path != NULL) {
        unlink(path);
    }
}

/* The steps that may need root. */
static bool make_socket(const struct conf_milter *settings)
{
    char error[SOCKET_ERROR_SIZE];

    if (!socket_check(settings->socket, error) || !callbacks_register(settings->socket, error)) {
        fprintf(stderr, PROGRAM ": %s\n", error);
        return false;
    }
    /* The socket gets its mode as it is made: later its path may be another's. */
    mode_t mask = umask(~settings->socket_mode & 0777);
    bool listening = callbacks_listen(error);
    umask(mask);
    if (!listening) {
        fprintf(stderr, PROGRAM ": %s %s: may this user create it there?\n", error,
                settings->socket);
        return false;
    }
    if (!socket_grant(settings->socket, settings->socket_group, error)) {
        fprintf(stderr, PROGRAM ": %s\n", error);
        remove_socket(settings->socket);
        return false;
    }
    return true;
}

/* The MTA's and that of HTTP. NULL, and told: one cannot be had. */
static struct web *make_sockets(const struct conf_milter *settings)
{
    char error[HTTP_ERROR_SIZE];
    struct web *web = web_open(&settings->http, error);

    if (web == NULL) {
        fprintf(stderr, PROGRAM ": %s\n", error);
    } else if (!make_socket(settings)) {
        (void)web_close(web, 0);
        web = NULL;
    }
    return web;
}

/* As the user that we are now: will a reload be able to read what root has read? */
static void check_reload(struct reporter *reporter, const char *path)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(path, CONF_MILTER, &report);

    for (size_t i = 0; i < report.mistake_count; i++) {
        reporter_say(reporter, LOG_WARNING, "a reload as this user would fail: %s",
                     report.mistakes[i]);
    }
    conf_free(conf);
    conf_report_free(&report);
}

static void name_database(const struct conf *conf, char out[DATABASE_PATH_SIZE])
{
    snprintf(out, DATABASE_PATH_SIZE, "%s/milter/relaywarden.db", conf->state_directory);
}

/* metrics_snapshot */
static void show_metrics(struct metrics *metrics, void *user)
{
    struct transactions *transactions = user;

    counters_show(metrics, &transactions->counters);
    probe_dialogue_metrics(metrics, transactions->desk);
}

static bool has_working_sink(const struct conf *conf, const struct sink_identity *identity)
{
    const struct sink_source source = {.identity = identity, .settings = &conf->alert};
    char why[768];

    if (sink_any_works(&source, why, sizeof(why))) {
        return true;
    }
    fprintf(stderr,
            PROGRAM
            ": no sink works, so nobody would hear of an alert (name one that does in alert "
            "{ }): %s\n",
            why);
    return false;
}

static struct reporter *start_reporter(const struct conf *conf,
                                       const struct sink_identity *identity,
                                       struct transactions *transactions)
{
    char database[DATABASE_PATH_SIZE];
    char error[SINK_ERROR_SIZE];
    const struct reporter_settings settings = {
        .identity = identity,
        .alert = &conf->alert,
        .database_path = database,
        .metrics = show_metrics,
        .metrics_user = transactions,
    };

    name_database(conf, database);
    struct reporter *reporter = reporter_start(&settings, error);
    if (reporter == NULL) {
        fprintf(stderr, PROGRAM ": %s\n", error);
    }
    return reporter;
}

/* NULL: the filter does without, and says so. */
static struct status_file *make_snapshot_file(const struct conf *conf,
                                              const struct snapshot_source *source,
                                              struct reporter *reporter, struct snapshot_push *push)
{
    char directory[DATABASE_PATH_SIZE];

    snprintf(directory, sizeof(directory), "%s/milter", conf->state_directory);
    struct status_file *file = status_file_new(directory, source, reporter, push);
    if (file == NULL) {
        reporter_say(reporter, LOG_ERR, "no memory to keep " SNAPSHOT_NAME ": it is not written");
    }
    return file;
}

/* NULL: nobody is to have it; or the filter does without, and says so. */
static struct snapshot_push *start_push(const struct conf *conf, const char *host,
                                        struct reporter *reporter)
{
    if (conf->milter.push[0] == '\0') {
        return NULL;
    }
    struct snapshot_push *push = snapshot_push_start(conf->milter.push, host, reporter);
    if (push == NULL) {
        reporter_say(reporter, LOG_ERR, "push: no memory or thread to hand the snapshot over");
    }
    return push;
}

/* NULL: the filter does without, and says so. */
static struct housekeeper *start_keeper(const struct conf *conf, struct transactions *transactions,
                                        struct status_file *file)
{
    char database[DATABASE_PATH_SIZE];

    name_database(conf, database);
    struct housekeeper *keeper =
        housekeeper_start(database, transactions->desk, transactions->reporter, file);
    if (keeper == NULL) {
        reporter_say(transactions->reporter, LOG_ERR,
                     "no memory or thread to keep masked addresses: they are forgotten at a "
                     "restart, and probe-missing is not raised");
    }
    return keeper;
}

/* Signals that the main thread waits for; blocked in all threads, or one would take the default
 * action. */
static void block_signals(sigset_t *set, const int numbers[2])
{
    sigemptyset(set);
    sigaddset(set, numbers[0]);
    sigaddset(set, numbers[1]);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void block_reload_signals(sigset_t *set)
{
    block_signals(set, (const int[]){SIGHUP, SIGUSR1});
}

/* How long to wait for a signal before the service manager's watchdog is told that we are alive: a
 * third of what it allows (sd_watchdog_enabled(3)), so that one late answer does no harm. NULL: it
 * does not ask. */
static const struct timespec *watchdog_pace(struct timespec *pace)
{
    uint64_t allowed_us = service_manager_watchdog();

    if (allowed_us == 0) {
        return NULL;
    }
    pace->tv_sec = (time_t)(allowed_us / 3 / 1000000);
    pace->tv_nsec = (long)(allowed_us / 3 % 1000000 * 1000);
    return pace;
}

/* Takes one of these signals, if one is pending. */
static bool take_pending(const sigset_t *signals)
{
    static const struct timespec at_once = {0};

    return sigtimedwait(signals, NULL, &at_once) > 0;
}

static time_t monotonic_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Mail that goes by the filter is not seen, and nothing else would tell. */
static void say_way(const struct program *program)
{
    char sentence[MTA_WAY_SIZE];

    if (program->mta_answers && mta_way_ask(program->socket, sentence) == MTA_WAY_WRONG) {
        reporter_say(program->transactions->reporter, LOG_WARNING, "%s", sentence);
    }
}

/* Once, and only where Postfix is set to ask this filter: the path is right, and still nobody
 * comes. */
static void look_for_silence(struct program *program)
{
    const uint64_t connections = counters_value(&program->transactions->counters.connections);
    char sentence[MTA_WAY_SIZE];

    if (connections == 0 && !mta_way_silent_long(monotonic_seconds() - program->started, 0)) {
        return;
    }
    program->silence_over = true;
    if (connections > 0) {
        return;
    }
    const enum mta_way way = mta_way_ask(program->socket, sentence);
    if (way == MTA_WAY_RIGHT) {
        reporter_say(program->transactions->reporter, LOG_WARNING,
                     "no MTA has connected since the start, an hour ago, though smtpd_milters of "
                     "Postfix names %s: was Postfix reloaded since, may it enter the socket's "
                     "folder, and does its log say \"connect to Milter service\"?",
                     program->socket);
    } else if (way == MTA_WAY_WRONG) {
        reporter_say(program->transactions->reporter, LOG_WARNING, "%s", sentence);
    }
}

/* Until told to stop. Not by sigwait, which is libmilter's here (callbacks.h). Of pending signals
 * the system gives the lowest number first: a storm of SIGHUP would keep SIGTERM waiting, so that
 * is looked for before each reload. A reload obeys all requests that came before it. */
static void obey_signals(struct program *program)
{
    static const struct timespec silence_pace = {.tv_sec = SILENCE_PACE};
    sigset_t all;
    struct timespec pace;
    const struct timespec *watchdog = watchdog_pace(&pace);

    sigorset(&all, &program->stopping, &program->reloading);
    for (;;) {
        /* without a limit if it is NULL */
        const struct timespec *wait =
            watchdog == NULL && program->mta_answers && !program->silence_over ? &silence_pace
                                                                               : watchdog;
        int number = sigtimedwait(&all, NULL, wait);
        bool asked = number > 0 && sigismember(&program->reloading, number) == 1;

        if ((number > 0 && !asked) || take_pending(&program->stopping)) {
            return;
        }
        if (asked) {
            while (take_pending(&program->reloading)) {
                /* the same */
            }
            reload(program->path, program->transactions->reporter, program->web);
            say_way(program);
        }
        if (program->mta_answers && !program->silence_over) {
            look_for_silence(program);
        }
        if (watchdog != NULL && self_check_beats(program->socket, PULSE_MS)) {
            service_manager_tell("WATCHDOG=1");
        }
    }
}

/* Whether Postfix will find us is not ours to see, but this much is. */
static void warn_of_directory(struct reporter *reporter, const struct conf_milter *settings)
{
    if (!socket_is_reachable(settings->socket, settings->socket_group)) {
        reporter_say(reporter, LOG_WARNING,
                     "the group %s cannot enter the directory of %s: Postfix will not reach the "
                     "filter (chgrp %s and chmod g+x that directory)",
                     settings->socket_group, settings->socket, settings->socket_group);
    }
}

/* A thread may still be at work, so that nothing can be taken apart. */
static _Noreturn void leave_in_place(struct reporter *reporter, const char *why)
{
    reporter_say(reporter, LOG_ERR, "%s", why);
    reporter_flush(reporter, STOP_WAIT_MS);
    _exit(EX_OSERR);
}

static int serve(struct program *program)
{
    struct transactions *transactions = program->transactions;
    struct reporter *reporter = transactions->reporter;

    check_reload(reporter, program->path);
    if (!callbacks_start(transactions)) {
        reporter_say(reporter, LOG_ERR,
                     "no thread could be started: out of memory or of processes");
        return EX_OSERR;
    }
    reporter_say(reporter, LOG_INFO, "version " RELAYWARDEN_VERSION " is ready on %s",
                 program->socket);
    web_set_ready(program->web, true);
    service_manager_tell("READY=1");
    say_way(program);
    obey_signals(program);
    web_set_ready(program->web, false);
    service_manager_tell("STOPPING=1");
    if (!callbacks_stop()) {
        leave_in_place(reporter, "stopped because libmilter gave up, or with a callback hanging");
    }
    transactions_finish(transactions);
    reporter_say(reporter, LOG_INFO, "stopped");
    return EX_OK;
}

static bool become_user(const struct conf_milter *settings)
{
    char error[PRIVILEGES_ERROR_SIZE];

    if (privileges_drop_to(settings->user, error)) {
        return true;
    }
    fprintf(stderr, PROGRAM ": %s\n", error);
    return false;
}

/* One descriptor a connection of the MTA: the usual soft limit of 1024 is soon reached. A limit
 * that cannot be raised here is told when a connection cannot be had. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    rlim_t wanted = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(struct conf *conf, const char *path)
{
    static struct probe_dialogue_desk desk = PROBE_DIALOGUE_DESK;
    static struct transactions transactions = {.mutex = PTHREAD_MUTEX_INITIALIZER, .desk = &desk};
    char host[256];
    const struct sink_identity identity = {.program = PROGRAM, .host = host};
    struct program program = {
        .path = path, .transactions = &transactions, .started = monotonic_seconds()};

    block_reload_signals(&program.reloading);
    block_signals(&program.stopping, (const int[]){SIGTERM, SIGINT});
    if (gethostname(host, sizeof(host)) != 0) {
        snprintf(host, sizeof(host), "localhost");
    }
    host[sizeof(host) - 1] = '\0';
    snprintf(program.socket, sizeof(program.socket), "%s", conf->milter.socket);
    raise_descriptor_limit();
    /* Before there is a socket: an MTA that finds none does not wait. */
    struct mta_transports transports;
    enum mta_answer answer = mta_transports_ask(&transports);
    program.mta_answers = answer == MTA_ANSWERED;
    program.web = make_sockets(&conf->milter);
    if (program.web == NULL) {
        conf_free(conf);
        return EX_OSERR;
    }
    bool stepped_down = become_user(&conf->milter);
    bool heard = stepped_down && has_working_sink(conf, &identity);
    struct live_conf *snapshot = heard ? live_conf_new(conf, &transports) : NULL;
    if (heard && snapshot == NULL) {
        fputs(PROGRAM ": out of memory\n", stderr);
    }
    transactions.reporter =
        snapshot == NULL ? NULL : start_reporter(conf, &identity, &transactions);
    if (transactions.reporter == NULL) {
        remove_socket(conf->milter.socket);
        (void)web_close(program.web, 0);
        if (snapshot == NULL) {
            conf_free(conf);
        }
        live_conf_release(snapshot);
        return stepped_down && !heard ? EX_CONFIG : EX_OSERR;
    }
    warn_of_directory(transactions.reporter, &conf->milter);
    reload_say_transports(transactions.reporter, answer, &transports, &conf->milter);
    live_conf_install(snapshot);
    const struct snapshot_source source = {
        .host = host,
        .socket = program.socket,
        .started = time(NULL),
        .counters = &transactions.counters,
        .desk = &desk,
    };
    struct snapshot_push *push = start_push(conf, host, transactions.reporter);
    struct status_file *file = make_snapshot_file(conf, &source, transactions.reporter, push);
    struct housekeeper *keeper = start_keeper(conf, &transactions, file);
    int status =
        web_start(program.web, transactions.reporter, program.socket) ? serve(&program) : EX_OSERR;
    reporter_flush(transactions.reporter, LAST_WAIT_MS);
    if (keeper != NULL && !housekeeper_stop(keeper, STOP_WAIT_MS)) {
        leave_in_place(transactions.reporter, "the disk hangs: what is masked may not be saved");
    }
    if (!web_close(program.web, STOP_WAIT_MS)) {
        leave_in_place(transactions.reporter, "stopped with an answer over HTTP unfinished");
    }
    status_file_free(file);
    const bool pushed = snapshot_push_stop(push, STOP_WAIT_MS);
    live_conf_install(NULL);
    if (!pushed) {
        /* Its thread hangs at the database, and may still use the reporter. */
        reporter_say(transactions.reporter, LOG_WARNING,
                     "push: the last snapshot was not handed over: the database does not answer");
        (void)reporter_flush(transactions.reporter, STOP_WAIT_MS);
        (void)fflush(NULL);
        _exit(status);
    }
    reporter_stop(transactions.reporter, STOP_WAIT_MS);
    return status;
}

/* sink_tested */
static void print_tested(const char *name, const char *error, void *user)
{
    (void)user;
    fprintf(stderr, "%s: %s%s\n", name,
            error == NULL ? "taken" : "not taken: ", error == NULL ? "" : error);
}

/* As the user that the filter will be. */
static int test_alerts(const struct conf *conf)
{
    char error[PRIVILEGES_ERROR_SIZE];
    char host[256] = "localhost";
    const struct sink_identity identity = {.program = PROGRAM, .host = host};
    const struct sink_source source = {.identity = &identity, .settings = &conf->alert};

    if (geteuid() == 0 && !privileges_drop_to(conf->milter.user, error)) {
        fprintf(stderr, PROGRAM ": %s\n", error);
        return EX_OSERR;
    }
    (void)gethostname(host, sizeof(host) - 1);
    int failed = sink_test_all(&source, print_tested, NULL);
    if (failed < 0) {
        fputs(PROGRAM ": no sink is set; name one in alert { }\n", stderr);
    }
    return failed == 0 ? EX_OK : failed > 0 ? EX_UNAVAILABLE : EX_CONFIG;
}

/* Carries out an order other than to serve. Returns the exit status. */
static int run_once(const struct conf *conf, const struct arguments *arguments)
{
    switch (arguments->order) {
    case ORDER_MASKED:
        return mask_command_list(conf);
    case ORDER_UNMASK:
        return mask_command_drop(conf, arguments->value);
    case ORDER_ALERT_TEST:
        return test_alerts(conf);
    case ORDER_TEST:
    case ORDER_SERVE:
    case ORDER_DISCOVER:
        break;
    }
    return check_conf(conf, arguments->config);
}

int main(int argc, char **argv)
{
    struct arguments arguments;

    if (!standard_streams_keep()) {
        return EX_OSERR;
    }
    int status = arguments_read(argc, argv, &arguments);
    if (status >= 0) {
        return status;
    }
    if (arguments.order == ORDER_DISCOVER) {
        return discover(arguments.value);
    }
    signal(SIGPIPE, SIG_IGN);
    bool once = arguments.order != ORDER_SERVE;
    if (!once) {
        /* A reload that is asked for before the program is ready comes then. */
        sigset_t reloading;
        block_reload_signals(&reloading);
    }
    struct conf *conf = load(arguments.config, &status);
    if (conf == NULL) {
        return status;
    }
    if (once) {
        status = run_once(conf, &arguments);
        conf_free(conf);
        return status;
    }
    return run(conf, arguments.config);
}

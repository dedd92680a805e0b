/*
 * alerts - the path of alerts alone, driven from standard input
 *
 * usage: alerts CONFIG milter|probe SYSLOG_SOCKET
 *
 * Reads relaywarden.conf for the alert settings and the state directory, as the programs do, and
 * then one order a line:
 *
 *   + SUBJECT   a finding of this subject
 *   - SUBJECT   an audit shows the subject gone
 *   storm N S   N findings of S subjects, from 4 threads; prints what it took
 *   flush       waits until all that works has everything, and prints "done"
 *   reload      reads the configuration again, and prints "reloaded"
 *
 * At the end of its input it stops as the programs do. tests/integration/test_alert_crash.py kills
 * it, tests/bench/storm.py measures it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "conf/conf.h"
#include "lib/alert/reporter.h"
#include "lib/sys/standard_streams.h"

#define THREADS  4
#define LISTENER "203.0.113.25:25"
#define WAIT_MS  60000

struct storm {
    struct reporter *reporter;
    unsigned long findings;
    unsigned long subjects;
    unsigned long first;
    double longest; /* seconds of one hand-over */
};

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_finding(struct finding *finding, const char *subject)
{
    finding_init(finding, FINDING_OPEN_RELAY);
    finding_subject(finding, LISTENER, subject);
    finding_add(finding, "client", FIELD_EVIDENCE | FIELD_LOGGED, subject);
    finding_add(finding, "network", FIELD_SUBJECT, subject);
    finding_add(finding, "sender", FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED,
                "<a@sender.example.net>");
    finding_add(finding, "recipient", FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED,
                "<b@outside.example.net>");
    finding_add(finding, "listener", FIELD_SUBJECT | FIELD_LOGGED, LISTENER);
    finding_why(finding, "%s was granted relaying", finding_get(finding, "client"));
    finding_fix(finding, "Narrow mynetworks.");
}

static void *rage(void *argument)
{
    struct storm *storm = argument;
    struct finding finding;
    char subject[32];

    for (unsigned long i = 0; i < storm->findings; i++) {
        snprintf(subject, sizeof(subject), "net-%lu", (storm->first + i) % storm->subjects);
        make_finding(&finding, subject);
        double before = seconds();
        reporter_hand_over(storm->reporter, &finding);
        double took = seconds() - before;
        if (took > storm->longest)
            storm->longest = took;
    }
    return NULL;
}

static void run_storm(struct reporter *reporter, unsigned long findings, unsigned long subjects)
{
    struct storm storms[THREADS];
    pthread_t thread[THREADS];
    struct rusage before;
    struct rusage after;
    double started = seconds();
    double longest = 0;

    getrusage(RUSAGE_SELF, &before);
    for (unsigned long i = 0; i < THREADS; i++) {
        storms[i] = (struct storm){reporter, findings / THREADS, subjects, i * 31, 0};
        if (pthread_create(&thread[i], NULL, rage, &storms[i]) != 0)
            exit(1);
    }
    for (unsigned long i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        if (storms[i].longest > longest)
            longest = storms[i].longest;
    }
    double handed_over = seconds() - started;
    bool flushed = reporter_flush(reporter, WAIT_MS);
    getrusage(RUSAGE_SELF, &after);
    printf("{\"findings\":%lu,\"subjects\":%lu,\"hand_over_seconds\":%.3f,"
           "\"longest_hand_over_seconds\":%.6f,\"seconds\":%.3f,\"flushed\":%s,"
           "\"peak_kib_before\":%ld,\"peak_kib\":%ld}\n",
           findings / THREADS * THREADS, subjects, handed_over, longest, seconds() - started,
           flushed ? "true" : "false", before.ru_maxrss, after.ru_maxrss);
    fflush(stdout);
}

/* The reporter copies what it needs. */
static void reload(struct reporter *reporter, const char *path)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(path, CONF_PROBE, &report);

    conf_report_free(&report);
    if (conf != NULL) {
        reporter_configure(reporter, &conf->alert);
    }
    puts(conf != NULL ? "reloaded" : "not reloaded");
    fflush(stdout);
    conf_free(conf);
}

static void obey(struct reporter *reporter, const char *order, const char *path)
{
    struct finding finding;
    char *rest = NULL;

    if (strncmp(order, "+ ", 2) == 0) {
        make_finding(&finding, order + 2);
        reporter_hand_over(reporter, &finding);
    } else if (strncmp(order, "- ", 2) == 0) {
        char key[FINDING_KEY_SIZE];

        snprintf(key, sizeof(key), "%s %s", LISTENER, order + 2);
        reporter_resolve(reporter, FINDING_OPEN_RELAY, key);
    } else if (strncmp(order, "storm ", 6) == 0) {
        unsigned long findings = strtoul(order + 6, &rest, 10);
        unsigned long subjects = strtoul(rest, NULL, 10);

        run_storm(reporter, findings, subjects == 0 ? 1 : subjects);
    } else if (strcmp(order, "flush") == 0) {
        puts(reporter_flush(reporter, WAIT_MS) ? "done" : "not done");
        fflush(stdout);
    } else if (strcmp(order, "reload") == 0) {
        reload(reporter, path);
    }
}

static struct reporter *start(const struct conf *conf, const char *program, const char *socket)
{
    char error[SINK_ERROR_SIZE];
    char name[64];
    char database[4096];

    snprintf(name, sizeof(name), "relaywarden-%s", program);
    snprintf(database, sizeof(database), "%s/%s/relaywarden.db", conf->state_directory, program);
    const struct sink_identity identity = {.program = name, .host = "mx.example.org"};
    const struct reporter_settings settings = {
        .identity = &identity,
        .alert = &conf->alert,
        .syslog_socket = socket,
        .database_path = database,
    };
    struct reporter *reporter = reporter_start(&settings, error);
    if (reporter == NULL)
        fprintf(stderr, "%s\n", error);
    return reporter;
}

int main(int argc, char **argv)
{
    struct conf_report report = {0};
    char line[256];

    if (!standard_streams_keep() || argc != 4) {
        fputs("usage: alerts CONFIG milter|probe SYSLOG_SOCKET\n", stderr);
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    bool probe = strcmp(argv[2], "probe") == 0;
    struct conf *conf = conf_load(argv[1], probe ? CONF_PROBE : CONF_MILTER, &report);
    for (size_t i = 0; i < report.mistake_count; i++)
        fprintf(stderr, "%s\n", report.mistakes[i]);
    conf_report_free(&report);
    struct reporter *reporter = conf == NULL ? NULL : start(conf, argv[2], argv[3]);
    if (reporter == NULL) {
        conf_free(conf);
        return 1;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        obey(reporter, line, argv[1]);
    }
    reporter_stop(reporter, WAIT_MS);
    conf_free(conf);
    return 0;
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/alert/inbox.h"
#include "lib/alert/reporter.h"
#include "lib/alert/sink/sink_thread.h"
#include "lib/state/database.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/recorder.h"
#include "tests/unit/sink_place.h"

#define WAIT_MS 60000 /* for what must happen; a loaded machine is slow */

static void pause_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

static int set_up(void **state)
{
    (void)state;
    recorder_clear();
    return 0;
}

/* With the real sinks, and syslog at that socket. */
static struct reporter *start_real(const struct alert_settings *alert, const char *syslog_socket)
{
    char error[SINK_ERROR_SIZE];
    const struct reporter_settings settings = {
        .identity = &sample_identity,
        .alert = alert,
        .syslog_socket = syslog_socket,
        .quiet_terminal = true,
    };
    struct reporter *reporter = reporter_start(&settings, error);

    assert_non_null(reporter);
    return reporter;
}

/* The next line that syslog gets has this in it. */
static void expect(const struct sink_place *place, const char *text)
{
    char line[4096];

    assert_true(sample_receive(place->daemon, line, sizeof(line), WAIT_MS) > 0);
    assert_non_null(strstr(line, text));
}

/* Lines of the program's own until the daemon takes no more; how many. */
static int say_until_it_stalls(struct reporter *reporter)
{
    int said = 0;

    while (reporter_flush(reporter, 300))
        reporter_say(reporter, LOG_INFO, "line %d", said++);
    return said;
}

/* In either order: that a sink fails is told in the round that tries it, which may be one with an
 * alert or one before that. */
static void expect_both(const struct sink_place *place, const char *one, const char *other)
{
    char lines[2][4096];

    for (size_t i = 0; i < 2; i++)
        assert_true(sample_receive(place->daemon, lines[i], sizeof(lines[i]), WAIT_MS) > 0);
    bool turned = strstr(lines[0], one) == NULL;
    assert_non_null(strstr(lines[turned], one));
    assert_non_null(strstr(lines[!turned], other));
}

static void expect_lines(const struct sink_place *place, int said)
{
    for (int i = 0; i < said; i++) {
        char line[32];

        snprintf(line, sizeof(line), "]: line %d", i);
        expect(place, line);
    }
}

static struct reporter *start(void)
{
    return recorder_start_reporter(&sample_settings, NULL);
}

static void hand_over(struct reporter *reporter, const char *rest)
{
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", rest);

    reporter_hand_over(reporter, &finding);
}

static void a_finding_reaches_syslog_and_the_json_file(void **state)
{
    (void)state;
    char *folder = sample_folder();
    char log[256];
    char json[256];
    char text[4096];
    struct alert_settings alert = sample_settings;
    int daemon = sample_daemon(sample_path(folder, "log", log));
    struct finding finding = sample_open_relay();

    sample_path(folder, "alerts.json", json);
    alert.json_path = json;
    struct reporter *reporter = start_real(&alert, log);
    reporter_hand_over(reporter, &finding);
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_true(sample_receive(daemon, text, sizeof(text), 0) > 0);
    assert_non_null(strstr(text, "]: CRITICAL open-relay incident="));
    assert_non_null(strstr(text, " state=opened client=198.51.100.9 helo="));
    char *line = sample_read_file(json);
    json_t *object = json_loads(line, 0, NULL);
    assert_non_null(object);
    assert_non_null(strstr(text, json_string_value(json_object_get(object, "incident"))));
    json_decref(object);
    free(line);

    reporter_resolve(reporter, FINDING_OPEN_RELAY, finding.key);
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_true(sample_receive(daemon, text, sizeof(text), 0) > 0);
    assert_non_null(strstr(text, " state=resolved "));
    reporter_stop(reporter, WAIT_MS);
    close(daemon);
    sample_folder_remove(folder);
}

#define STORM_THREADS  8
#define STORM_FINDINGS 100000
#define STORM_SUBJECTS 1000

static struct reporter *stormed;

static void *storm(void *argument)
{
    const int *thread = argument;

    for (int i = *thread; i < STORM_FINDINGS; i += STORM_THREADS) {
        char rest[16];

        snprintf(rest, sizeof(rest), "n%d", i % STORM_SUBJECTS);
        hand_over(stormed, rest);
    }
    return NULL;
}

static void a_storm_is_a_handful_of_incidents_that_count_every_finding(void **state)
{
    (void)state;
    pthread_t threads[STORM_THREADS];
    int numbers[STORM_THREADS];
    struct alert_settings alert = sample_settings;

    stormed = start();
    for (int i = 0; i < STORM_THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, storm, &numbers[i]), 0);
    }
    for (int i = 0; i < STORM_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(reporter_flush(stormed, WAIT_MS));
    assert_in_range(recorder_announcements(recorder_fast), 16, 18);

    /* All end by being quiet, and tell their totals. */
    size_t opened = recorder_announcements(recorder_fast);
    alert.quiet_after_seconds = 1;
    reporter_configure(stormed, &alert);
    for (int i = 0; i < 500 && recorder_announcements(recorder_fast) < 2 * opened; i++)
        pause_ms(20);
    reporter_stop(stormed, WAIT_MS);
    assert_int_equal(recorder_announcements(recorder_fast), 2 * opened);
    assert_int_equal(recorder_fast->resolved_sum, STORM_FINDINGS);
    assert_int_equal(recorder_slow->resolved_sum, STORM_FINDINGS);
}

static void order_is_kept_between_a_finding_and_its_resolution(void **state)
{
    (void)state;
    struct reporter *reporter = start();

    for (int i = 0; i < 200; i++) {
        hand_over(reporter, "a");
        reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
    }
    hand_over(reporter, "a");
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(recorder_fast->last.state, INCIDENT_OPENED);
    assert_int_equal(recorder_announcements(recorder_fast), 401);
    assert_int_equal(recorder_fast->resolved_sum, 200);
    reporter_stop(reporter, WAIT_MS);
}

static bool names(const struct finding *finding, const void *user)
{
    const char *network = finding_get(finding, "network");

    return network != NULL && strcmp(network, user) == 0;
}

static size_t forgotten;

static void forget(void *user)
{
    (void)user;
    forgotten++;
}

static void what_a_review_says_is_over_is_announced_as_resolved(void **state)
{
    (void)state;
    struct reporter *reporter = start();
    char gone[] = "b";
    const struct reporter_review review = {names, forget, gone};

    forgotten = 0;
    hand_over(reporter, "a");
    hand_over(reporter, "b");
    hand_over(reporter, "c");
    assert_true(reporter_flush(reporter, WAIT_MS));
    reporter_look_over(reporter, &review);
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(recorder_announcements(recorder_fast), 4);
    assert_int_equal(recorder_fast->last.state, INCIDENT_RESOLVED);
    assert_string_equal(recorder_fast->last.incident.finding.key, "L b");
    assert_int_equal(forgotten, 1);
    reporter_look_over(reporter, &review);
    reporter_stop(reporter, WAIT_MS);
    assert_int_equal(recorder_announcements(recorder_fast), 4);
    assert_int_equal(forgotten, 2);
}

static void of_two_reviews_none_is_lost(void **state)
{
    (void)state;
    struct reporter *reporter = start();
    char gone[] = "a";
    char also_gone[] = "c";

    forgotten = 0;
    hand_over(reporter, "a");
    hand_over(reporter, "b");
    hand_over(reporter, "c");
    reporter_look_over(reporter, &(struct reporter_review){names, forget, gone});
    reporter_look_over(reporter, &(struct reporter_review){names, forget, also_gone});
    reporter_stop(reporter, WAIT_MS);
    assert_int_equal(forgotten, 2);
    assert_int_equal(recorder_announcements(recorder_fast), 5);
    assert_int_equal(recorder_fast->last.state, INCIDENT_RESOLVED);
}

static void a_hung_slow_sink_delays_no_alert_and_no_stop(void **state)
{
    (void)state;
    struct timespec before;
    struct timespec after;
    struct reporter *reporter = start();

    recorder_let_hang(recorder_slow, true);
    hand_over(reporter, "a");
    recorder_wait_until_it_hangs(recorder_slow);
    hand_over(reporter, "b");
    assert_false(reporter_flush(reporter, 200));
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    clock_gettime(CLOCK_MONOTONIC, &before);
    reporter_stop(reporter, 200);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < 5);
    assert_int_equal(recorder_heard(recorder_fast, "slow hangs: alerts did not reach it"), 1);
    assert_int_equal(recorder_announcements(recorder_slow), 0);

    /* The thread that was left behind ends by itself, and touches nothing of the reporter. */
    recorder_let_hang(recorder_slow, false);
    recorder_wait_until_freed(recorder_slow, 1);
    assert_int_equal(recorder_announcements(recorder_slow), 1);
}

static void the_queue_for_the_disk_is_bounded_and_its_loss_is_told(void **state)
{
    (void)state;
    struct reporter *reporter = start();

    recorder_let_hang(recorder_slow, true);
    hand_over(reporter, "a");
    recorder_wait_until_it_hangs(recorder_slow);
    for (int i = 0; i < SINK_THREAD_QUEUE_MAX / 2 + 10; i++) {
        reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
        hand_over(reporter, "a");
    }
    for (int i = 0; i < 1000 && recorder_announcements(recorder_fast) < SINK_THREAD_QUEUE_MAX + 21;
         i++)
        pause_ms(20);
    assert_int_equal(recorder_announcements(recorder_fast), SINK_THREAD_QUEUE_MAX + 21);
    recorder_let_hang(recorder_slow, false);
    assert_true(reporter_flush(reporter, WAIT_MS));
    reporter_stop(reporter, WAIT_MS);
    assert_int_equal(recorder_announcements(recorder_slow), SINK_THREAD_QUEUE_MAX + 1);
    assert_int_equal(recorder_heard(recorder_fast, "slow does not keep up"), 1);
    assert_int_equal(recorder_heard(recorder_fast, "slow keeps up again; 20 alerts"), 1);
}

static void the_failure_and_the_recovery_of_a_sink_are_told_once(void **state)
{
    (void)state;
    struct reporter *reporter = start();

    recorder_let_fail(recorder_slow, true);
    for (int i = 0; i < 5; i++) {
        hand_over(reporter, i % 2 == 0 ? "a" : "b");
        reporter_resolve(reporter, FINDING_OPEN_RELAY, i % 2 == 0 ? "L a" : "L b");
        assert_true(reporter_flush(reporter, WAIT_MS));
    }
    recorder_let_fail(recorder_slow, false);
    hand_over(reporter, "c");
    assert_true(reporter_flush(reporter, WAIT_MS));
    hand_over(reporter, "d");
    reporter_stop(reporter, WAIT_MS);
    assert_int_equal(
        recorder_heard(recorder_fast, "alerts do not reach slow: it was told to fail\n"), 1);
    assert_int_equal(recorder_heard(recorder_fast, "alerts reach slow again; 10 were lost\n"), 1);
    assert_int_equal(recorder_announcements(recorder_fast), 12);
    assert_int_equal(recorder_announcements(recorder_slow), 2);
}

static void syslog_that_comes_back_gets_what_waited(void **state)
{
    (void)state;
    struct sink_place *place = sink_place_new(false);
    struct reporter *reporter = start_real(&sample_settings, place->path);

    hand_over(reporter, "a");
    assert_true(reporter_flush(reporter, WAIT_MS));
    place->daemon = sample_daemon(place->path);
    expect_both(place, "CRITICAL open-relay", "alerts do not reach syslog: cannot connect to ");
    expect(place, "alerts reach syslog again; 0 were lost");
    reporter_stop(reporter, WAIT_MS);
    sink_place_free(place);
}

static void what_waits_for_a_stalled_syslog_survives_a_reload(void **state)
{
    (void)state;
    char text[4096];
    struct sink_place *place = sink_place_new(true);
    struct reporter *reporter = start_real(&sample_settings, place->path);
    int said = say_until_it_stalls(reporter);

    hand_over(reporter, "a");
    assert_false(reporter_flush(reporter, 100));
    reporter_configure(reporter, &sample_settings);
    assert_false(reporter_flush(reporter, 300));
    expect_lines(place, said);
    expect(place, "CRITICAL open-relay");
    assert_true(reporter_flush(reporter, WAIT_MS));
    reporter_stop(reporter, WAIT_MS);
    assert_int_equal(sample_receive(place->daemon, text, sizeof(text), 0), -1);
    sink_place_free(place);
}

static void a_wrong_path_of_the_json_file_is_told_at_the_start_and_at_a_reload(void **state)
{
    (void)state;
    char json[] = "/nonexistent/alerts.json";
    struct alert_settings alert = sample_settings;
    struct sink_place *place = sink_place_new(true);

    alert.json_path = json;
    struct reporter *reporter = start_real(&alert, place->path);
    expect(place, "alerts do not reach json: cannot open /nonexistent/");
    reporter_configure(reporter, &alert);
    expect(place, "alerts do not reach json: cannot open /nonexistent/");
    reporter_stop(reporter, WAIT_MS);
    sink_place_free(place);
}

static void a_flush_waits_for_a_daemon_that_reads_slowly(void **state)
{
    (void)state;
    struct sink_place *place = sink_place_new(true);
    struct reporter *reporter = start_real(&sample_settings, place->path);
    int said = say_until_it_stalls(reporter);

    expect_lines(place, said);
    assert_true(reporter_flush(reporter, WAIT_MS));
    reporter_stop(reporter, WAIT_MS);
    sink_place_free(place);
}

/* Standard error goes to a pipe from here on. */
struct terminal {
    int saved;
    int read_end;
};

static struct terminal take_terminal(void)
{
    int ends[2];
    struct terminal terminal = {.saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10)};

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    terminal.read_end = ends[0];
    return terminal;
}

static void give_terminal_back(const struct terminal *terminal, char *out, size_t size)
{
    assert_true(dup2(terminal->saved, STDERR_FILENO) >= 0);
    close(terminal->saved);
    size_t used = 0;
    for (ssize_t got; used + 1 < size; used += (size_t)got)
        if ((got = read(terminal->read_end, out + used, size - 1 - used)) <= 0)
            break;
    out[used] = '\0';
    close(terminal->read_end);
}

static struct reporter *start_loud(const struct alert_settings *alert, const char *syslog_socket)
{
    char error[SINK_ERROR_SIZE];
    const struct reporter_settings settings = {
        .identity = &sample_identity, .alert = alert, .syslog_socket = syslog_socket};
    struct reporter *reporter = reporter_start(&settings, error);

    assert_non_null(reporter);
    return reporter;
}

static void an_alert_that_no_sink_takes_is_on_standard_error(void **state)
{
    (void)state;
    char text[8192];
    struct terminal terminal = take_terminal();
    struct reporter *reporter = start_loud(&sample_settings, "/nonexistent/log");

    reporter_say(reporter, LOG_INFO, "ready\non %s", "x");
    hand_over(reporter, "a");
    reporter_stop(reporter, WAIT_MS);
    give_terminal_back(&terminal, text, sizeof(text));
    assert_non_null(strstr(text, "relaywarden-milter: ready on x\n"));
    assert_non_null(strstr(text, "relaywarden-milter: CRITICAL open-relay incident="));
    assert_non_null(strstr(text, "alerts do not reach syslog: cannot connect to /nonexistent/log"));
    assert_non_null(strstr(text, "3 lines did not reach syslog; standard error has them\n"));
    assert_null(strstr(text, "lost"));
}

static void what_two_sinks_that_hang_have_is_on_standard_error_once(void **state)
{
    (void)state;
    char text[8192];
    char error[SINK_ERROR_SIZE];
    const struct sink_kind kinds[] = {recorder_kinds[1], recorder_kinds[1], recorder_kinds[2]};
    const struct reporter_settings settings = {
        .identity = &sample_identity, .alert = &sample_settings, .kinds = kinds};
    struct terminal terminal = take_terminal();

    recorder_let_hang(recorder_slow, true);
    struct reporter *reporter = reporter_start(&settings, error);
    hand_over(reporter, "a");
    recorder_wait_until_it_hangs(recorder_slow);
    reporter_stop(reporter, 200);
    give_terminal_back(&terminal, text, sizeof(text));
    const char *told = strstr(text, "CRITICAL open-relay");
    assert_non_null(told);
    assert_null(strstr(told + 1, "CRITICAL open-relay"));
    recorder_let_hang(recorder_slow, false);
    recorder_wait_until_freed(recorder_slow, 2);
}

static void a_standard_error_that_nobody_reads_blocks_nothing(void **state)
{
    (void)state;
    char *text = malloc(1 << 20);
    char *folder = sample_folder();
    char log[256];
    int daemon = sample_daemon(sample_path(folder, "log", log));
    struct terminal terminal = take_terminal();
    struct reporter *reporter = start_loud(&sample_settings, log);
    char got[4096];
    char filler[900];

    memset(filler, 'x', sizeof(filler));
    for (int i = 0; i < 200; i++) {
        reporter_say(reporter, LOG_INFO, "%.*s", (int)sizeof(filler), filler);
        assert_true(sample_receive(daemon, got, sizeof(got), WAIT_MS) > 0);
    }
    hand_over(reporter, "a");
    assert_true(sample_receive(daemon, got, sizeof(got), WAIT_MS) > 0);
    assert_non_null(strstr(got, "CRITICAL"));
    reporter_stop(reporter, WAIT_MS);
    assert_non_null(text);
    give_terminal_back(&terminal, text, 1 << 20);
    assert_true(strlen(text) > 10000);
    free(text);
    close(daemon);
    sample_folder_remove(folder);
}

static void a_flood_of_own_lines_is_cut_and_counted(void **state)
{
    (void)state;
    struct inbox *inbox = inbox_new();
    struct timespec now = {0, 0};

    assert_non_null(inbox);
    for (int i = 0; i < INBOX_LINES + 7; i++)
        inbox_say(inbox, LOG_INFO, "line %d", i);
    struct inbox_batch *batch = inbox_take(inbox, &now);
    assert_int_equal(batch->lines, INBOX_LINES);
    assert_int_equal(batch->lines_lost, 7);
    assert_string_equal(batch->line[INBOX_LINES - 1].text, "line 63");
    inbox_done(inbox, batch, true);
    batch = inbox_take(inbox, &now);
    assert_int_equal(batch->lines + batch->lines_lost, 0);
    inbox_done(inbox, batch, true);
    inbox_release(inbox);
}

static void new_settings_bring_new_sinks_and_keep_incidents(void **state)
{
    (void)state;
    struct alert_settings none = sample_settings;
    struct reporter *reporter = start();

    none.syslog_format = SYSLOG_NONE;
    hand_over(reporter, "a");
    assert_true(reporter_flush(reporter, WAIT_MS));
    reporter_configure(reporter, &none);
    reporter_configure(reporter, &none);
    hand_over(reporter, "a");
    hand_over(reporter, "b");
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(recorder_announcements(recorder_fast), 1);
    assert_int_equal(recorder_announcements(recorder_slow), 2);
    reporter_stop(reporter, WAIT_MS);
    assert_int_equal(recorder_fast->freed, 1);
    assert_int_equal(recorder_slow->freed, 3);
}

static void reminders_come_by_the_clock(void **state)
{
    (void)state;
    struct alert_settings alert = sample_settings;

    alert.remind_seconds = 1;
    struct reporter *reporter = recorder_start_reporter(&alert, NULL);
    hand_over(reporter, "a");
    assert_true(reporter_flush(reporter, WAIT_MS));
    hand_over(reporter, "a");
    for (int i = 0; i < 500 && recorder_announcements(recorder_fast) < 2; i++)
        pause_ms(20);
    pause_ms(1200);
    reporter_stop(reporter, WAIT_MS);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    assert_int_equal(recorder_fast->last.state, INCIDENT_REPEATED);
    assert_int_equal(recorder_fast->last.incident.finding.count, 2);
}

static void the_database_is_made_and_its_failure_is_told_once(void **state)
{
    (void)state;
    char *folder = sample_folder();
    char path[300];
    char error[SINK_ERROR_SIZE];
    struct reporter_settings settings = {
        .identity = &sample_identity,
        .alert = &sample_settings,
        .database_path = path,
        .quiet_terminal = true,
        .kinds = recorder_kinds,
    };

    snprintf(path, sizeof(path), "%s/state.db", folder);
    reporter_stop(reporter_start(&settings, error), WAIT_MS);
    sqlite3 *database = NULL;
    char database_error[DATABASE_ERROR_SIZE];
    assert_int_equal(database_open(path, &database, database_error), DATABASE_OK);
    database_close(database);

    snprintf(path, sizeof(path), "%s/state.db/below", folder);
    struct reporter *reporter = reporter_start(&settings, error);
    hand_over(reporter, "a");
    hand_over(reporter, "b");
    reporter_stop(reporter, WAIT_MS);
    assert_int_equal(recorder_heard(recorder_fast, "would announce them again): database /"), 1);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    assert_int_equal(recorder_announcements(recorder_slow), 2);
    sample_folder_remove(folder);
}

/* Signals that a thread of this process blocks, from /proc. */
/* One line of a file of a thread's; false if the thread is no more: one that was joined may be in
 * /proc for a moment yet. */
static bool read_line(const char *task, const char *file, const char *begin, char line[256])
{
    char path[512];
    bool found = false;

    snprintf(path, sizeof(path), "/proc/self/task/%.200s/%s", task, file);
    FILE *stream = fopen(path, "re");
    while (stream != NULL && !found && fgets(line, 256, stream) != NULL)
        found = strncmp(line, begin, strlen(begin)) == 0;
    if (stream != NULL)
        fclose(stream);
    return found;
}

/* How many threads the reporter has. Each of them takes no signal. */
static int count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    const unsigned long long all_but_real_time = 0x7fffffff;
    const unsigned long long never = 1ULL << 8 | 1ULL << 18; /* KILL, STOP */
    char line[256];
    int threads = 0;

    assert_non_null(tasks);
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.' || !read_line(task->d_name, "comm", "reporter", line) ||
            !read_line(task->d_name, "status", "SigBlk:", line))
            continue;
        threads++;
        assert_int_equal((strtoull(line + strlen("SigBlk:"), NULL, 16) | never) & all_but_real_time,
                         all_but_real_time);
    }
    closedir(tasks);
    return threads;
}

static void the_threads_take_no_signals(void **state)
{
    (void)state;
    struct reporter *reporter = start();
    const struct timespec moment = {0, 20000000};

    for (int i = 0; i < WAIT_MS / 20 && count_threads() != 2; i++)
        nanosleep(&moment, NULL);
    assert_int_equal(count_threads(), 2);
    reporter_stop(reporter, WAIT_MS);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_finding_reaches_syslog_and_the_json_file),
        TEST(a_storm_is_a_handful_of_incidents_that_count_every_finding),
        TEST(order_is_kept_between_a_finding_and_its_resolution),
        TEST(what_a_review_says_is_over_is_announced_as_resolved),
        TEST(of_two_reviews_none_is_lost),
        TEST(a_hung_slow_sink_delays_no_alert_and_no_stop),
        TEST(the_queue_for_the_disk_is_bounded_and_its_loss_is_told),
        TEST(the_failure_and_the_recovery_of_a_sink_are_told_once),
        TEST(syslog_that_comes_back_gets_what_waited),
        TEST(what_waits_for_a_stalled_syslog_survives_a_reload),
        TEST(a_wrong_path_of_the_json_file_is_told_at_the_start_and_at_a_reload),
        TEST(a_flush_waits_for_a_daemon_that_reads_slowly),
        TEST(an_alert_that_no_sink_takes_is_on_standard_error),
        TEST(what_two_sinks_that_hang_have_is_on_standard_error_once),
        TEST(a_standard_error_that_nobody_reads_blocks_nothing),
        TEST(a_flood_of_own_lines_is_cut_and_counted),
        TEST(new_settings_bring_new_sinks_and_keep_incidents),
        TEST(reminders_come_by_the_clock),
        TEST(the_database_is_made_and_its_failure_is_told_once),
        TEST(the_threads_take_no_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/alert/sink/format.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/sink_place.h"

#define KEPT_MAX 64 /* lines that wait for a daemon */

static int set_up(void **state)
{
    struct sink_place *place = sink_place_new(true);

    place->sink = sink_syslog_new(&(struct sink_source){
        .identity = &sample_identity, .settings = &sample_settings, .syslog_socket = place->path});
    assert_non_null(place->sink);
    *state = place;
    return 0;
}

static int say(struct sink_place *place, int number)
{
    char line[32];

    snprintf(line, sizeof(line), "line %d", number);
    place->error[0] = '\0';
    return place->sink->say(place->sink, LOG_INFO, line, place->error);
}

static int retry(struct sink_place *place)
{
    place->error[0] = '\0';
    return place->sink->retry(place->sink, place->error);
}

static void stop_daemon(struct sink_place *place)
{
    close(place->daemon);
    unlink(place->path);
    place->daemon = -1;
}

/* Reads on until nothing comes; the numbers of say() must follow each other. Returns the next one.
 */
static int expect_lines_from(const struct sink_place *place, int number)
{
    char text[256];

    while (sample_receive(place->daemon, text, sizeof(text), 0) >= 0) {
        char line[32];

        snprintf(line, sizeof(line), ": line %d", number++);
        assert_string_equal(strchr(text, ']') + 1, line);
    }
    return number;
}

/* Fills the socket's buffer; returns how many lines it took. */
static int stall_daemon(struct sink_place *place)
{
    int taken = 0;

    while (place->sink->waiting == 0)
        assert_int_equal(say(place, taken++), 0);
    return taken - 1;
}

static void a_datagram_is_what_syslog_writes_to_dev_log(void **state)
{
    struct sink_place *place = *state;
    struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);
    char text[4096];
    char expected[4096];
    char stamp[32];
    char line[2048];
    time_t before = time(NULL);

    assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), 0);
    int length = sample_receive(place->daemon, text, sizeof(text), 1000);
    assert_true(length > 0 && strlen(text) == (size_t)length);
    format_kv(line, sizeof(line), &announcement);
    bool same = false;
    for (time_t at = before; at <= time(NULL); at++) {
        struct tm local;

        localtime_r(&at, &local);
        strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local);
        snprintf(expected, sizeof(expected), "<%d>%s relaywarden-milter[%ld]: %s",
                 LOG_MAIL | LOG_CRIT, stamp, (long)getpid(), line);
        same = same || strcmp(text, expected) == 0;
    }
    assert_true(same);
}

static void the_priority_is_the_severitys_and_a_notice_when_resolved(void **state)
{
    static const struct {
        enum severity severity;
        enum incident_state state;
        int priority;
        const char *label;
    } rows[] = {
        {SEVERITY_CRITICAL, INCIDENT_OPENED, LOG_CRIT, ": CRITICAL "},
        {SEVERITY_CRITICAL, INCIDENT_REPEATED, LOG_CRIT, ": CRITICAL "},
        {SEVERITY_CRITICAL, INCIDENT_RESOLVED, LOG_NOTICE, ": CRITICAL "},
        {SEVERITY_WARNING, INCIDENT_OPENED, LOG_WARNING, ": WARNING "},
        {SEVERITY_WARNING, INCIDENT_RESOLVED, LOG_NOTICE, ": WARNING "},
        {SEVERITY_INFO, INCIDENT_OPENED, LOG_INFO, ": INFO "},
    };
    struct sink_place *place = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct finding finding = sample_open_relay();
        char text[4096];
        char head[16];

        finding.severity = rows[i].severity;
        struct announcement announcement = sample_announcement(&finding);
        announcement.state = rows[i].state;
        assert_int_equal(place->sink->announce(place->sink, &announcement, place->error), 0);
        sample_receive(place->daemon, text, sizeof(text), 1000);
        snprintf(head, sizeof(head), "<%d>", LOG_MAIL | rows[i].priority);
        assert_memory_equal(text, head, strlen(head));
        assert_non_null(strstr(text, rows[i].label));
    }
}

static void a_stalled_daemon_blocks_nobody_and_gets_all_lines_in_order(void **state)
{
    struct sink_place *place = *state;
    struct timespec before;
    struct timespec after;

    clock_gettime(CLOCK_MONOTONIC, &before);
    int next = stall_daemon(place) + 1;
    for (int i = 0; i < 10; i++)
        assert_int_equal(say(place, next++), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < 5);
    assert_int_equal(place->sink->waiting, 11);
    assert_int_equal(retry(place), 0);
    assert_int_equal(place->sink->waiting, 11);

    int got = 0;
    while (got < next) {
        got = expect_lines_from(place, got);
        assert_int_equal(retry(place), 0);
    }
    assert_int_equal(got, next);
    assert_int_equal(place->sink->waiting, 0);
    assert_int_equal(place->sink->lost, 0);
}

static void what_a_stalled_daemon_makes_us_drop_is_counted(void **state)
{
    struct sink_place *place = *state;
    int first_kept = stall_daemon(place);
    int next = first_kept + 1;

    for (int i = 1; i < KEPT_MAX; i++)
        assert_int_equal(say(place, next++), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(say(place, 0), -1);
        assert_non_null(strstr(place->error, place->path));
        assert_non_null(strstr(place->error, "does not read"));
    }
    assert_int_equal(place->sink->waiting, KEPT_MAX);
    assert_int_equal(place->sink->lost, 5);
    int got = 0;
    while (got < next) {
        got = expect_lines_from(place, got);
        assert_int_equal(retry(place), 0);
    }
    assert_int_equal(got, next);
    assert_int_equal(place->sink->waiting, 0);
}

static void a_daemon_that_was_restarted_gets_the_next_line(void **state)
{
    struct sink_place *place = *state;

    assert_int_equal(say(place, 0), 0);
    assert_int_equal(expect_lines_from(place, 0), 1);
    stop_daemon(place);
    place->daemon = sample_daemon(place->path);
    assert_int_equal(say(place, 1), 0);
    assert_int_equal(expect_lines_from(place, 1), 2);
    assert_int_equal(place->sink->lost, 0);
}

static void lines_wait_for_a_daemon_that_is_away(void **state)
{
    struct sink_place *place = *state;

    assert_int_equal(say(place, 0), 0);
    assert_int_equal(expect_lines_from(place, 0), 1);
    stop_daemon(place);
    for (int i = 1; i <= KEPT_MAX + 3; i++) {
        assert_int_equal(say(place, i), -1);
        assert_non_null(strstr(place->error, place->path));
    }
    assert_int_equal(retry(place), -1);
    assert_int_equal(place->sink->waiting, KEPT_MAX);
    assert_int_equal(place->sink->lost, 3);

    place->daemon = sample_daemon(place->path);
    int got = 1;
    while (place->sink->waiting > 0) {
        assert_int_equal(retry(place), 0);
        got = expect_lines_from(place, got);
    }
    assert_int_equal(got, KEPT_MAX + 1);
}

static void a_socket_file_that_nobody_holds_is_a_daemon_that_is_away(void **state)
{
    struct sink_place *place = *state;

    close(place->daemon);
    assert_int_equal(say(place, 0), -1);
    assert_non_null(strstr(place->error, "refused"));
    unlink(place->path);
    place->daemon = sample_daemon(place->path);
    assert_int_equal(retry(place), 0);
    assert_int_equal(expect_lines_from(place, 0), 1);
}

static void a_stream_socket_is_named_as_the_mistake(void **state)
{
    struct sink_place *place = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    stop_daemon(place);
    place->daemon = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, place->path, strlen(place->path));
    assert_int_equal(bind(place->daemon, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(place->daemon, 1), 0);
    assert_int_equal(say(place, 0), -1);
    assert_non_null(strstr(place->error, "not a datagram socket"));
}

static void a_path_that_no_socket_can_have_is_reported(void **state)
{
    struct sink_place *place = *state;
    char path[200];

    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    place->sink->free(place->sink);
    place->sink = sink_syslog_new(&(struct sink_source){
        .identity = &sample_identity, .settings = &sample_settings, .syslog_socket = path});
    assert_non_null(place->sink);
    assert_int_equal(say(place, 0), -1);
    assert_non_null(strstr(place->error, "too long"));
}

static void a_long_line_is_cut_between_characters(void **state)
{
    struct sink_place *place = *state;
    char *line = malloc(20001);
    char *text = malloc(20001);

    assert_non_null(line);
    assert_non_null(text);
    for (int shift = 0; shift < 3; shift++) {
        memset(line, 'a', 20000);
        line[20000] = '\0';
        for (size_t i = (size_t)shift; i + 3 <= 20000; i += 3)
            memcpy(line + i, "\xE2\x82\xAC", 3);
        assert_int_equal(place->sink->say(place->sink, LOG_INFO, line, place->error), 0);
        int length = sample_receive(place->daemon, text, 20001, 1000);
        assert_in_range(length, 8190, 8192);
        assert_string_equal(text + length - 3, "\xE2\x82\xAC");
    }
    free(text);
    free(line);
}

static void a_facility_of_the_settings_is_used(void **state)
{
    struct sink_place *place = *state;
    struct alert_settings settings = sample_settings;
    char text[256];

    settings.syslog_facility = LOG_LOCAL3;
    place->sink->free(place->sink);
    place->sink = sink_syslog_new(&(struct sink_source){
        .identity = &sample_identity, .settings = &settings, .syslog_socket = place->path});
    assert_non_null(place->sink);
    assert_int_equal(say(place, 0), 0);
    sample_receive(place->daemon, text, sizeof(text), 1000);
    assert_memory_equal(text, "<158>", 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, sink_place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_datagram_is_what_syslog_writes_to_dev_log),
        TEST(the_priority_is_the_severitys_and_a_notice_when_resolved),
        TEST(a_stalled_daemon_blocks_nobody_and_gets_all_lines_in_order),
        TEST(what_a_stalled_daemon_makes_us_drop_is_counted),
        TEST(a_daemon_that_was_restarted_gets_the_next_line),
        TEST(lines_wait_for_a_daemon_that_is_away),
        TEST(a_socket_file_that_nobody_holds_is_a_daemon_that_is_away),
        TEST(a_stream_socket_is_named_as_the_mistake),
        TEST(a_path_that_no_socket_can_have_is_reported),
        TEST(a_long_line_is_cut_between_characters),
        TEST(a_facility_of_the_settings_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

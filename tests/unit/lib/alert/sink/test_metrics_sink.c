#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alert/reporter.h"
#include "lib/alert/sink/sink_stats.h"
#include "tests/unit/alert_sample.h"

#define WAIT_MS 60000

static void write_numbers(struct metrics *metrics, void *user)
{
    const unsigned int *number = user;

    metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_things_total", "Things.");
    metrics_count(metrics, *number, (char *)NULL);
}

static struct reporter *start(char *folder, unsigned int *number)
{
    char error[SINK_ERROR_SIZE];
    struct alert_settings alert = {.syslog_format = SYSLOG_NONE, .metrics_directory = folder};
    const struct reporter_settings settings = {
        .identity = &sample_identity,
        .alert = &alert,
        .quiet_terminal = true,
        .metrics = write_numbers,
        .metrics_user = number,
    };
    struct reporter *reporter = reporter_start(&settings, error);

    assert_non_null(reporter);
    return reporter;
}

static void the_file_has_both_the_programs_numbers_and_those_of_alerts(void **state)
{
    (void)state;
    static unsigned int number = 1;
    char *folder = sample_folder();
    char path[256];
    struct stat status;
    struct finding finding = sample_open_relay();

    sample_path(folder, "relaywarden-milter.prom", path);
    umask(077);
    struct reporter *reporter = start(folder, &number);
    reporter_hand_over(reporter, &finding);
    assert_true(reporter_flush(reporter, WAIT_MS));
    number = 7;
    reporter_stop(reporter, WAIT_MS);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    char *text = sample_read_file(path);
    static const char *const lines[] = {
        "# TYPE relaywarden_incidents_open gauge\n",
        "relaywarden_incidents_open{program=\"relaywarden-milter\",kind=\"open-relay\","
        "severity=\"critical\"} 1\n",
        "relaywarden_incidents_open{program=\"relaywarden-milter\",kind=\"blocklisted\","
        "severity=\"info\"} 0\n",
        "relaywarden_announcements_total{program=\"relaywarden-milter\",kind=\"open-relay\","
        "state=\"opened\"} 1\n",
        "relaywarden_sink_failing{program=\"relaywarden-milter\",sink=\"metrics\"} 0\n",
        "relaywarden_milter_things_total 7\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_non_null(strstr(text, lines[i]));
    free(text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* and nothing else was left there */
    free(folder);
}

static void a_directory_that_is_missing_is_told(void **state)
{
    (void)state;
    char error[SINK_ERROR_SIZE] = "";
    struct alert_settings settings = sample_settings;
    char missing[] = "/nonexistent/directory";
    struct sink_stats *speaker = sink_stats_new(&sample_identity);

    assert_non_null(speaker);
    settings.metrics_directory = missing;
    struct sink *sink = sink_metrics_new(&(struct sink_source){
        .identity = &speaker->identity, .settings = &settings, .speaker = speaker});
    assert_non_null(sink);
    assert_int_equal(sink->open(sink, error), -1);
    assert_non_null(strstr(error, "cannot write to /nonexistent/directory: No such file"));
    sink->free(sink);
    sink_stats_release(speaker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_has_both_the_programs_numbers_and_those_of_alerts),
        cmocka_unit_test(a_directory_that_is_missing_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

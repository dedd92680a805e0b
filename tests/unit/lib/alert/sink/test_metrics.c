#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "tests/unit/failing_alloc.h"

/* NOLINTNEXTLINE(bugprone-suspicious-include): so that its allocations can be made to fail */
#include "lib/alert/sink/metrics.c"

static struct metrics *begin(void)
{
    struct metrics *metrics = metrics_new();

    assert_non_null(metrics);
    return metrics;
}

static void expect(struct metrics *metrics, const char *text)
{
    size_t length = 0;
    const char *written = metrics_text(metrics, &length);

    assert_non_null(written);
    assert_string_equal(written, text);
    assert_int_equal(length, strlen(text));
    metrics_free(metrics);
}

static void a_family_has_its_help_its_type_and_its_samples(void **state)
{
    (void)state;
    struct metrics *metrics = begin();

    metrics_family(metrics, METRIC_COUNTER, "relaywarden_milter_recipients_total", "Recipients.");
    metrics_count(metrics, 7, "decision", "accepted", "destination", "own", (char *)NULL);
    metrics_count(metrics, UINT64_MAX, "decision", "refused", (char *)NULL);
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_milter_up", "Up.");
    metrics_number(metrics, 0.25, (char *)NULL);
    metrics_number(metrics, -INFINITY, (char *)NULL);
    metrics_number(metrics, NAN, (char *)NULL);
    expect(metrics,
           "# HELP relaywarden_milter_recipients_total Recipients.\n"
           "# TYPE relaywarden_milter_recipients_total counter\n"
           "relaywarden_milter_recipients_total{decision=\"accepted\",destination=\"own\"} 7\n"
           "relaywarden_milter_recipients_total{decision=\"refused\"} 18446744073709551615\n"
           "# HELP relaywarden_milter_up Up.\n"
           "# TYPE relaywarden_milter_up gauge\n"
           "relaywarden_milter_up 0.25\n"
           "relaywarden_milter_up -Inf\n"
           "relaywarden_milter_up NaN\n");
}

static void a_histogram_counts_up_to_each_bound(void **state)
{
    (void)state;
    struct metrics *metrics = begin();
    const double bound[] = {0.001, 1};
    const uint64_t bucket[] = {5, 0, 2};
    const struct metric_histogram histogram = {2, bound, bucket, 3.5};

    metrics_family(metrics, METRIC_HISTOGRAM, "h_seconds", "H.");
    metrics_histogram(metrics, &histogram, (char *)NULL);
    metrics_histogram(metrics, &histogram, "a", "b", (char *)NULL);
    expect(metrics, "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
                    "h_seconds_bucket{le=\"0.001\"} 5\n"
                    "h_seconds_bucket{le=\"1\"} 5\n"
                    "h_seconds_bucket{le=\"+Inf\"} 7\n"
                    "h_seconds_sum 3.5\n"
                    "h_seconds_count 7\n"
                    "h_seconds_bucket{a=\"b\",le=\"0.001\"} 5\n"
                    "h_seconds_bucket{a=\"b\",le=\"1\"} 5\n"
                    "h_seconds_bucket{a=\"b\",le=\"+Inf\"} 7\n"
                    "h_seconds_sum{a=\"b\"} 3.5\n"
                    "h_seconds_count{a=\"b\"} 7\n");
}

static void a_hostile_label_cannot_leave_its_quotes_or_its_line(void **state)
{
    (void)state;
    struct metrics *metrics = begin();

    metrics_family(metrics, METRIC_GAUGE, "g", "G.");
    metrics_count(metrics, 1, "target", "a\"} 1\ng{x=\"\\\xFF", (char *)NULL);
    expect(metrics, "# HELP g G.\n# TYPE g gauge\n"
                    "g{target=\"a\\\"} 1\\\\x0Ag{x=\\\"\\\\\\\\\\\\xFF\"} 1\n");
}

static void labels_that_do_not_fit_are_left_out_whole(void **state)
{
    (void)state;
    struct metrics *metrics = begin();
    char value[300];
    size_t length = 0;

    memset(value, '"', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    metrics_family(metrics, METRIC_GAUGE, "g", "G.");
    metrics_count(metrics, 1, "a", value, "b", value, "c", value, "d", value, "e", value,
                  (char *)NULL);
    const char *text = metrics_text(metrics, &length);
    assert_non_null(text);
    assert_string_equal(text + length - 4, "} 1\n");
    assert_null(strstr(text, "e=\""));
    metrics_free(metrics);
}

static void without_memory_or_room_there_is_no_text(void **state)
{
    (void)state;
    struct metrics *metrics = begin();
    size_t length = 0;

    failing_alloc_after(0);
    metrics_family(metrics, METRIC_GAUGE, "g", "G.");
    failing_alloc_never();
    metrics_count(metrics, 1, (char *)NULL);
    assert_null(metrics_text(metrics, &length));
    metrics_free(metrics);

    metrics = begin();
    metrics_family(metrics, METRIC_GAUGE, "g", "G.");
    for (size_t i = 0; i < METRICS_SIZE_MAX / 4 + 1; i++)
        metrics_count(metrics, 1, (char *)NULL);
    assert_null(metrics_text(metrics, &length));
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_has_its_help_its_type_and_its_samples),
        cmocka_unit_test(a_histogram_counts_up_to_each_bound),
        cmocka_unit_test(a_hostile_label_cannot_leave_its_quotes_or_its_line),
        cmocka_unit_test(labels_that_do_not_fit_are_left_out_whole),
        cmocka_unit_test(without_memory_or_room_there_is_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

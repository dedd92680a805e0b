/* Numbers of what has passed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "milter/counters.h"

#define THREADS 4
#define ROUNDS  20000

static const char *shown(struct counters *counters, struct metrics **metrics)
{
    size_t length = 0;

    *metrics = metrics_new();
    assert_non_null(*metrics);
    counters_show(*metrics, counters);
    const char *text = metrics_text(*metrics, &length);
    assert_non_null(text);
    return text;
}

static void nothing_has_passed_at_first(void **state)
{
    (void)state;
    struct counters counters = {0};
    struct metrics *metrics;
    const char *text = shown(&counters, &metrics);

    assert_non_null(strstr(text, "\nrelaywarden_milter_connections_total 0\n"));
    assert_non_null(
        strstr(text, "\nrelaywarden_milter_messages_total{permission=\"trusted-network\"} 0\n"));
    assert_non_null(strstr(text, "\nrelaywarden_milter_enforced_total{enforcement=\"hold\"} 0\n"));
    assert_null(strstr(text, "recipients_total{"));
    assert_non_null(strstr(text, "\nrelaywarden_milter_answer_seconds_count 0\n"));
    metrics_free(metrics);
}

static void each_recipient_is_counted_where_it_belongs(void **state)
{
    (void)state;
    struct counters counters = {0};
    struct metrics *metrics;

    counters_recipient(&counters, PERMISSION_NONE, DESTINATION_EXTERNAL, DECISION_REFUSED);
    counters_recipient(&counters, PERMISSION_NONE, DESTINATION_EXTERNAL, DECISION_REFUSED);
    counters_recipient(&counters, PERMISSION_NONE, DESTINATION_OWN, DECISION_ACCEPTED);
    const char *text = shown(&counters, &metrics);
    assert_non_null(strstr(text, "relaywarden_milter_recipients_total{permission=\"none\","
                                 "destination=\"external\",decision=\"refused\"} 2\n"));
    assert_non_null(strstr(text, "relaywarden_milter_recipients_total{permission=\"none\","
                                 "destination=\"own\",decision=\"accepted\"} 1\n"));
    metrics_free(metrics);
}

static void an_answer_falls_into_the_bucket_of_its_time(void **state)
{
    (void)state;
    struct counters counters = {0};
    struct metrics *metrics;

    counters_answered(&counters, counters_now() - 3000000000U);
    const char *text = shown(&counters, &metrics);
    assert_non_null(strstr(text, "answer_seconds_bucket{le=\"1\"} 0\n"));
    assert_non_null(strstr(text, "answer_seconds_bucket{le=\"10\"} 1\n"));
    assert_non_null(strstr(text, "answer_seconds_sum 3.0"));
    metrics_free(metrics);
    counters_answered(&counters, counters_now() - 60000000000U);
    text = shown(&counters, &metrics);
    assert_non_null(strstr(text, "answer_seconds_bucket{le=\"10\"} 1\n"));
    assert_non_null(strstr(text, "answer_seconds_bucket{le=\"+Inf\"} 2\n"));
    metrics_free(metrics);
}

static void *count(void *user)
{
    struct counters *counters = user;

    for (int i = 0; i < ROUNDS; i++) {
        counters_add(&counters->connections);
        counters_answered(counters, counters_now());
    }
    return NULL;
}

static void many_threads_lose_nothing(void **state)
{
    (void)state;
    struct counters counters = {0};
    pthread_t threads[THREADS];
    uint64_t answers = 0;

    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count, &counters), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < COUNTERS_BUCKETS; i++) {
        answers += counters.answers[i];
    }
    assert_int_equal(counters.connections, THREADS * ROUNDS);
    assert_int_equal(answers, THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_passed_at_first),
        cmocka_unit_test(each_recipient_is_counted_where_it_belongs),
        cmocka_unit_test(an_answer_falls_into_the_bucket_of_its_time),
        cmocka_unit_test(many_threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

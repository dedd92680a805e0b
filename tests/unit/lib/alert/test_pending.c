#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alert/reporter.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/failing_alloc.h"

/* NOLINTNEXTLINE(bugprone-suspicious-include): so that its allocations can be made to fail */
#include "lib/alert/pending.c"

/* The output: "+KEY*COUNT " for a finding, "-KEY " for a resolution. */
struct record {
    char text[512];
    size_t findings;
    uint64_t sum;
    struct finding last;
};

static void record_text(struct record *record, const char *text)
{
    size_t used = strlen(record->text);

    snprintf(record->text + used, sizeof(record->text) - used, "%s", text);
}

static void record_finding(const struct finding *finding, void *user)
{
    struct record *record = user;
    char text[300];

    snprintf(text, sizeof(text), "+%.255s*%d ", finding->key, (int)finding->count);
    record_text(record, text);
    record->findings++;
    record->sum += finding->count;
    record->last = *finding;
}

static void record_resolution(enum finding_kind kind, const char *key, void *user)
{
    char text[300];

    snprintf(text, sizeof(text), "-%s ", key);
    assert_int_equal(kind, FINDING_OPEN_RELAY);
    record_text(user, text);
}

static void empty_into(struct pending *pending, struct record *record)
{
    const struct pending_receiver receiver = {record_finding, record_resolution, record};

    memset(record, 0, sizeof(*record));
    pending_empty(pending, &receiver);
}

static int set_up(void **state)
{
    *state = pending_new();
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    pending_free(*state);
    return 0;
}

static void add(struct pending *pending, const char *rest)
{
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", rest);

    pending_add(pending, &finding);
}

static void repeats_of_a_subject_are_counted_in_its_first_finding(void **state)
{
    struct record record;

    add(*state, "a");
    add(*state, "b");
    add(*state, "a");
    add(*state, "a");
    assert_int_equal(pending_count(*state), 2);
    empty_into(*state, &record);
    assert_string_equal(record.text, "+L a*3 +L b*1 ");
    assert_int_equal(pending_count(*state), 0);
    empty_into(*state, &record);
    assert_string_equal(record.text, "");
}

static void a_more_severe_finding_takes_the_place_of_the_first(void **state)
{
    struct record record;
    struct finding finding = sample_finding(FINDING_UNDECLARED_DESTINATION, "L", "a");

    pending_add(*state, &finding);
    finding.severity = SEVERITY_CRITICAL;
    finding_why(&finding, "worse");
    pending_add(*state, &finding);
    finding.severity = SEVERITY_INFO;
    pending_add(*state, &finding);
    empty_into(*state, &record);
    assert_string_equal(record.text, "+L a*3 ");
    assert_int_equal(record.last.severity, SEVERITY_CRITICAL);
    assert_string_equal(record.last.why, "worse");
}

static void a_subjects_findings_and_resolutions_stay_in_order(void **state)
{
    struct record record;

    pending_resolve(*state, FINDING_OPEN_RELAY, "L a");
    add(*state, "a");
    add(*state, "a");
    pending_resolve(*state, FINDING_OPEN_RELAY, "L a");
    pending_resolve(*state, FINDING_OPEN_RELAY, "L a");
    add(*state, "b");
    add(*state, "a");
    empty_into(*state, &record);
    assert_string_equal(record.text, "-L a +L a*2 -L a +L b*1 +L a*1 ");
}

static void a_full_table_counts_further_subjects_as_any(void **state)
{
    struct record record;

    for (int i = 0; i < PENDING_SUBJECTS_MAX + 100; i++) {
        char rest[16];

        snprintf(rest, sizeof(rest), "n%d", i);
        add(*state, rest);
    }
    add(*state, "n5");
    assert_int_equal(pending_count(*state), PENDING_SUBJECTS_MAX);
    empty_into(*state, &record);
    assert_int_equal(record.findings, PENDING_SUBJECTS_MAX + 1);
    assert_int_equal(record.sum, PENDING_SUBJECTS_MAX + 101);
    assert_string_equal(record.last.key, "any");
    assert_string_equal(record.last.fold, "");
    assert_int_equal(record.last.count, 100);
    assert_string_equal(finding_get(&record.last, "network"), "n1024");
    assert_string_equal(finding_get(&record.last, "subject"), "any");
}

static void without_memory_findings_join_any_of_their_kind(void **state)
{
    struct record record;
    struct finding other = sample_finding(FINDING_UNDECLARED_DESTINATION, "L", "z");

    add(*state, "a");
    failing_alloc_after(0);
    add(*state, "a");
    add(*state, "b");
    add(*state, "c");
    pending_add(*state, &other);
    other.severity = SEVERITY_CRITICAL;
    pending_add(*state, &other);
    pending_resolve(*state, FINDING_OPEN_RELAY, "L d");
    failing_alloc_never();
    empty_into(*state, &record);
    assert_string_equal(record.text, "+L a*2 +any*2 +any*2 ");
    assert_int_equal(record.last.severity, SEVERITY_CRITICAL);
    assert_string_equal(finding_get(&record.last, "subject"), "any");
}

static void resolutions_are_bounded_too(void **state)
{
    for (int i = 0; i < 3 * PENDING_SUBJECTS_MAX; i++) {
        char key[16];

        snprintf(key, sizeof(key), "L n%d", i);
        pending_resolve(*state, FINDING_OPEN_RELAY, key);
    }
    assert_int_equal(pending_count(*state), PENDING_SUBJECTS_MAX);
    add(*state, "a");
    assert_int_equal(pending_count(*state), PENDING_SUBJECTS_MAX + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(repeats_of_a_subject_are_counted_in_its_first_finding),
        TEST(a_more_severe_finding_takes_the_place_of_the_first),
        TEST(a_subjects_findings_and_resolutions_stay_in_order),
        TEST(a_full_table_counts_further_subjects_as_any),
        TEST(without_memory_findings_join_any_of_their_kind),
        TEST(resolutions_are_bounded_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

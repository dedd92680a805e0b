/* Findings and resolutions from any thread, until the reporter's thread takes them in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alert/reporter.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/failing_alloc.h"

/* NOLINTNEXTLINE(bugprone-suspicious-include): so that its allocations can be made to fail */
#include "lib/alert/incident_arrivals.c"

#define NOW 5000

static struct incident_table *table;

/* Announcements: "+KEY*COUNT " opened, "!KEY*COUNT " repeated, "-KEY*COUNT " resolved. */
static char told[512];
static struct incident last;
static uint64_t ended_sum;
static void (*during)(void); /* an announcement */

static void tell(const struct incident *incident, enum incident_state state, time_t now, void *user)
{
    static const char marks[] = {
        [INCIDENT_OPENED] = '+', [INCIDENT_REPEATED] = '!', [INCIDENT_RESOLVED] = '-'};
    size_t used = strlen(told);

    (void)user;
    assert_int_equal(now, NOW);
    snprintf(told + used, sizeof(told) - used, "%c%s*%d ", marks[state], incident->finding.key,
             (int)incident->finding.count);
    last = *incident;
    if (state == INCIDENT_RESOLVED) {
        ended_sum += incident->finding.count;
    }
    if (during != NULL) {
        during();
    }
}

static int set_up(void **state)
{
    (void)state;
    told[0] = '\0';
    ended_sum = 0;
    during = NULL;
    table = incident_table_new(0, 0, tell, NULL);
    return table == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    incident_table_free(table);
    return 0;
}

static void add(const char *rest)
{
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", rest);

    incident_add(table, &finding);
}

static void resolve(const char *key)
{
    incident_resolve(table, FINDING_OPEN_RELAY, key);
}

/* Takes in what came, and compares what is told of it. */
static void expect(const char *text)
{
    incident_take_in(table, NOW);
    assert_string_equal(told, text);
    told[0] = '\0';
}

static void repeats_of_a_subject_are_counted_in_its_first_finding(void **state)
{
    (void)state;
    assert_false(incident_has_news(table));
    add("a");
    add("b");
    add("a");
    add("a");
    assert_true(incident_has_news(table));
    assert_int_equal(incident_open_count(table), 0);
    expect("+L a*3 +L b*1 ");
    assert_int_equal(incident_open_count(table), 2);
    assert_false(incident_has_news(table));
    add("a");
    assert_true(incident_has_news(table));
    expect("");
    assert_false(incident_has_news(table));
    resolve("L a");
    expect("-L a*4 ");
}

static void a_more_severe_finding_takes_the_place_of_the_first(void **state)
{
    (void)state;
    struct finding finding = sample_finding(FINDING_UNDECLARED_DESTINATION, "L", "a");

    incident_add(table, &finding);
    finding.severity = SEVERITY_CRITICAL;
    finding_why(&finding, "worse");
    incident_add(table, &finding);
    finding.severity = SEVERITY_INFO;
    incident_add(table, &finding);
    expect("+L a*3 ");
    assert_int_equal(last.finding.severity, SEVERITY_CRITICAL);
    assert_string_equal(last.finding.why, "worse");
}

static void several_more_severe_findings_are_announced_as_one(void **state)
{
    (void)state;
    struct finding finding = sample_finding(FINDING_UNDECLARED_DESTINATION, "L", "a");

    finding.severity = SEVERITY_INFO;
    incident_add(table, &finding);
    expect("+L a*1 ");
    finding.severity = SEVERITY_WARNING;
    incident_add(table, &finding);
    finding.severity = SEVERITY_CRITICAL;
    incident_add(table, &finding);
    incident_add(table, &finding);
    expect("!L a*4 ");
    assert_int_equal(last.finding.severity, SEVERITY_CRITICAL);
    expect("");
}

static void a_subjects_findings_and_resolutions_stay_in_order(void **state)
{
    (void)state;
    resolve("L a");
    add("a");
    add("a");
    resolve("L a");
    resolve("L a");
    add("b");
    add("a");
    expect("+L a*2 -L a*2 +L b*1 +L a*1 ");
    add("a");
    resolve("L a");
    add("a");
    expect("-L a*2 +L a*1 ");
}

static void count_visit(const struct incident *incident, void *user)
{
    *(uint64_t *)user += incident->finding.count;
}

static void too_many_new_subjects_are_counted_as_any(void **state)
{
    (void)state;
    uint64_t sum = 0;

    for (int i = 0; i < INCIDENT_FRESH_MAX + 100; i++) {
        char fold[16];

        snprintf(fold, sizeof(fold), "F%d", i);
        const struct finding finding = sample_finding(FINDING_OPEN_RELAY, fold, "n");
        incident_add(table, &finding);
    }
    const struct finding fifth = sample_finding(FINDING_OPEN_RELAY, "F5", "n");
    incident_add(table, &fifth);
    incident_take_in(table, NOW);
    assert_int_equal(incident_open_count(table), INCIDENT_FRESH_MAX + 1);
    incident_each(table, count_visit, &sum);
    assert_int_equal(sum, INCIDENT_FRESH_MAX + 101);
    assert_string_equal(last.finding.key, "any");
    assert_string_equal(last.finding.fold, "");
    assert_int_equal(last.finding.count, 100);
    assert_string_equal(finding_get(&last.finding, "subject"), "any");
}

static void new_subjects_of_a_full_fold_are_one_incident(void **state)
{
    (void)state;
    uint64_t sum = 0;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100; i++) {
            char rest[16];

            snprintf(rest, sizeof(rest), "n%d.%d", round, i);
            add(rest);
        }
        incident_take_in(table, NOW);
        told[0] = '\0';
    }
    assert_int_equal(incident_open_count(table), INCIDENT_SUBJECTS_MAX + 1);
    incident_each(table, count_visit, &sum);
    assert_int_equal(sum, 200);
    resolve("L any");
    expect("-L any*184 ");
}

static void without_memory_findings_join_any_of_their_kind(void **state)
{
    (void)state;
    struct finding other = sample_finding(FINDING_UNDECLARED_DESTINATION, "L", "z");

    add("a");
    failing_alloc_after(0);
    add("a");
    add("b");
    add("c");
    incident_add(table, &other);
    other.severity = SEVERITY_CRITICAL;
    incident_add(table, &other);
    resolve("L d");
    failing_alloc_never();
    expect("+L a*2 +any*2 +any*2 ");
    assert_int_equal(last.finding.severity, SEVERITY_CRITICAL);
    assert_string_equal(finding_get(&last.finding, "subject"), "any");

    /* It ends, and its room serves again. */
    resolve("any");
    expect("-any*2 ");
    failing_alloc_after(0);
    add("d");
    failing_alloc_never();
    expect("+any*1 ");
}

static void without_memory_an_incident_that_was_to_end_goes_on(void **state)
{
    (void)state;
    failing_alloc_after(0);
    add("a");
    resolve("any");
    add("b");
    failing_alloc_never();
    expect("+any*2 ");
    failing_alloc_after(0);
    resolve("any");
    add("c");
    failing_alloc_never();
    expect("");
    resolve("any");
    expect("-any*3 ");
}

static void add_without_memory(void)
{
    during = NULL;
    failing_alloc_after(0);
    add("z");
    failing_alloc_never();
}

static void a_finding_that_comes_during_an_announcement_is_not_lost(void **state)
{
    (void)state;
    during = add_without_memory;
    add("a");
    expect("+L a*1 ");
    expect("+any*1 ");
    during = add_without_memory;
    resolve("any");
    expect("-any*1 ");
    expect("+any*1 ");
}

static void resolve_once(void)
{
    during = NULL;
    resolve("L a");
}

static void a_resolution_during_an_announcement_ends_the_incident_that_comes_next(void **state)
{
    (void)state;
    add("a");
    resolve("L a");
    add("a");
    during = resolve_once;
    expect("+L a*1 -L a*1 +L a*1 -L a*1 ");
    assert_int_equal(incident_open_count(table), 0);
}

static void resolutions_are_bounded_too(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * INCIDENT_FRESH_MAX; i++) {
        char key[16];

        snprintf(key, sizeof(key), "L n%d", i);
        resolve(key);
    }
    assert_int_equal(table->fresh, INCIDENT_FRESH_MAX);
    expect("");
    assert_int_equal(table->fresh, 0);
    assert_int_equal(incident_open_count(table), 0);
}

/* ---- incidents of an earlier run ------------------------------------------------------------- */

static struct incident saved(const char *rest)
{
    struct incident incident = {.id = "0123456789abcdef", .opened = 4000, .last_seen = 4500};

    incident.finding = sample_finding(FINDING_OPEN_RELAY, "L", rest);
    incident.finding.count = 7;
    return incident;
}

static void a_finding_that_came_before_its_incident_was_read_goes_on_with_it(void **state)
{
    (void)state;
    const struct incident incident = saved("a");

    add("a");
    assert_true(incident_restore(table, &incident, true, NOW));
    add("a");
    expect("");
    resolve("L a");
    expect("-L a*9 ");
    assert_string_equal(last.id, incident.id);
}

static void a_resolution_that_came_before_its_incident_was_read_ends_it(void **state)
{
    (void)state;
    const struct incident incident = saved("a");
    const struct incident other = saved("b");

    resolve("L a");
    add("b");
    resolve("L b");
    assert_true(incident_restore(table, &incident, true, NOW));
    assert_true(incident_restore(table, &other, true, NOW));
    expect("-L a*7 -L b*8 ");
    assert_int_equal(incident_open_count(table), 0);
}

static void a_finding_opens_anew_what_another_process_ended(void **state)
{
    (void)state;
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", "a");

    incident_table_share(table);
    add("a");
    add("b");
    expect("+L a*1 +L b*1 ");
    finding_why(&finding, "seen later");
    incident_add(table, &finding);
    add("b");
    incident_unmark_all(table);
    assert_true(incident_mark(table, last.id));
    incident_forget_unmarked(table);
    expect("+L a*1 ");
    assert_string_equal(last.finding.why, "seen later");
    resolve("L b");
    expect("-L b*2 ");
}

/* ---- threads --------------------------------------------------------------------------------- */

#define THREADS  4
#define FINDINGS 5000

static void *storm(void *unused)
{
    static const char *const rests[] = {"a", "b", "c"};

    for (int i = 0; i < FINDINGS; i++) {
        add(rests[i % 3]);
        if (i % 100 == 0) {
            resolve("L b");
        }
    }
    return unused;
}

static void findings_of_many_threads_are_all_counted(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    uint64_t sum = 0;

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, storm, NULL), 0);
    }
    for (int i = 0; i < 1000; i++) {
        incident_take_in(table, NOW);
        told[0] = '\0';
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    incident_take_in(table, NOW);
    incident_each(table, count_visit, &sum);
    assert_int_equal(sum + ended_sum, THREADS * FINDINGS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(repeats_of_a_subject_are_counted_in_its_first_finding),
        TEST(a_more_severe_finding_takes_the_place_of_the_first),
        TEST(several_more_severe_findings_are_announced_as_one),
        TEST(a_subjects_findings_and_resolutions_stay_in_order),
        TEST(too_many_new_subjects_are_counted_as_any),
        TEST(new_subjects_of_a_full_fold_are_one_incident),
        TEST(without_memory_findings_join_any_of_their_kind),
        TEST(without_memory_an_incident_that_was_to_end_goes_on),
        TEST(a_finding_that_comes_during_an_announcement_is_not_lost),
        TEST(a_resolution_during_an_announcement_ends_the_incident_that_comes_next),
        TEST(resolutions_are_bounded_too),
        TEST(a_finding_that_came_before_its_incident_was_read_goes_on_with_it),
        TEST(a_resolution_that_came_before_its_incident_was_read_ends_it),
        TEST(a_finding_opens_anew_what_another_process_ended),
        TEST(findings_of_many_threads_are_all_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Announcements that no sink took stay due, ends among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/alert/incident_table.h"
#include "tests/unit/alert_sample.h"

static struct {
    enum incident_state state;
    struct incident incident;
} told[16];
static size_t told_count;
static struct incident_table *table;

static void tell(const struct incident *incident, enum incident_state state, time_t now, void *user)
{
    (void)now;
    (void)user;
    assert_true(told_count < sizeof(told) / sizeof(told[0]));
    told[told_count].state = state;
    told[told_count++].incident = *incident;
}

static int begin(void **state)
{
    (void)state;
    told_count = 0;
    table = incident_table_new(86400, 3600, tell, NULL);
    return table != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    incident_table_free(table);
    return 0;
}

static void add(const char *rest, time_t now)
{
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", rest);

    sample_add(table, &finding, now);
}

/* The announcements from `first` on are exactly these subjects, in this state. */
static void announced(size_t first, enum incident_state state, const char *const *keys,
                      size_t count)
{
    assert_int_equal(told_count, first + count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(told[first + i].incident.finding.key, keys[i]);
        assert_int_equal(told[first + i].state, state);
    }
}

static void an_opening_that_no_sink_took_is_announced_again_until_one_does(void **state)
{
    (void)state;
    add("a", 5000);
    add("b", 5000);
    assert_int_equal(incident_due_count(table), 0);
    incident_announce_due(table, 10, 5001); /* their sinks are still at it */
    assert_int_equal(told_count, 2);
    incident_settle(table, &told[0].incident, false);
    incident_settle(table, &told[1].incident, true);
    assert_int_equal(incident_due_count(table), 1);
    incident_announce_due(table, 10, 5002);
    announced(2, INCIDENT_OPENED, (const char *const[]){"L a"}, 1);
    assert_string_equal(told[2].incident.id, told[0].incident.id);
    assert_true(told[2].incident.again);
    assert_false(told[0].incident.again);
    assert_int_equal(incident_due_count(table), 0);
    incident_settle(table, &told[2].incident, true);
    incident_announce_due(table, 10, 5003);
    assert_int_equal(told_count, 3);
}

static void an_end_that_no_sink_took_stays_due_and_the_right_one_goes(void **state)
{
    (void)state;
    add("a", 5000);
    add("b", 5000);
    add("c", 5000);
    for (size_t i = 0; i < 3; i++) {
        incident_settle(table, &told[i].incident, true);
    }
    told_count = 0;
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
    sample_resolve(table, FINDING_OPEN_RELAY, "L b", 5001);
    sample_resolve(table, FINDING_OPEN_RELAY, "L c", 5001);
    incident_settle(table, &told[1].incident, true);
    incident_settle(table, &told[0].incident, false);
    incident_settle(table, &told[2].incident, false);
    assert_int_equal(incident_due_count(table), 2);
    incident_announce_due(table, 10, 5002);
    announced(3, INCIDENT_RESOLVED, (const char *const[]){"L a", "L c"}, 2);
    incident_settle(table, &told[3].incident, true);
    incident_settle(table, &told[3].incident, false); /* it is gone */
    incident_settle(table, &told[4].incident, false);
    assert_int_equal(incident_due_count(table), 1);
    incident_announce_due(table, 10, 5003);
    announced(5, INCIDENT_RESOLVED, (const char *const[]){"L c"}, 1);
}

static void an_opening_that_was_taken_keeps_the_end_due(void **state)
{
    (void)state;
    add("a", 5000);
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
    incident_settle(table, &told[1].incident, false);
    incident_settle(table, &told[0].incident, true); /* comes late, and says nothing of the end */
    assert_int_equal(incident_due_count(table), 1);
    incident_announce_due(table, 10, 5002);
    announced(2, INCIDENT_RESOLVED, (const char *const[]){"L a"}, 1);
}

static void the_word_on_another_incident_of_the_subject_settles_nothing(void **state)
{
    struct incident other;

    (void)state;
    add("a", 5000);
    incident_settle(table, &told[0].incident, false);
    other = told[0].incident;
    snprintf(other.id, sizeof(other.id), "0123456789abcdef");
    incident_settle(table, &other, true);
    assert_int_equal(incident_due_count(table), 1);
    other = told[0].incident;
    other.announced_count++;
    incident_settle(table, &other, true);
    assert_int_equal(incident_due_count(table), 1);
    other = told[0].incident;
    other.state = INCIDENT_REPEATED;
    incident_settle(table, &other, true);
    assert_int_equal(incident_due_count(table), 1);
    other = told[0].incident;
    snprintf(other.finding.key, sizeof(other.finding.key), "L z");
    incident_settle(table, &other, true);
    assert_int_equal(incident_due_count(table), 1);
}

static void ends_come_first_and_no_more_than_are_asked_for(void **state)
{
    (void)state;
    add("a", 5000);
    add("b", 5000);
    add("c", 5000);
    sample_resolve(table, FINDING_OPEN_RELAY, "L c", 5001);
    incident_settle(table, &told[0].incident, false);
    incident_settle(table, &told[1].incident, false);
    incident_settle(table, &told[3].incident, false);
    incident_announce_due(table, 2, 5002);
    assert_int_equal(told_count, 6);
    assert_string_equal(told[4].incident.finding.key, "L c");
    assert_int_equal(told[4].state, INCIDENT_RESOLVED);
    assert_string_equal(told[5].incident.finding.key, "L a");
    assert_int_equal(told[5].state, INCIDENT_OPENED);
    assert_int_equal(incident_due_count(table), 1);
}

static void a_restored_end_is_announced_once(void **state)
{
    (void)state;
    add("a", 5000);
    struct incident over = told[0].incident;
    over.state = INCIDENT_RESOLVED;
    snprintf(over.id, sizeof(over.id), "0123456789abcdef");
    snprintf(over.finding.key, sizeof(over.finding.key), "L old");
    told_count = 0;
    incident_restore_end(table, &over, 5001);
    announced(0, INCIDENT_RESOLVED, (const char *const[]){"L old"}, 1);
    incident_restore_end(table, &over, 5002);
    assert_int_equal(told_count, 1);
    incident_settle(table, &told[0].incident, true);
    incident_restore_end(table, &over, 5003);
    assert_int_equal(told_count, 2);
}

static void a_remembered_end_is_known_by_its_id(void **state)
{
    (void)state;
    add("a", 5000);
    assert_false(incident_has_ended(table, told[0].incident.id));
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
    assert_true(incident_has_ended(table, told[0].incident.id));
    assert_false(incident_has_ended(table, "0123456789abcdef"));
    assert_false(incident_has_ended(table, ""));
}

/* The list of what waits goes on behind the one that was taken, be it the last. */
static void an_end_is_kept_after_the_last_one_was_taken(void **state)
{
    (void)state;
    add("a", 5000);
    add("b", 5000);
    add("c", 5000);
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
    incident_settle(table, &told[3].incident, true);
    sample_resolve(table, FINDING_OPEN_RELAY, "L b", 5002);
    sample_resolve(table, FINDING_OPEN_RELAY, "L c", 5003);
    incident_settle(table, &told[5].incident, true);
    incident_settle(table, &told[4].incident, false);
    assert_int_equal(incident_due_count(table), 1);
    incident_announce_due(table, 10, 5004);
    announced(6, INCIDENT_RESOLVED, (const char *const[]){"L b"}, 1);
}

/* ---- what is announced ------------------------------------------------------------------- */

#define REMIND 86400

static struct incident_table *new_table(long remind, long quiet)
{
    incident_table_free(table);
    told_count = 0;
    table = incident_table_new(remind, quiet, tell, NULL);
    assert_non_null(table);
    return table;
}

static void an_opening_that_nobody_was_told_of_is_told_as_that_whatever_came_since(void **state)
{
    (void)state;
    new_table(REMIND, 0);
    add("a", 5000);
    incident_settle(table, &told[0].incident, false);
    add("a", 5001);
    incident_tick(table, 5000 + REMIND);
    assert_int_equal(told_count, 2);
    assert_int_equal(told[1].state, INCIDENT_OPENED);
    assert_int_equal(told[1].incident.state, INCIDENT_OPENED);
    assert_int_equal(told[1].incident.finding.count, 2);
}

static void a_repetition_that_nobody_was_told_of_is_no_opening(void **state)
{
    (void)state;
    new_table(REMIND, 0);
    add("a", 5000);
    incident_settle(table, &told[0].incident, true);
    for (int i = 1; i <= 2; i++) {
        add("a", 5000);
        incident_tick(table, 5000 + (time_t)i * REMIND);
        assert_int_equal(told_count, i + 1);
        assert_int_equal(told[i].state, INCIDENT_REPEATED);
        incident_settle(table, &told[i].incident, false);
        assert_int_equal(incident_due_count(table), 1);
    }
}

static void an_end_is_told_as_that_though_nobody_heard_of_the_opening(void **state)
{
    (void)state;
    add("a", 5000);
    incident_settle(table, &told[0].incident, false);
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
    assert_int_equal(told[1].state, INCIDENT_RESOLVED);
}

static void what_was_announced_again_is_not_so_the_next_time(void **state)
{
    (void)state;
    add("a", 5000);
    incident_settle(table, &told[0].incident, false);
    incident_announce_due(table, 1, 5001);
    assert_true(told[1].incident.again);
    incident_settle(table, &told[1].incident, true);
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5002);
    assert_false(told[2].incident.again);
}

static void an_incident_knows_when_it_was_last_seen(void **state)
{
    (void)state;
    add("a", 5000);
    assert_int_equal(told[0].incident.last_seen, 5000);
    add("a", 5005);
    incident_tick(table, 5010); /* time that passes is no sight of it */
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5020);
    assert_int_equal(told[1].incident.last_seen, 5005);
    add("b", 5000);
    incident_tick(table, 4000); /* the clock was set back */
    sample_resolve(table, FINDING_OPEN_RELAY, "L b", 4001);
    assert_int_equal(told[3].incident.last_seen, 4000);
}

/* ---- what is in the table ------------------------------------------------------------------ */

static void another_process_ends_only_what_it_knew_of(void **state)
{
    (void)state;
    add("a", 5000);
    incident_settle(table, &told[0].incident, false);
    assert_int_equal(incident_due_count(table), 1);
    incident_unmark_all(table);
    add("b", 5001);
    incident_forget_unmarked(table);
    assert_int_equal(incident_open_count(table), 1);
    assert_int_equal(incident_due_count(table), 0);
    sample_resolve(table, FINDING_OPEN_RELAY, "L b", 5002);
    assert_int_equal(told_count, 3);
}

static void see(const struct incident *incident, void *user)
{
    *(uint64_t *)user = *(uint64_t *)user * 10 + incident->finding.count;
}

static void a_count_that_was_restored_was_given(void **state)
{
    uint64_t seen = 0;

    (void)state;
    add("a", 5000);
    struct incident saved = told[0].incident;
    saved.finding.count = 3;
    new_table(REMIND, 3600);
    assert_true(incident_restore(table, &saved, true, 5001));
    incident_each_uncounted(table, see, &seen);
    assert_int_equal(seen, 0);
    incident_each(table, see, &seen);
    assert_int_equal(seen, 3);
    add("a", 5002);
    incident_each_uncounted(table, see, &seen);
    assert_int_equal(seen, 34);
    add("b", 5003);
    seen = 0;
    incident_each(table, see, &seen);
    assert_int_equal(seen, 41);
}

static void each_incident_is_found_and_ended_among_many(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 3000; i++) { /* more than there are buckets */
        char fold[16];
        snprintf(fold, sizeof(fold), "L%u", i);
        struct finding finding = sample_finding(FINDING_OPEN_RELAY, fold, "a");
        sample_add(table, &finding, 5000);
        told_count = 0;
    }
    for (unsigned int i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "L%u a", i);
        sample_resolve(table, FINDING_OPEN_RELAY, key, 5001);
        assert_int_equal(told_count, 1);
        assert_string_equal(told[0].incident.finding.key, key);
        told_count = 0;
    }
    assert_int_equal(incident_open_count(table), 0);
}

static void ends_that_wait_keep_their_order(void **state)
{
    static const char *const keys[] = {"L a", "L b", "L c", "L d"};

    (void)state;
    add("a", 5000);
    add("b", 5000);
    add("c", 5000);
    add("d", 5000);
    for (size_t i = 0; i < 4; i++) {
        incident_settle(table, &told[i].incident, true);
    }
    for (size_t i = 0; i < 3; i++) {
        sample_resolve(table, FINDING_OPEN_RELAY, keys[i], 5001);
        incident_settle(table, &told[4 + i].incident, false);
    }
    incident_settle(table, &told[4].incident, true);
    sample_resolve(table, FINDING_OPEN_RELAY, keys[3], 5002);
    incident_settle(table, &told[7].incident, false);
    assert_int_equal(incident_due_count(table), 3);
    incident_announce_due(table, 10, 5003);
    announced(8, INCIDENT_RESOLVED, keys + 1, 3);
}

static void an_end_that_is_taken_late_is_not_due(void **state)
{
    (void)state;
    add("a", 5000);
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
    incident_settle(table, &told[1].incident, false);
    assert_int_equal(incident_due_count(table), 1);
    incident_settle(table, &told[1].incident, true);
    assert_int_equal(incident_due_count(table), 0);
}

/* ---- reviews ------------------------------------------------------------------------------- */

/* `user` is a key, or NULL: nothing is. */
static bool is_this_over(const struct finding *finding, const void *user)
{
    return user != NULL && strcmp(finding->key, user) == 0;
}

static void an_audit_ends_only_what_it_judges_to_be_over(void **state)
{
    (void)state;
    add("a", 5000);
    add("b", 5000);
    incident_review(table, is_this_over, NULL, 5001);
    assert_int_equal(incident_open_count(table), 2);
    incident_review(table, is_this_over, "L a", 5002);
    assert_int_equal(told_count, 3);
    assert_string_equal(told[2].incident.finding.key, "L a");
}

static void fill(void)
{
    char rest[16];

    for (int i = 0; i < INCIDENT_SUBJECTS_MAX; i++) {
        snprintf(rest, sizeof(rest), "s%d", i);
        add(rest, 5000);
        told_count = 0;
    }
}

static void what_stands_for_many_lasts_while_each_audit_adds_to_it(void **state)
{
    (void)state;
    fill();
    add("x", 5000);
    assert_string_equal(told[0].incident.finding.key, "L any");
    incident_review(table, is_this_over, "L any", 5001); /* it was opened since */
    add("y", 5002);
    incident_review(table, is_this_over, "L any", 5003); /* it was added to since */
    assert_int_equal(incident_open_count(table), INCIDENT_SUBJECTS_MAX + 1);
    incident_review(table, is_this_over, NULL, 5004); /* and it may have more */
    assert_int_equal(told_count, 1);
    incident_review(table, is_this_over, "L any", 5005);
    assert_int_equal(told_count, 2);
    assert_int_equal(told[1].state, INCIDENT_RESOLVED);
    assert_string_equal(told[1].incident.finding.key, "L any");
}

/* ---- time ---------------------------------------------------------------------------------- */

static void a_period_of_a_second_is_one(void **state)
{
    (void)state;
    new_table(1, 0);
    add("a", 5000);
    add("a", 5000);
    incident_tick(table, 5001);
    assert_int_equal(told_count, 2);
    assert_int_equal(told[1].state, INCIDENT_REPEATED);
    new_table(0, 1);
    add("a", 5000);
    incident_tick(table, 5001);
    assert_int_equal(told_count, 2);
    assert_int_equal(told[1].state, INCIDENT_RESOLVED);
}

static void a_clock_that_is_set_moves_what_was_announced_and_seen(void **state)
{
    (void)state;
    new_table(REMIND, 0);
    add("a", 5000);
    add("a", 5010);
    incident_shift(table, 1000);
    assert_int_equal(incident_tick(table, 6011), 6000 + REMIND);
    sample_resolve(table, FINDING_OPEN_RELAY, "L a", 6012);
    assert_int_equal(told[1].incident.last_seen, 6010);
}

/* ---- what is kept -------------------------------------------------------------------------- */

static void note(const struct incident *incident, bool taken, void *user)
{
    char *text = user;
    size_t length = strlen(text);

    snprintf(text + length, 64 - length, "%s%s ", incident->finding.key, taken ? "+" : "-");
}

static void what_is_kept_is_told_of_once(void **state)
{
    char text[64] = "";

    (void)state;
    add("a", 5000);
    add("b", 5000);
    add("c", 5000);
    incident_settle(table, &told[0].incident, true);
    incident_settle(table, &told[1].incident, false);
    sample_resolve(table, FINDING_OPEN_RELAY, "L c", 5001);
    incident_each_kept(table, note, text);
    assert_string_equal(text, "L a+ L b- L c- ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_opening_that_no_sink_took_is_announced_again_until_one_does, begin, end),
        cmocka_unit_test_setup_teardown(an_end_that_no_sink_took_stays_due_and_the_right_one_goes,
                                        begin, end),
        cmocka_unit_test_setup_teardown(an_end_is_kept_after_the_last_one_was_taken, begin, end),
        cmocka_unit_test_setup_teardown(an_opening_that_was_taken_keeps_the_end_due, begin, end),
        cmocka_unit_test_setup_teardown(the_word_on_another_incident_of_the_subject_settles_nothing,
                                        begin, end),
        cmocka_unit_test_setup_teardown(ends_come_first_and_no_more_than_are_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(a_restored_end_is_announced_once, begin, end),
        cmocka_unit_test_setup_teardown(a_remembered_end_is_known_by_its_id, begin, end),
        cmocka_unit_test_setup_teardown(
            an_opening_that_nobody_was_told_of_is_told_as_that_whatever_came_since, begin, end),
        cmocka_unit_test_setup_teardown(a_repetition_that_nobody_was_told_of_is_no_opening, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_end_is_told_as_that_though_nobody_heard_of_the_opening,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_was_announced_again_is_not_so_the_next_time, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_incident_knows_when_it_was_last_seen, begin, end),
        cmocka_unit_test_setup_teardown(another_process_ends_only_what_it_knew_of, begin, end),
        cmocka_unit_test_setup_teardown(a_count_that_was_restored_was_given, begin, end),
        cmocka_unit_test_setup_teardown(each_incident_is_found_and_ended_among_many, begin, end),
        cmocka_unit_test_setup_teardown(ends_that_wait_keep_their_order, begin, end),
        cmocka_unit_test_setup_teardown(an_end_that_is_taken_late_is_not_due, begin, end),
        cmocka_unit_test_setup_teardown(an_audit_ends_only_what_it_judges_to_be_over, begin, end),
        cmocka_unit_test_setup_teardown(what_stands_for_many_lasts_while_each_audit_adds_to_it,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_period_of_a_second_is_one, begin, end),
        cmocka_unit_test_setup_teardown(a_clock_that_is_set_moves_what_was_announced_and_seen,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_is_kept_is_told_of_once, begin, end),
    };

    return cmocka_run_group_tests_name("incident_due", tests, NULL, NULL);
}

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

    assert_true(incident_add(table, &finding, now));
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
    incident_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
    incident_resolve(table, FINDING_OPEN_RELAY, "L b", 5001);
    incident_resolve(table, FINDING_OPEN_RELAY, "L c", 5001);
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
    incident_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
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
    incident_resolve(table, FINDING_OPEN_RELAY, "L c", 5001);
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
    incident_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
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
    incident_resolve(table, FINDING_OPEN_RELAY, "L a", 5001);
    incident_settle(table, &told[3].incident, true);
    incident_resolve(table, FINDING_OPEN_RELAY, "L b", 5002);
    incident_resolve(table, FINDING_OPEN_RELAY, "L c", 5003);
    incident_settle(table, &told[5].incident, true);
    incident_settle(table, &told[4].incident, false);
    assert_int_equal(incident_due_count(table), 1);
    incident_announce_due(table, 10, 5004);
    announced(6, INCIDENT_RESOLVED, (const char *const[]){"L b"}, 1);
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
    };

    return cmocka_run_group_tests_name("incident_due", tests, NULL, NULL);
}

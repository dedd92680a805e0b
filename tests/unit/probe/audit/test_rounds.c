#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/smtp/battery.h"
#include "tests/unit/audit_sample.h"

static const struct battery_settings settings = {
    .helo = "probe.example.net", .canary = "canary@outside.example.net", .max_refusals = 64};

static struct endpoint_result result;
static struct battery battery;

static void put_off(const char *const ids[], size_t count)
{
    audit_sample_closed(&result);
    for (size_t i = 0; i < count; i++) {
        audit_sample_answer(&result, ids[i], OUTCOME_GREYLISTED);
    }
    battery_init_again(&battery, &settings, &result);
}

static void another_round_asks_what_was_put_off_and_nothing_else(void **state)
{
    static const char *const ids[] = {"plain", "own-sender"};
    struct battery_task task;

    (void)state;
    put_off(ids, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(battery_take(&battery, BATTERY_COMMON, false, &task));
        assert_string_equal(task.into->technique->id, ids[i]);
        assert_true(task.again);
        audit_sample_answer(&result, ids[i], OUTCOME_RELAY_DENIED);
        battery_answered(&battery, &task);
    }
    assert_false(battery_has_work(&battery));
}

static void one_goes_ahead_and_still_greylisted_ends_the_round(void **state)
{
    static const char *const ids[] = {"plain", "own-sender"};
    struct battery_task task;

    (void)state;
    put_off(ids, 2);
    assert_false(battery_wants_company(&battery, true));
    assert_true(battery_take(&battery, BATTERY_COMMON, false, &task));
    battery_answered(&battery, &task);
    assert_false(battery_has_work(&battery));
    assert_int_equal(audit_sample_row(&result, "own-sender")->outcome, OUTCOME_GREYLISTED);
}

static void the_sender_stays_the_one_that_was_put_off(void **state)
{
    static const char *const ids[] = {"plain"};
    struct battery_task task;

    (void)state;
    put_off(ids, 1);
    audit_sample_row(&result, "plain")->sender = "<relaywarden@outside.example.net>";
    battery_init_again(&battery, &settings, &result);
    assert_true(battery_take(&battery, BATTERY_COMMON, false, &task));
    assert_string_equal(task.envelope.sender, "<relaywarden@outside.example.net>");
    assert_string_equal(task.envelope.recipient, "<canary@outside.example.net>");
}

static void an_answer_stays_where_another_round_brings_none(void **state)
{
    static const char *const ids[] = {"plain"};
    struct battery_task task;

    (void)state;
    put_off(ids, 1);
    const char *text = audit_sample_row(&result, "plain")->text;
    for (int i = 0; i < 2; i++) {
        assert_true(battery_take(&battery, BATTERY_COMMON, false, &task));
        battery_cut(&battery, &task, "cut");
    }
    assert_false(battery_has_work(&battery));
    assert_int_equal(task.into->outcome, OUTCOME_GREYLISTED);
    assert_ptr_equal(task.into->text, text);
}

static void what_an_earlier_audit_was_put_off_with_is_asked_so(void **state)
{
    static const struct battery_earlier earlier[] = {
        {"plain", "<relaywarden@outside.example.net>"},
        {"own-sender", "<somebody@else.example.net>"}, /* of another configuration */
        {"no-such-technique", "<>"},
    };
    struct battery_task task;

    (void)state;
    audit_sample_closed(&result);
    battery_init(&battery, &settings, &result);
    battery_queue_remember(&battery.queue, battery.result, earlier, 3);
    assert_true(battery_take(&battery, BATTERY_COMMON, false, &task));
    assert_true(task.again);
    assert_string_equal(task.envelope.sender, "<relaywarden@outside.example.net>");
    battery_answered(&battery, &task);
    while (strcmp(task.into->technique->id, "own-sender") != 0) {
        assert_true(battery_take(&battery, BATTERY_COMMON, false, &task));
        battery_answered(&battery, &task);
    }
    assert_string_equal(task.envelope.sender, "<postmaster@example.org>");
}

/* A request that the filter would not know for the probe's waits until the connection has been
 * audited. */
static void a_connection_that_is_to_be_known_begins_with_what_can_carry_an_ask(void **state)
{
    static const char *const ids[] = {"no-brackets", "percent-literal"};
    struct battery_task task;

    (void)state;
    put_off(ids, 2);
    battery.scouting = false;
    assert_true(battery_take(&battery, BATTERY_COMMON, true, &task));
    assert_string_equal(task.into->technique->id, "percent-literal");
    assert_true(battery_take(&battery, BATTERY_COMMON, true, &task));
    assert_string_equal(task.into->technique->id, "no-brackets");
    assert_false(battery_take(&battery, BATTERY_COMMON, true, &task));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_round_asks_what_was_put_off_and_nothing_else),
        cmocka_unit_test(one_goes_ahead_and_still_greylisted_ends_the_round),
        cmocka_unit_test(the_sender_stays_the_one_that_was_put_off),
        cmocka_unit_test(an_answer_stays_where_another_round_brings_none),
        cmocka_unit_test(what_an_earlier_audit_was_put_off_with_is_asked_so),
        cmocka_unit_test(a_connection_that_is_to_be_known_begins_with_what_can_carry_an_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/smtp/retry.h"
#include "tests/unit/audit_sample.h"

static void the_delay_is_read_from_what_greylisting_servers_say(void **state)
{
    static const struct {
        const char *text;
        long seconds;
    } rows[] = {
        /* Postgrey, with %s in its text, and as it comes */
        {"<c@o.test>: Recipient address rejected: Greylisted for 300 seconds, see "
         "http://postgrey.schweikert.ch/help/example.org.html",
         300},
        {"<c@o.test>: Recipient address rejected: Greylisted, see "
         "http://postgrey.schweikert.ch/help/example.org.html",
         0},
        /* milter-greylist */
        {"Greylisting in action, please come back in 00:04:59", 299},
        {"Greylisting in action, please come back in 01:00:00", 3600},
        /* sqlgrey */
        {"<c@o.test>: Recipient address rejected: Greylisted for 5 minutes", 300},
        {"Please try again in 300 seconds", 300},
        {"greylisted, try again in 5m", 300},
        {"Try again in 4 minutes 30 seconds.", 270},
        {"Try again in 1 hour, 1 min and 1 sec", 3661},
        {"retry after 90s", 90},
        {"Try again in 1 Minute", 60},
        /* spamd, rspamd, cbpolicyd */
        {"Temporary failure, please try again later.", 0},
        {"Try again later", 0},
        {"Greylisting in effect, please come back later", 0},
        /* numbers that are no delay */
        {"203.0.113.25 must wait", 0},
        {"queue 4711 seconds the motion", 4711},
        {"error 451 4.7.1 mx2 s", 0},
        {"at 12:30", 0},
        {"in 12:30", 750},
        {"2026-11-22 m", 0},
        {"try again in 0 seconds", 0},
        {"try again in 99999999999999999999 seconds", 86400},
        {"try again in 99999999999999999999 hours", 86400},
        {"86400 h 86400 h 86400 h 86400 h 86400 h 86400 h 86400 h 86400 h", 86400},
        {"23 hours 59 minutes 59 seconds", 86399},
        {"23 hours 60 minutes 1 second", 86400},
        {"try again in 1 hr", 3600},
        {"try again in 2 hrs", 7200},
        {"try again in 1 ours", 0},
        {"in 1 sec and 1 m", 61},
        {"IN 00:01:00", 60},
        {"on 00:01:00", 0},
        {"in 00:01:00 AND 5 s", 60},
        {"in 1 min AND 5 s", 65},
        {"in 1 min an5 s", 60},
        {"in 1:00", 60},
        {"in 01:00:00:00", 0},
        {"in 01:00x", 0},
        {"in 01:00: 5 s", 5},
        {"in 01:000", 0},
        {"in 01:0x", 0},
        {"in 01-00", 0},
        {"4.5 s", 0},
        {"4:5 s", 0},
        {"4-5 s", 0},
        {"a5 s", 0},
        {"5 s", 5},
        {"in 5x 6 s", 6},
        {"5 s 7", 5},
        {"try again in 1 h", 3600},
        {"try again in 2 hs", 7200},
        {"if 00:01:00", 0},
        {"in 1 min 01:05", 60},
        {"in 1 min anx 5 s", 60},
        {"in 1 min 7 4 s", 60},
        {"in 1 s", 1},
        {"", 0},
        {"7", 0},
        {"7:", 0},
        {"7:0", 0},
        {"::7:00:00:00:00", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        long named = retry_named(rows[i].text);
        if (named != rows[i].seconds) {
            fail_msg("\"%s\": %ld instead of %ld", rows[i].text, named, rows[i].seconds);
        }
    }
}

static struct endpoint_result result;

static void a_named_delay_is_kept_to_with_a_margin(void **state)
{
    struct retry patience = {.until = 400000};
    int64_t when = 0;

    (void)state;
    audit_sample_closed(&result);
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    audit_sample_row(&result, "plain")->text = "Greylisted for 300 seconds";
    assert_true(retry_next(&patience, &result, 1000, &when));
    assert_int_equal(when, 302000);
    assert_int_equal(patience.tries, 1);
}

static void a_delay_beyond_the_patience_is_not_waited_for(void **state)
{
    struct retry patience = {.until = 301999};
    int64_t when = 0;

    (void)state;
    audit_sample_closed(&result);
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    audit_sample_row(&result, "plain")->text = "Greylisted for 300 seconds";
    assert_false(retry_next(&patience, &result, 1000, &when));
    patience.until = 302000;
    assert_true(retry_next(&patience, &result, 1000, &when));
}

static void without_a_named_delay_intervals_grow_and_the_last_is_the_end(void **state)
{
    struct retry patience = {.until = 100000};
    const int64_t expected[] = {15000, 45000, 100000};
    int64_t now = 0;

    (void)state;
    audit_sample_closed(&result);
    audit_sample_answer(&result, "quoted", OUTCOME_DEFERRED);
    audit_sample_row(&result, "quoted")->text = "Temporary lookup failure";
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        int64_t when = 0;
        assert_true(retry_next(&patience, &result, now, &when));
        assert_int_equal(when, expected[i]);
        now = when;
    }
    assert_false(retry_next(&patience, &result, now, &now));
}

static void no_patience_asks_nothing_again(void **state)
{
    struct retry patience = {.until = 0};
    int64_t when = 0;

    (void)state;
    audit_sample_closed(&result);
    audit_sample_answer(&result, "plain", OUTCOME_GREYLISTED);
    assert_false(retry_next(&patience, &result, 0, &when));
    assert_false(retry_next(&patience, &result, 5, &when));
}

static void only_what_was_put_off_is_waited_for(void **state)
{
    struct retry patience = {.until = 100000};
    int64_t when = 0;

    (void)state;
    audit_sample_closed(&result);
    assert_false(retry_next(&patience, &result, 0, &when));
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "quoted", OUTCOME_RECIPIENT_REFUSED);
    assert_false(retry_next(&patience, &result, 0, &when));
    audit_sample_control(&result, "quoted", OUTCOME_GREYLISTED);
    assert_true(retry_next(&patience, &result, 0, &when));
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED); /* open, whatever the control says */
    assert_false(retry_next(&patience, &result, 0, &when));
}

static void an_answer_or_its_control_is_due_where_it_was_put_off(void **state)
{
    static const struct {
        bool asked;
        enum outcome outcome;
        bool control_asked;
        enum outcome control;
        bool due;
    } rows[] = {
        {true, OUTCOME_GREYLISTED, false, OUTCOME_ACCEPTED, true},
        {true, OUTCOME_DEFERRED, false, OUTCOME_ACCEPTED, true},
        {false, OUTCOME_GREYLISTED, false, OUTCOME_ACCEPTED, false},
        {true, OUTCOME_RELAY_DENIED, true, OUTCOME_GREYLISTED, false},
        {true, OUTCOME_ACCEPTED, true, OUTCOME_GREYLISTED, true},
        {true, OUTCOME_ACCEPTED, true, OUTCOME_RELAY_DENIED, false},
        {true, OUTCOME_ACCEPTED, false, OUTCOME_GREYLISTED, false},
        {false, OUTCOME_ACCEPTED, true, OUTCOME_GREYLISTED, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        audit_sample_closed(&result);
        struct technique_result *asked = audit_sample_row(&result, "quoted");
        asked->asked = rows[i].asked;
        asked->outcome = rows[i].outcome;
        asked->control_asked = rows[i].control_asked;
        asked->control = rows[i].control;
        assert_int_equal(retry_is_due(asked), rows[i].due);
    }
}

/* Open as it is, it still has a technique that was put off, and that is no control. */
static void an_open_server_is_asked_again_what_it_put_off_but_no_control(void **state)
{
    (void)state;
    audit_sample_closed(&result);
    audit_sample_answer(&result, "plain", OUTCOME_ACCEPTED);
    audit_sample_answer(&result, "own-sender", OUTCOME_GREYLISTED);
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "quoted", OUTCOME_GREYLISTED);
    assert_true(retry_is_worth(&result, audit_sample_row(&result, "own-sender")));
    assert_false(retry_is_worth(&result, audit_sample_row(&result, "quoted")));
    audit_sample_answer(&result, "plain", OUTCOME_RELAY_DENIED);
    assert_true(retry_is_worth(&result, audit_sample_row(&result, "quoted")));
}

static void the_last_technique_is_waited_for_too(void **state)
{
    struct retry patience = {.until = 100000};
    int64_t when = 0;

    (void)state;
    audit_sample_closed(&result);
    audit_sample_answer(&result, result.techniques[result.technique_count - 1].technique->id,
                        OUTCOME_GREYLISTED);
    assert_true(retry_next(&patience, &result, 0, &when));
}

static void a_control_is_waited_for_as_long_as_its_technique_was(void **state)
{
    struct retry patience = {.until = 4000000};
    int64_t when = 0;

    (void)state;
    audit_sample_closed(&result);
    audit_sample_answer(&result, "quoted", OUTCOME_GREYLISTED);
    audit_sample_row(&result, "quoted")->text = "Greylisted for 300 seconds";
    assert_true(retry_next(&patience, &result, 0, &when));
    assert_int_equal(when, 301000);
    audit_sample_answer(&result, "quoted", OUTCOME_ACCEPTED);
    audit_sample_control(&result, "quoted", OUTCOME_GREYLISTED);
    assert_true(retry_next(&patience, &result, when, &when));
    assert_int_equal(when, 602000);
}

static void the_tenth_doubling_is_the_last(void **state)
{
    static const struct {
        unsigned int tries;
        int64_t when;
    } rows[] = {{9, (int64_t)RETRY_FIRST_MS << 9},
                {10, (int64_t)RETRY_FIRST_MS << 10},
                {11, (int64_t)RETRY_FIRST_MS << 10}};

    (void)state;
    audit_sample_closed(&result);
    audit_sample_answer(&result, "quoted", OUTCOME_DEFERRED);
    audit_sample_row(&result, "quoted")->text = "Temporary lookup failure";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct retry patience = {.until = INT64_MAX, .tries = rows[i].tries};
        int64_t when = 0;
        assert_true(retry_next(&patience, &result, 0, &when));
        assert_int_equal(when, rows[i].when);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_delay_is_read_from_what_greylisting_servers_say),
        cmocka_unit_test(a_named_delay_is_kept_to_with_a_margin),
        cmocka_unit_test(a_delay_beyond_the_patience_is_not_waited_for),
        cmocka_unit_test(without_a_named_delay_intervals_grow_and_the_last_is_the_end),
        cmocka_unit_test(no_patience_asks_nothing_again),
        cmocka_unit_test(only_what_was_put_off_is_waited_for),
        cmocka_unit_test(an_answer_or_its_control_is_due_where_it_was_put_off),
        cmocka_unit_test(an_open_server_is_asked_again_what_it_put_off_but_no_control),
        cmocka_unit_test(the_last_technique_is_waited_for_too),
        cmocka_unit_test(a_control_is_waited_for_as_long_as_its_technique_was),
        cmocka_unit_test(the_tenth_doubling_is_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

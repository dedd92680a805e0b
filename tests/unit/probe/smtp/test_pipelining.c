#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/session_bench.h"

#define FIRST "MAIL FROM:<canary@outside.example.net>\r\nRCPT TO:<canary@outside.example.net>\r\n"

static void open_pipelining(void)
{
    bench_set_up(TLS_AUTO, 25);
    bench.ehlo = "250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME";
    bench_open_session();
}

/* Replies to a technique that was sent whole. */
static void refuse_whole(const char *reply)
{
    while (bench.session.state != SESSION_RCPT) {
        bench_answer("250 ok");
    }
    bench_answer(reply);
}

static void a_technique_is_sent_in_one_write(void **state)
{
    (void)state;
    open_pipelining();
    assert_string_equal(bench.order->line, FIRST);
    assert_true(session_expects_another(&bench.session));
    bench_answer("250 ok");
    bench_expect_action(SESSION_LISTEN);
    assert_false(session_expects_another(&bench.session));
    bench_answer(DENIED);
    assert_string_equal(bench.order->line, "RSET\r\nMAIL FROM:<>\r\n"
                                           "RCPT TO:<canary@outside.example.net>\r\n");
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_RELAY_DENIED);
    refuse_whole("250 2.1.5 Ok");
    assert_int_equal(bench_result_of("null-sender")->outcome, OUTCOME_ACCEPTED);
}

static void an_accepted_form_is_followed_by_its_control_in_one_write(void **state)
{
    (void)state;
    open_pipelining();
    while (bench.session.task.envelope.control[0] == '\0') {
        refuse_whole(DENIED);
    }
    refuse_whole("250 ok");
    assert_string_equal(bench.order->line, "EHLO probe.example.net\r\n");
    bench_answer(bench.ehlo);
    assert_string_equal(bench.order->line, "MAIL FROM:<canary@outside.example.net>\r\n"
                                           "RCPT TO:<canary=outside.example.net@example.org>\r\n");
    bench_answer("250 ok");
    bench_answer("550 5.1.1 User unknown");
    bench_expect("RSET");
    assert_int_equal(bench_result_of("percent-hack")->control, OUTCOME_RECIPIENT_REFUSED);
}

static void never_more_is_sent_than_may_be_refused(void **state)
{
    (void)state;
    unsigned int refusals = 0;

    open_pipelining();
    /* A hostile server: it refuses everything that it can. */
    while (bench.order->action == SESSION_LISTEN || strncmp(bench.order->line, "QUIT", 4) != 0) {
        if (bench.session.state == SESSION_RSET) {
            bench_answer("250 ok");
        } else {
            bench_answer("550 5.1.8 Sender address rejected");
            assert_in_range(++refusals, 1, BATTERY_CONNECTION_REFUSALS);
        }
    }
    assert_int_equal(refusals, BATTERY_CONNECTION_REFUSALS);
}

static void the_endpoints_refusals_are_not_overdrawn(void **state)
{
    (void)state;
    struct session second;
    struct address source;

    bench_set_up(TLS_AUTO, 25);
    bench.settings.max_refusals = 2;
    bench_open_session();
    assert_true(address_parse("198.51.100.7", &source));
    session_begin(&second, &bench.battery, &bench.session);
    assert_int_equal(bench.battery.reserved, 1);
    struct battery_task task;
    assert_true(battery_take(&bench.battery, BATTERY_COMMON, false, &task));
    assert_int_equal(bench.battery.reserved, 2);
    assert_false(battery_has_work(&bench.battery));
    assert_false(battery_reserve(&bench.battery, &task, 2));
    battery_refused(&bench.battery, &task);
    battery_answered(&bench.battery, &task);
    assert_int_equal(bench.battery.reserved, 1);
    bench_refuse_one(DENIED, 1);
    assert_int_equal(bench.battery.refusals, 2);
    bench_expect("QUIT");
}

static void what_comes_first_is_asked_for_in_the_same_write(void **state)
{
    (void)state;
    open_pipelining();
    bench.settings.max_refusals = 1000;
    while (strcmp(bench.session.task.into->technique->id, "after-local") != 0) {
        if (strncmp(bench.order->line, "QUIT", 4) == 0 && bench.order->action == SESSION_SEND) {
            bench_open_session();
        } else {
            refuse_whole(DENIED);
        }
    }
    assert_non_null(strstr(bench.order->line, "RCPT TO:<postmaster@example.org>\r\n"
                                              "RCPT TO:<canary@outside.example.net>\r\n"));
    while (bench.session.state != SESSION_LOCAL_RCPT) {
        bench_answer("250 ok");
    }
    bench_answer("550 5.1.1 no such user");
    bench_answer("250 ok");
    assert_false(bench_result_of("after-local")->asked);
    assert_non_null(strstr(bench_result_of("after-local")->text, "no such user"));
}

static void a_refusal_is_followed_by_no_confirmation(void **state)
{
    (void)state;
    open_pipelining();
    while (strncmp(bench.order->line, "QUIT", 4) != 0) {
        assert_null(strstr(bench.order->line, "EHLO"));
        refuse_whole(DENIED);
    }
}

static void a_second_connection_that_fails_leaves_the_first_alone(void **state)
{
    (void)state;
    struct session second;

    open_pipelining();
    assert_true(battery_wants_company(&bench.battery, true));
    session_begin(&second, &bench.battery, &bench.session);
    (void)session_broken(&second, SESSION_BROKEN_CLOSED, "too many connections");
    assert_true(battery_has_work(&bench.battery));
    assert_false(battery_wants_company(&bench.battery, true));
    assert_false(bench.result.cut_off);
    refuse_whole(DENIED);
    bench_expect("RSET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_technique_is_sent_in_one_write),
        cmocka_unit_test(an_accepted_form_is_followed_by_its_control_in_one_write),
        cmocka_unit_test(never_more_is_sent_than_may_be_refused),
        cmocka_unit_test(the_endpoints_refusals_are_not_overdrawn),
        cmocka_unit_test(what_comes_first_is_asked_for_in_the_same_write),
        cmocka_unit_test(a_refusal_is_followed_by_no_confirmation),
        cmocka_unit_test(a_second_connection_that_fails_leaves_the_first_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

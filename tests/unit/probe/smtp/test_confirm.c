#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/session_bench.h"

static void accept_plain(void)
{
    bench_open_session();
    bench_expect("MAIL FROM:<canary@outside.example.net>");
    bench_answer("250 2.1.0 ok");
    bench_answer("250 2.1.5 ok");
    bench_expect("EHLO probe.example.net");
}

static void an_acceptance_out_of_step_is_void_and_asked_again_once(void **state)
{
    static const char *const contradictions[] = {DENIED, "250 2.0.0 ok", "450 4.2.0 later",
                                                 "250-a.example.net\r\n250 8BITMIME", "220 mx"};

    (void)state;
    for (size_t i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++) {
        bench_set_up(TLS_AUTO, 25);
        accept_plain();
        bench_answer(contradictions[i]);
        bench_expect_action(SESSION_CLOSE);
        assert_false(bench_result_of("plain")->asked);
        accept_plain();
        bench_answer(contradictions[i]);
        bench_expect_action(SESSION_CLOSE);
        assert_false(battery_has_work(&bench.battery));
        assert_false(bench_result_of("plain")->asked);
        assert_true(bench_result_of("plain")->unconfirmed);
        assert_non_null(strstr(bench.result.trouble, "out of step"));
    }
}

static void a_refusal_after_a_void_acceptance_is_the_answer(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    accept_plain();
    bench.order = session_broken(&bench.session, SESSION_BROKEN_FOREIGN, "out of turn");
    assert_true(bench_result_of("plain")->unconfirmed);
    bench_open_session();
    bench_refuse_one(DENIED, 1);
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_RELAY_DENIED);
    assert_false(bench_result_of("plain")->unconfirmed);
}

static void a_server_that_takes_ehlo_once_confirms_by_rset(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    accept_plain();
    bench_answer("503 5.5.1 Already identified");
    bench_expect("RSET");
    bench_answer("250 2.0.0 Reset state");
    bench_expect("MAIL FROM:<>");
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_ACCEPTED);

    bench_set_up(TLS_AUTO, 25);
    accept_plain();
    bench_answer("503 5.5.1 AUTH first"); /* which was RCPT's */
    bench_expect("RSET");
    bench_answer(HELLO);
    bench_expect_action(SESSION_CLOSE);
    assert_false(bench_result_of("plain")->asked);
}

static void a_server_whose_answer_to_ehlo_changes_is_confirmed_by_rset(void **state)
{
    static const char other[] = "250-mx.example.org again\r\n250 8BITMIME";
    static const char *const behind[] = {other, HELLO, DENIED, "250-mx.example.org\r\n250 SIZE"};

    (void)state;
    bench_set_up(TLS_AUTO, 25);
    accept_plain();
    bench_answer(other);
    bench_expect("RSET");
    bench_answer("250 2.0.0 Reset state");
    bench_expect("MAIL FROM:<>");
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_ACCEPTED);
    assert_false(bench_result_of("plain")->unconfirmed);

    for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
        bench_set_up(TLS_AUTO, 25);
        accept_plain();
        bench_answer(other);
        bench_expect("RSET");
        bench_answer(behind[i]);
        bench_expect_action(SESSION_CLOSE);
        assert_false(bench_result_of("plain")->asked);
    }
}

static void a_server_that_takes_no_ehlo_confirms_by_refusing_it_again(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_connect_session();
    bench_answer("220 old");
    bench_answer("550 what is EHLO");
    bench_answer("250 hello");
    bench_answer("250 ok");
    bench_answer("250 ok");
    bench_expect("EHLO");
    bench_answer("550 what is EHLO");
    bench_expect("RSET");
    bench_answer("250 ok");
    bench_expect("MAIL FROM:<>");
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_ACCEPTED);
}

static void an_accepted_control_is_confirmed_too(void **state)
{
    (void)state;
    const char *id = bench_come_to_a_control();
    bench_answer("250 ok");
    bench_answer("250 ok");
    bench_answer(HELLO);
    bench_answer("250 ok");
    bench_answer("250 ok");
    bench_expect("EHLO");
    bench_answer(DENIED);
    bench_expect_action(SESSION_CLOSE);
    assert_int_equal(bench_result_of(id)->outcome, OUTCOME_ACCEPTED);
    assert_false(bench_result_of(id)->control_asked);
}

/* Takes the sender and the recipient of what is being asked, up to the confirmation. */
static void accept_one(void)
{
    bench_reset();
    bench_answer("250 ok");
    bench_answer("250 ok");
}

/* As Sendmail is from its third EHLO on. */
static void a_server_that_is_slow_with_ehlo_is_confirmed_by_rset(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    accept_one();
    bench_expect("EHLO");
    bench_answer_after(HELLO, 1);
    accept_one();
    bench_expect("EHLO");
    bench_answer_after(HELLO, 1001);
    accept_one();
    bench_expect("RSET");
    bench_answer("250 2.0.0 Reset state");
    assert_int_equal(bench_result_of("own-sender")->outcome, OUTCOME_ACCEPTED);
    assert_false(bench_result_of("own-sender")->unconfirmed);

    /* On the next connection one EHLO shows that it is in step. */
    bench_open_session();
    accept_one();
    bench_expect("EHLO");
    bench_answer_after(HELLO, 1);
    accept_one();
    bench_expect("RSET");
}

static void a_first_ehlo_that_is_slow_confirms_all_the_same(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    accept_one();
    bench_expect("EHLO");
    bench_answer_after(HELLO, 3000);
    accept_one();
    bench_expect("EHLO");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_acceptance_out_of_step_is_void_and_asked_again_once),
        cmocka_unit_test(a_refusal_after_a_void_acceptance_is_the_answer),
        cmocka_unit_test(a_server_that_takes_ehlo_once_confirms_by_rset),
        cmocka_unit_test(a_server_whose_answer_to_ehlo_changes_is_confirmed_by_rset),
        cmocka_unit_test(a_server_that_takes_no_ehlo_confirms_by_refusing_it_again),
        cmocka_unit_test(an_accepted_control_is_confirmed_too),
        cmocka_unit_test(a_server_that_is_slow_with_ehlo_is_confirmed_by_rset),
        cmocka_unit_test(a_first_ehlo_that_is_slow_confirms_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

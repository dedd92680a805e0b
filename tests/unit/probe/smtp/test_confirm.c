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
    static const char *const contradictions[] = {DENIED,
                                                 "250 2.0.0 ok",
                                                 "250 ok",
                                                 "250 2.0.0 mx.example.org ok",
                                                 "450 4.2.0 later",
                                                 "250-ok\r\n250 (later)",
                                                 "250-2.1.5 one\r\n250 2.1.5 two",
                                                 "220 mx"};

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

static void an_answer_to_ehlo_is_known_by_its_shape(void **state)
{
    /* Another name and other keywords, as from the MTA behind a proxy. */
    static const char *const shapes[] = {
        "250-other.example.net\r\n250 8BITMIME",
        ("250-other.example.net Hello probe.example.net [198.51.100.7]\r\n250-AUTH=LOGIN "
         "PLAIN\r\n250-X-EXPS GSSAPI\r\n250 SIZE 1000"),
        "250-Hello there\r\n250 HELP",
        "250-other.example.net\r\n250-X_OLD\tthing\r\n250-\r\n250 SIZE",
        "250 other.example.net",
        "250 other.example.net Hello [198.51.100.7]",
        "250 [203.0.113.25] Hello",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        bench_set_up(TLS_AUTO, 25);
        accept_plain();
        bench_answer(shapes[i]);
        bench_expect("RSET");
        bench_answer("250 2.0.0 Reset state");
        bench_expect("MAIL FROM:<>");
        assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_ACCEPTED);
        assert_false(bench_result_of("plain")->unconfirmed);
        /* From now on this is the answer that is known. */
        bench_answer("250 ok");
        bench_answer("250 ok");
        bench_expect("EHLO probe.example.net");
        bench_answer(shapes[i]);
        assert_int_not_equal(bench.session.state, SESSION_CONFIRM_RSET);
    }
    /* One that is a reply behind answers RSET with it, too. */
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        bench_set_up(TLS_AUTO, 25);
        accept_plain();
        bench_answer("250-mx.example.org\r\n250 SIZE");
        bench_expect("RSET");
        bench_answer(shapes[i]);
        bench_expect_action(SESSION_CLOSE);
        assert_false(bench_result_of("plain")->asked);
    }
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

/* Haraka never answers again after an EHLO that found a transaction. */
static void haraka_is_confirmed_by_rset_alone(void **state)
{
    (void)state;
    static const char *const hellos[] = {
        "250-mx.site.test Hello probe [203.0.113.7], Haraka is at your service.\r\n250 SIZE 1000",
        HELLO,
    };
    for (size_t i = 0; i < 2; i++) {
        bench_set_up(TLS_AUTO, 25);
        bench_connect_session();
        bench_answer(i == 0 ? "220 mx.site.test ESMTP ready"
                            : "220 mx.site.test ESMTP Haraka/3.1.1 ready (0558E6)");
        bench_answer(hellos[i]);
        accept_one();
        bench_expect("RSET");
        bench_answer("250 OK");
        assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_ACCEPTED);
        assert_false(bench_result_of("plain")->unconfirmed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_acceptance_out_of_step_is_void_and_asked_again_once),
        cmocka_unit_test(a_server_whose_answer_to_ehlo_changes_is_confirmed_by_rset),
        cmocka_unit_test(an_answer_to_ehlo_is_known_by_its_shape),
        cmocka_unit_test(an_accepted_control_is_confirmed_too),
        cmocka_unit_test(haraka_is_confirmed_by_rset_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

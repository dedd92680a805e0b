#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/session_bench.h"

#define CANARY   "<canary@outside.example.net>"
#define MAIL     "MAIL FROM:" CANARY "\r\n"
#define LATER    "450 4.7.1 " CANARY ": Recipient address rejected: Greylisted for 5 minutes"
#define UNKNOWN  "550 5.1.8 " CANARY ": Sender address rejected: Domain not found"
#define PIPELINE "250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME"

/* The filter sees a gateway that it trusts in our place. */
static void meet_behind_gateway(void)
{
    bench_set_up(TLS_NONE, 25);
    bench_meet_filter();
    bench.client = "172.22.1.1";
    bench.permission = PERMISSION_TRUSTED_NETWORK;
}

/* The rows of these techniques alone are left. */
static void leave_only(const char *first, const char *second)
{
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        const char *id = bench.result.techniques[i].technique->id;
        bool left = strcmp(id, first) == 0 || strcmp(id, second) == 0;
        bench.battery.queue.rows[i] = left ? BATTERY_WAITING : BATTERY_DONE;
    }
}

static void say_hello(void)
{
    bench_open_session();
    bench_expect("MAIL FROM:<rw1.");
    bench_observe(OBSERVATION_HELLO, bench.session.filter.asker.path);
}

/* Two techniques are left, and no token fits in either. */
static void come_to_the_spellings(void)
{
    leave_only("no-brackets", "upper-case");
    say_hello();
}

/* As the first recipient of its transaction. */
static void expect_vouch(void)
{
    assert_string_equal(bench.order->line, MAIL);
    bench_answer("250 2.1.0 Ok");
    bench_expect("RCPT TO:<rw1.");
    assert_non_null(strstr(bench.order->line, "@outside.example.net>\r\n"));
}

static void expect_request(const char *recipient)
{
    assert_string_equal(bench.order->line, "RSET\r\n");
    bench_answer("250 2.0.0 Ok");
    assert_string_equal(bench.order->line, MAIL);
    bench_answer("250 2.1.0 Ok");
    bench_expect(recipient);
}

/* ---- where it goes first ---------------------------------------------------------------- */

static void what_carries_no_token_follows_an_ask(void **state)
{
    (void)state;
    meet_behind_gateway();
    come_to_the_spellings();
    expect_vouch();
    bench_answer(DENIED);
    expect_request("RCPT TO:canary@outside.example.net\r\n");
    bench_answer(DENIED);
    /* The second needs none. */
    expect_request("RCPT TO:<CANARY@OUTSIDE.EXAMPLE.NET>\r\n");
    assert_int_equal(bench_result_of("no-brackets")->outcome, OUTCOME_RELAY_DENIED);
    assert_true(bench_result_of("no-brackets")->ask);
}

static void both_are_sent_in_order_where_commands_go_together(void **state)
{
    (void)state;
    meet_behind_gateway();
    bench.ehlo = PIPELINE;
    come_to_the_spellings();
    bench_expect(MAIL "RCPT TO:<rw1.");
    assert_null(strstr(bench.order->line, "canary@outside.example.net\r\n"));
    bench_answer("250 2.1.0 Ok");
    bench_answer(DENIED);
    assert_string_equal(bench.order->line,
                        "RSET\r\n" MAIL "RCPT TO:canary@outside.example.net\r\n");
}

static void a_known_recipient_that_comes_first_on_its_connection_follows_an_ask(void **state)
{
    (void)state;
    meet_behind_gateway();
    say_hello();
    expect_vouch(); /* which is plain itself */
    bench_answer(LATER);
    expect_request("RCPT TO:" CANARY "\r\n"); /* and its repetition needs none */
    bench_answer(LATER);
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "reset");

    leave_only("null-sender", "");
    say_hello();
    bench_expect("MAIL FROM:<>\r\n");
    bench_answer("250 2.1.0 Ok");
    bench_expect("RCPT TO:<rw1.");
    bench_answer(LATER);
    bench_reset();
    bench_expect("MAIL FROM:<>\r\n");
    bench_answer("250 2.1.0 Ok");
    bench_expect("RCPT TO:" CANARY "\r\n");
}

static void a_stranger_who_is_seen_as_that_asks_so_once(void **state)
{
    (void)state;
    bench_set_up(TLS_NONE, 25);
    bench_meet_filter();
    come_to_the_spellings();
    expect_vouch(); /* the filter waits for an ask */
    bench_answer(DENIED);
    assert_int_equal(bench.result.milter.asks, 1);
    expect_request("RCPT TO:canary@outside.example.net\r\n");
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "reset");

    come_to_the_spellings();
    assert_string_equal(bench.order->line, MAIL);
    bench_answer("250 2.1.0 Ok");
    assert_string_equal(bench.order->line, "RCPT TO:canary@outside.example.net\r\n");
}

/* ---- what its answer shows -------------------------------------------------------------- */

static void the_filters_word_on_it_is_proof(void **state)
{
    (void)state;
    meet_behind_gateway();
    come_to_the_spellings();
    expect_vouch();
    bench_observe(OBSERVATION_ASK, bench.session.filter.vouch);
    const struct technique_result *plain = bench_result_of("plain");
    assert_int_equal(plain->outcome, OUTCOME_ACCEPTED);
    assert_true(plain->observed);
    assert_memory_equal(plain->recipient, "<rw1.", 5);
    assert_int_equal(bench.result.milter.granted, 1);
    assert_int_equal(bench.session.filter.accepted, 1);
    assert_false(bench_result_of("no-brackets")->asked);
    /* The filter's answer to a hello is none of the server's refusals. */
    assert_int_equal(bench.battery.refusals, 1);
    assert_int_equal(bench.battery.reserved, 1);
}

static void both_ends_count_it(void **state)
{
    (void)state;
    meet_behind_gateway();
    leave_only("upper-case", "");
    say_hello();
    expect_vouch();
    bench_answer("250 2.1.5 Ok"); /* no filter was told */
    expect_request("RCPT TO:<CANARY@");
    bench_answer("250 2.1.5 Ok");
    assert_true(bench_result_of("upper-case")->ask); /* nor of this */
    bench_expect("EHLO");
    bench_answer(HELLO);
    bench_expect("MAIL FROM:<rw1."); /* what it has counted */
    assert_int_equal(bench.session.filter.accepted, 1);
    assert_int_equal(bench.result.milter.asks, 2);
    assert_int_equal(bench.result.milter.granted, 0);
}

static void one_that_was_put_off_may_not_have_come_to_the_filter(void **state)
{
    (void)state;
    meet_behind_gateway();
    leave_only("upper-case", "");
    say_hello();
    expect_vouch();
    bench_answer(LATER);
    expect_request("RCPT TO:<CANARY@");
    bench_answer("250 2.1.5 Ok");
    assert_false(bench_result_of("upper-case")->ask);
}

static void an_answer_that_cannot_be_verified_proves_nothing(void **state)
{
    (void)state;
    meet_behind_gateway();
    come_to_the_spellings();
    expect_vouch();
    bench_answer("550 5.7.1 rwo1,ask,decision=accepted,destination=external,permission=none,"
                 "mac=aaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_true(bench.result.milter.unverified);
    assert_false(bench_result_of("plain")->asked);
    assert_int_equal(bench.session.filter.accepted, 0);
    expect_request("RCPT TO:canary@");
}

static void a_server_that_hangs_up_at_it_is_asked_again(void **state)
{
    (void)state;
    meet_behind_gateway();
    come_to_the_spellings();
    expect_vouch();
    bench_answer("421 4.7.0 bye");
    bench_expect_action(SESSION_CLOSE);
    assert_int_equal(bench.battery.reserved, 0);
    assert_false(bench_result_of("no-brackets")->asked);
    assert_true(battery_has_work(&bench.battery));
}

/* ---- courtesy --------------------------------------------------------------------------- */

static void a_connection_that_was_used_hands_it_on_to_a_new_one(void **state)
{
    (void)state;
    meet_behind_gateway();
    leave_only("own-sender", "upper-case");
    bench.battery.connection_refusals = 3;
    say_hello();
    bench_expect("MAIL FROM:<postmaster@example.org>");
    bench_answer(UNKNOWN); /* so there was no ask here */
    bench_expect("QUIT");
    assert_true(battery_has_work(&bench.battery));
    say_hello();
    expect_vouch();
}

/* To be asked as another client, once it is known that there is a filter. */
static void come_to_the_claim(unsigned int connection_refusals, unsigned int max_refusals)
{
    meet_behind_gateway();
    bench.result.milter.present = true;
    bench.ehlo = "250-mx.example.org\r\n250 XCLIENT ADDR NAME";
    bench.settings.max_refusals = max_refusals;
    bench.battery.connection_refusals = connection_refusals;
    leave_only("xclient-loopback", "");
    bench_open_session();
    bench_expect("XCLIENT ");
    bench_answer("220 mx.example.org ESMTP");
    bench_answer(HELLO);
}

static void a_claimed_client_that_cannot_say_hello_asks_nothing(void **state)
{
    (void)state;
    come_to_the_claim(BATTERY_CONNECTION_REFUSALS, 1);
    bench_expect("QUIT");
    assert_non_null(strstr(bench_result_of("xclient-loopback")->text, "max_refusals"));
    assert_true(bench.result.refusals_used_up);
    assert_false(battery_has_work(&bench.battery));

    come_to_the_claim(1, 64);
    bench_expect("QUIT");
    assert_non_null(strstr(bench_result_of("xclient-loopback")->text, "too few refusals"));

    come_to_the_claim(2, 2);
    bench_expect("MAIL FROM:<rw1.");
}

static void however_slow_a_server_is_a_request_follows_the_hello(void **state)
{
    (void)state;
    bench_set_up(TLS_NONE, 25);
    bench_meet_filter();
    say_hello();
    bench_refuse_one(DENIED, 1);
    battery_slow_down(&bench.battery, 1);
    battery_slow_down(&bench.battery, 1);
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "reset");
    say_hello();
    bench_refuse_one(DENIED, 1);
    bench_expect("QUIT");
    assert_int_equal(bench_result_of("null-sender")->outcome, OUTCOME_RELAY_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_carries_no_token_follows_an_ask),
        cmocka_unit_test(both_are_sent_in_order_where_commands_go_together),
        cmocka_unit_test(a_known_recipient_that_comes_first_on_its_connection_follows_an_ask),
        cmocka_unit_test(a_stranger_who_is_seen_as_that_asks_so_once),
        cmocka_unit_test(the_filters_word_on_it_is_proof),
        cmocka_unit_test(both_ends_count_it),
        cmocka_unit_test(one_that_was_put_off_may_not_have_come_to_the_filter),
        cmocka_unit_test(an_answer_that_cannot_be_verified_proves_nothing),
        cmocka_unit_test(a_server_that_hangs_up_at_it_is_asked_again),
        cmocka_unit_test(a_connection_that_was_used_hands_it_on_to_a_new_one),
        cmocka_unit_test(a_claimed_client_that_cannot_say_hello_asks_nothing),
        cmocka_unit_test(however_slow_a_server_is_a_request_follows_the_hello),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

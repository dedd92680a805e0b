/* `plain`, asked in the transaction of a hello that nobody answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/session_bench.h"

#define CANARY "<canary@outside.example.net>"
#define MAIL   "MAIL FROM:" CANARY "\r\n"
#define RCPT   "RCPT TO:" CANARY "\r\n"

/* Up to RCPT of plain; `command` of the transaction before it is the hello's. */
static void hail(void)
{
    bench_open_session();
    bench_expect("MAIL FROM:<rw1.");
    bench_answer("250 2.0.0 OK");
    assert_string_equal(bench.order->line, RCPT);
}

static void set_up(void)
{
    bench_set_up(TLS_NONE, 25);
    bench_meet_filter();
}

static void set_up_behind_proxy(void)
{
    set_up();
    bench.client = "172.22.1.1";
    bench.permission = PERMISSION_TRUSTED_NETWORK;
}

/* The transaction that opens the way, one command at a time. */
static void pave(void)
{
    bench_open_session();
    assert_string_equal(bench.order->line, MAIL);
    bench_answer("250 2.1.0 Ok");
    assert_string_equal(bench.order->line, "RCPT TO:<postmaster@example.org>\r\n");
    bench_answer("250 2.1.5 Ok");
    assert_string_equal(bench.order->line, "RSET\r\n");
    bench_answer("250 2.0.0 Ok");
    bench_expect("MAIL FROM:<rw1.");
}

/* `plain` is asked with its usual sender, in a transaction of its own. */
static void expect_usual(void)
{
    assert_string_equal(bench.order->line, "RSET\r\n");
    bench_answer("250 2.0.0 Ok");
    assert_string_equal(bench.order->line, MAIL);
    bench_answer("250 2.1.0 Ok");
    assert_string_equal(bench.order->line, RCPT);
}

static void a_hello_that_is_taken_is_followed_by_the_recipient_of_plain(void **state)
{
    (void)state;
    set_up();
    hail();
    assert_false(battery_wants_company(&bench.battery, true));
    bench_answer(DENIED);
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_RELAY_DENIED);
    assert_memory_equal(bench_result_of("plain")->sender, "<rw1.", 5);
    assert_string_equal(bench_result_of("plain")->recipient, CANARY);
    assert_int_equal(bench.result.milter.passed, 1);
    assert_int_equal(bench.session.pace.refusals, 1);
    assert_true(battery_wants_company(&bench.battery, true));
    /* The next technique comes in a transaction of its own. */
    bench_reset();
    assert_string_equal(bench.order->line, "MAIL FROM:<>\r\n");
    bench_answer(DENIED);
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "reset");
    /* On a second connection plain is not asked again. */
    bench_open_session();
    bench_expect("MAIL FROM:<rw1.");
    bench_answer("250 2.0.0 OK");
    assert_string_equal(bench.order->line, "RSET\r\n");
    bench_reset();
    bench_refuse_one(DENIED, 1);
    assert_int_equal(bench.result.milter.passed, 2);
}

static void a_reply_that_may_be_about_the_hellos_mailbox_settles_nothing(void **state)
{
    static const char *const replies[] = {
        "450 4.7.1 " CANARY ": Recipient address rejected: Greylisted for 5 minutes",
        "550 5.1.8 <x@outside.example.net>: Sender address rejected: Domain not found",
        "450 4.1.7 <x@outside.example.net>: Sender address rejected: unverified address",
        "451 4.3.2 Internal server error"};

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        set_up();
        hail();
        bench_answer(replies[i]);
        expect_usual();
        bench_answer(DENIED);
        assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_RELAY_DENIED);
        assert_string_equal(bench_result_of("plain")->sender, CANARY);
        /* A server that greylists expects the sender of before. */
        set_up();
        hail();
        bench_answer(replies[i]);
        expect_usual();
        bench_answer(replies[0]);
        assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_GREYLISTED);
        assert_string_equal(bench_result_of("plain")->sender, CANARY);
        assert_int_equal(bench.result.milter.passed, 0);
    }
}

static void what_was_put_off_before_comes_from_its_own_sender(void **state)
{
    const struct battery_earlier earlier = {"plain", CANARY};

    (void)state;
    set_up();
    battery_queue_remember(&bench.battery.queue, &bench.result, &earlier, 1);
    bench_open_session();
    bench_expect("MAIL FROM:<rw1.");
    bench_answer("250 2.0.0 OK");
    expect_usual();
}

/* Once the filter has answered behind a proxy: the way is opened, the hello is heard, and plain is
 * an ask that is proved. */
static void expect_proof(void)
{
    assert_false(battery_wants_company(&bench.battery, false));
    pave();
    bench_observe(OBSERVATION_HELLO, bench.session.filter.asker.path);
    assert_string_equal(bench.order->line, MAIL);
    bench_answer("250 2.1.0 Ok");
    bench_expect("RCPT TO:<rw1.");
    bench_observe(OBSERVATION_ASK, bench.session.task.envelope.recipient);
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_ACCEPTED);
    assert_true(bench_result_of("plain")->observed);
    assert_int_equal(bench.result.milter.role, TOKEN_ROLE_HIDDEN);
    assert_int_equal(bench.result.milter.passed, 0);
}

static void an_observation_of_the_hello_may_be_the_answer_to_the_recipient(void **state)
{
    (void)state;
    set_up_behind_proxy();
    hail();
    bench_observe(OBSERVATION_HELLO, bench.session.filter.asker.path);
    assert_string_equal(bench.order->line, "QUIT\r\n");
    assert_true(bench.result.milter.observed);
    assert_false(bench_result_of("plain")->asked);
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    expect_proof();
}

static void a_proxy_that_closes_without_the_filters_words_is_opened_first(void **state)
{
    (void)state;
    set_up_behind_proxy();
    hail();
    bench_answer("451 4.3.2 Internal server error");
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    assert_int_equal(bench.battery.connection_refusals, BATTERY_CONNECTION_REFUSALS);
    expect_proof();

    set_up_behind_proxy();
    hail();
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    expect_proof();

    set_up_behind_proxy();
    hail();
    bench_answer("421 4.3.2 not now");
    bench_expect_action(SESSION_CLOSE);
    expect_proof();
}

static void a_filter_that_cannot_be_verified_is_not_waited_for(void **state)
{
    char path[TOKEN_HELLO_PATH_SIZE];

    (void)state;
    set_up();
    hail();
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    pave();
    strcpy(path, bench.session.filter.asker.path);
    path[strlen(path) - 2] ^= 1;
    bench_observe(OBSERVATION_HELLO, path);
    assert_true(bench.result.milter.unverified);
    assert_string_equal(bench.order->line, MAIL);
    bench_answer("250 2.1.0 Ok");
    bench_answer(DENIED);
    assert_true(battery_wants_company(&bench.battery, false));
}

static void an_observation_of_another_hello_proves_nothing(void **state)
{
    char path[TOKEN_HELLO_PATH_SIZE];

    (void)state;
    set_up_behind_proxy();
    hail();
    strcpy(path, bench.session.filter.asker.path);
    path[strlen(path) - 2] ^= 1;
    bench_observe(OBSERVATION_HELLO, path);
    assert_true(bench.result.milter.unverified);
    assert_false(bench.result.milter.observed);
    expect_usual();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_that_is_taken_is_followed_by_the_recipient_of_plain),
        cmocka_unit_test(a_reply_that_may_be_about_the_hellos_mailbox_settles_nothing),
        cmocka_unit_test(what_was_put_off_before_comes_from_its_own_sender),
        cmocka_unit_test(an_observation_of_the_hello_may_be_the_answer_to_the_recipient),
        cmocka_unit_test(a_proxy_that_closes_without_the_filters_words_is_opened_first),
        cmocka_unit_test(a_filter_that_cannot_be_verified_is_not_waited_for),
        cmocka_unit_test(an_observation_of_another_hello_proves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

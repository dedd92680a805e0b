#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/smtp/proxy_header.h"
#include "tests/unit/session_bench.h"

#define OFFERS                                                                                     \
    "250-mx.example.org\r\n250-PIPELINING\r\n250-AUTH PLAIN ANONYMOUS\r\n"                         \
    "250 XCLIENT NAME ADDR LOGIN"
#define RCPT "RCPT TO:<canary@outside.example.net>\r\n"
#define MAIL "MAIL FROM:<canary@outside.example.net>\r\n"

/* ---- PROXY headers ---------------------------------------------------------------------- */

static struct proxy_header_claim claim_of(const char *source, const char *destination)
{
    struct proxy_header_claim claim = {.source_port = 49152, .destination_port = 25};

    assert_true(address_parse(source, &claim.source));
    assert_true(address_parse(destination, &claim.destination));
    return claim;
}

static void the_first_version_is_a_line_of_text(void **state)
{
    (void)state;
    struct proxy_header_claim four = claim_of("127.0.0.1", "203.0.113.25");
    struct proxy_header_claim six = claim_of("::1", "2001:db8:113::25");
    char out[PROXY_HEADER_SIZE];
    static const char expected[] = "PROXY TCP4 127.0.0.1 203.0.113.25 49152 25\r\n";

    assert_int_equal(proxy_header_write_v1(&four, out), sizeof(expected) - 1);
    assert_memory_equal(out, expected, sizeof(expected) - 1);
    size_t length = proxy_header_write_v1(&six, out);
    assert_memory_equal(out, "PROXY TCP6 ::1 2001:db8:113::25 49152 25\r\n", length);
    six = claim_of("2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1111:2222:3333:4444:5555:7");
    assert_in_range(proxy_header_write_v1(&six, out), 80, PROXY_HEADER_SIZE - 1);
}

static void the_second_version_is_binary(void **state)
{
    (void)state;
    static const char four[] = "\r\n\r\n\0\r\nQUIT\n"
                               "\x21\x11\0\x0C"
                               "\x7F\0\0\x01"
                               "\xCB\0\x71\x19"
                               "\xC0\0\0\x19";
    struct proxy_header_claim claim = claim_of("127.0.0.1", "203.0.113.25");
    char out[PROXY_HEADER_SIZE];

    assert_int_equal(proxy_header_write_v2(&claim, out), sizeof(four) - 1);
    assert_memory_equal(out, four, sizeof(four) - 1);
    claim = claim_of("::1", "2001:db8::25");
    assert_int_equal(proxy_header_write_v2(&claim, out), 12 + 4 + 36);
    assert_memory_equal(out + 12, "\x21\x21\0\x24", 4);
    assert_int_equal(out[12 + 4 + 15], 1);
    assert_int_equal(out[12 + 4 + 31], 0x25);
}

static void addresses_of_two_families_make_no_header(void **state)
{
    (void)state;
    struct proxy_header_claim claim = claim_of("127.0.0.1", "2001:db8::25");
    struct proxy_header_claim none = {.source_port = 1};
    char out[PROXY_HEADER_SIZE];

    assert_int_equal(proxy_header_write_v1(&claim, out), 0);
    assert_int_equal(proxy_header_write_v2(&claim, out), 0);
    assert_int_equal(proxy_header_write_v1(&none, out), 0);
    assert_int_equal(proxy_header_write_v2(&none, out), 0);
}

/* ---- AUTH and XCLIENT ------------------------------------------------------------------- */

/* The connection for this technique, up to its claim; all others before it are refused. */
static void come_to(const char *id)
{
    while (battery_has_work(&bench.battery)) {
        bench_connect_session();
        bench_answer("220 mx.example.org ESMTP");
        bench_answer(OFFERS);
        while (strncmp(bench.order->line, "QUIT", 4) != 0) {
            if (session_is_special(&bench.session) && bench.session.has_task &&
                strcmp(bench.session.task.into->technique->id, id) == 0) {
                return;
            }
            bench_answer(bench.session.state == SESSION_RCPT    ? DENIED
                         : bench.session.state == SESSION_CLAIM ? "550 5.7.0 no"
                                                                : "250 ok");
        }
    }
    fail_msg("%s is never asked", id);
}

static void start(const char *id)
{
    bench_set_up(TLS_NONE, 25);
    bench.settings.max_refusals = 200;
    come_to(id);
}

static void a_log_in_that_is_refused_leaves_authentication_required(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum outcome outcome;
    } rows[] = {
        {"535 5.7.8 Error: authentication failed", OUTCOME_AUTH_REQUIRED},
        {"504 5.5.4 Unrecognized authentication type", OUTCOME_AUTH_REQUIRED},
        {"530 5.7.0 Must issue a STARTTLS command first", OUTCOME_TLS_REQUIRED},
        {"454 4.7.0 Temporary authentication failure", OUTCOME_DEFERRED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start("auth-anonymous");
        bench_answer(rows[i].reply);
        bench_expect("QUIT");
        assert_int_equal(bench_result_of("auth-anonymous")->outcome, rows[i].outcome);
    }
}

static void from_inside_xclient_is_left_alone(void **state)
{
    (void)state;
    bench_set_up(TLS_NONE, 25);
    bench.settings.vantage.declared = VANTAGE_INSIDE;
    bench_connect_session();
    bench_answer("220 mx");
    bench_answer(OFFERS);
    assert_true(bench_result_of("xclient-loopback")->absent);
    assert_false(bench_result_of("auth-anonymous")->absent);
}

/* ---- who is another is so for the filter ----------------------------------------------- */

/* With a key, up to the technique's claim; no hello before it is answered by a filter. */
static void start_with_key(const char *id)
{
    bench_set_up(TLS_NONE, 25);
    bench.settings.max_refusals = 200;
    bench_meet_filter();
    bench.client = "127.0.0.1";
    bench.permission = PERMISSION_TRUSTED_NETWORK;
    come_to(id);
}

static void become_loopback(void)
{
    start_with_key("xclient-loopback");
    bench_expect("XCLIENT ");
    bench_answer("220 mx.example.org ESMTP");
    bench_answer("250-mx.example.org\r\n250 PIPELINING");
    bench_expect("MAIL FROM:<rw1.");
    assert_string_equal(strchr(bench.order->line, '\n'), "\n"); /* alone */
}

static void the_filter_is_greeted_by_who_was_claimed(void **state)
{
    (void)state;
    become_loopback();
    unsigned int refused = bench.battery.refusals;
    bench_observe(OBSERVATION_HELLO, bench.session.filter.asker.path);
    assert_int_equal(bench.session.filter.asker.role, TOKEN_ROLE_CLAIMED);
    assert_int_equal(bench.battery.refusals, refused); /* it is not the server's */
    assert_int_equal(bench.session.pace.refusals, 1);
    assert_false(bench.result.milter.observed); /* it told of somebody else */
    bench_expect(MAIL "RCPT TO:<rw1.");
    bench_answer("250 ok");
    bench_observe(OBSERVATION_ASK, bench.session.task.envelope.recipient);
    const struct technique_result *row = bench_result_of("xclient-loopback");
    assert_int_equal(row->outcome, OUTCOME_ACCEPTED);
    assert_true(row->observed);
    bench_expect("RSET\r\nMAIL FROM:<rw1."); /* what it has counted */
    bench_answer("250 ok");
    bench_answer("250 ok");
    bench_expect("QUIT");
}

static void without_a_filter_the_client_that_was_claimed_asks_as_ever(void **state)
{
    (void)state;
    become_loopback();
    bench_answer("250 ok");
    assert_string_equal(bench.order->line, "RSET\r\n" MAIL RCPT);
    bench_answer("250 ok");
    bench_answer("250 ok");
    unsigned int passed = bench.result.milter.passed;
    bench_answer(DENIED);
    bench_expect("QUIT");
    assert_int_equal(bench_result_of("xclient-loopback")->outcome, OUTCOME_RELAY_DENIED);
    assert_int_equal(bench.result.milter.passed, passed); /* filters may be kept from loopback */

    become_loopback();
    bench_answer("550 5.7.1 no such sender, rwo1,forged");
    assert_string_equal(bench.order->line, MAIL RCPT);
}

static void a_server_that_hangs_up_on_the_claimed_hello_costs_that_technique(void **state)
{
    (void)state;
    become_loopback();
    bench_answer("421 4.7.0 bye");
    bench_expect_action(SESSION_CLOSE);
    assert_false(bench.battery.ended);
    assert_int_equal(bench.battery.reserved, 0);
    assert_false(bench_result_of("xclient-loopback")->asked);
}

static void no_hello_takes_the_last_refusal_from_a_technique(void **state)
{
    (void)state;
    start_with_key("xclient-loopback");
    bench.battery.connection_refusals = 1;
    bench_answer("220 mx.example.org ESMTP");
    bench_answer("250-mx.example.org\r\n250 8BITMIME");
    assert_string_equal(bench.order->line, MAIL);

    start_with_key("xclient-loopback");
    bench.battery.reserved = bench.session.task.reserved = 1;
    bench.settings.max_refusals = bench.battery.refusals + 1;
    bench_answer("220 mx.example.org ESMTP");
    bench_answer("250-mx.example.org\r\n250 8BITMIME");
    assert_string_equal(bench.order->line, MAIL);
}

/* ---- a claimed vantage ------------------------------------------------------------------ */

static void claim(const char *address)
{
    bench_set_up(TLS_AUTO, 25);
    bench.settings.helo = "";
    bench.settings.vantage.declared = VANTAGE_CLAIMED;
    assert_true(address_parse(address, &bench.settings.claim));
    bench_connect_session();
    bench_answer("220 mx.example.org ESMTP");
    bench_expect("EHLO [198.51.100.7]");
}

static void everything_is_asked_as_the_client_that_is_claimed(void **state)
{
    (void)state;
    claim("192.0.2.99");
    bench_answer(OFFERS);
    assert_string_equal(bench.order->line, "XCLIENT ADDR=192.0.2.99 NAME=[UNAVAILABLE]\r\n");
    assert_int_equal(bench.result.capability_count, 0); /* no stranger is offered that */
    bench_answer("220 mx.example.org ESMTP");
    bench_expect("EHLO [192.0.2.99]\r\n");
    bench_answer(OFFERS);
    bench_expect("MAIL FROM:");
    assert_string_equal(bench.battery.place.client, "[192.0.2.99]");
    assert_true(bench_result_of("xclient-loopback")->absent);
    bench_answer("250 ok");
    bench_answer("554 5.7.1 Client host [192.0.2.99] rejected");
    assert_int_equal(bench_result_of("plain")->outcome, OUTCOME_CLIENT_REFUSED);
    assert_int_equal(bench.result.reach, REACH_SESSION);
    char source[ADDRESS_TEXT_SIZE];
    assert_string_equal(address_format(&bench.result.source, source), "192.0.2.99");
}

static void an_ipv6_address_is_claimed_with_its_mark(void **state)
{
    (void)state;
    claim("2001:db8::9");
    bench_answer("250-mx\r\n250 XCLIENT ADDR NAME REVERSE_NAME PORT");
    assert_string_equal(bench.order->line, "XCLIENT ADDR=IPV6:2001:db8::9 NAME=[UNAVAILABLE] "
                                           "REVERSE_NAME=[UNAVAILABLE] PORT=49152\r\n");
}

static void without_xclient_nothing_is_asked(void **state)
{
    (void)state;
    static const char *const replies[] = {"550 5.7.0 insufficient authorization", "421 bye",
                                          "250 fine"};

    claim("192.0.2.99");
    bench_answer("250-mx\r\n250 XCLIENTS ADDR");
    bench_expect("QUIT");
    assert_int_equal(bench.result.reach, REACH_NO_CLAIM);
    assert_string_equal(bench.result.trouble, "XCLIENT is not offered to 198.51.100.7");
    assert_false(battery_has_work(&bench.battery));
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        claim("192.0.2.99");
        bench_answer(OFFERS);
        bench_answer(replies[i]);
        assert_true(bench.order->action == SESSION_CLOSE ||
                    strcmp(bench.order->line, "QUIT\r\n") == 0);
        assert_int_equal(bench.result.reach, REACH_NO_CLAIM);
        assert_false(battery_has_work(&bench.battery));
    }
}

static void the_claim_is_made_inside_tls(void **state)
{
    (void)state;
    claim("192.0.2.99");
    bench_answer("250-mx\r\n250-STARTTLS\r\n250 XCLIENT ADDR");
    bench_expect("STARTTLS");
    bench_answer("220 go");
    bench.order = session_secured(&bench.session, "TLSv1.3 X");
    bench_expect("EHLO");
    bench_answer("250-mx\r\n250 XCLIENT ADDR");
    bench_expect("XCLIENT ADDR=192.0.2.99\r\n");
}

/* ---- listeners that do not greet -------------------------------------------------------- */

static const struct session_order *begin(struct session *session, const struct session *other)
{
    struct address source;

    assert_true(address_parse("198.51.100.7", &source));
    session_begin(session, &bench.battery, other);
    return session_connected(session, &source);
}

static void reply_to(struct session *session, const char *text)
{
    static struct reply_parser parser;
    char wire[256];
    size_t used = 0;
    int length = snprintf(wire, sizeof(wire), "%s\r\n", text);

    reply_parser_reset(&parser);
    assert_int_equal(reply_parser_feed(&parser, wire, (size_t)length, &used), REPLY_COMPLETE);
    (void)session_reply(session, &parser.reply, 1);
}

static void silence_is_asked_with_a_header_while_it_lasts(void **state)
{
    (void)state;
    static struct session header;
    char octets[PROXY_HEADER_SIZE];

    bench_set_up(TLS_NONE, 25);
    (void)begin(&bench.session, NULL);
    assert_int_equal(session_preamble(&bench.session, octets), 0);
    assert_true(session_is_ungreeted(&bench.session));
    assert_false(battery_wants_company(&bench.battery, true));
    session_silent(&bench.session);
    assert_true(battery_wants_company(&bench.battery, true));
    (void)begin(&header, &bench.session);
    assert_in_range(session_preamble(&header, octets), 35, sizeof(octets));
    assert_memory_equal(octets, "PROXY TCP4 127.0.0.1 203.0.113.25 ", 34);
    assert_false(session_is_ungreeted(&header));
    reply_to(&header, "220 mx.example.org ESMTP");
    reply_to(&header, "250 mx.example.org");
    assert_true(bench.result.proxied);
    reply_to(&header, "250 ok");
    reply_to(&header, "250 ok");
    reply_to(&header, "250 mx.example.org");
    assert_int_equal(bench_result_of("proxy-v1")->outcome, OUTCOME_ACCEPTED);
    /* The other one is served after all: headers mean nothing there. */
    reply_to(&bench.session, "220 mx.example.org ESMTP");
    assert_true(bench.result.proxied);
    reply_to(&bench.session, "250 mx.example.org");
    assert_false(bench.result.proxied);
    assert_true(bench_result_of("proxy-v1")->absent);
    assert_false(bench_result_of("proxy-v1")->asked);
    assert_true(battery_has_work(&bench.battery));
    assert_int_equal(session_dropped(&header)->action, SESSION_CLOSE);
}

/* As Exim does, whose patience for a header is as long as ours for a greeting. */
static void a_greeting_before_refusals_for_want_of_a_header_is_none(void **state)
{
    (void)state;
    static const char refusal[] = "503 Command refused, required Proxy negotiation failed";
    char octets[PROXY_HEADER_SIZE];

    bench_set_up(TLS_NONE, 25);
    (void)begin(&bench.session, NULL);
    reply_to(&bench.session, "220 mx.example.org ESMTP Exim 4.96");
    reply_to(&bench.session, refusal);
    reply_to(&bench.session, refusal);
    assert_true(battery_has_work(&bench.battery));
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    (void)begin(&bench.session, NULL);
    assert_in_range(session_preamble(&bench.session, octets), 16, sizeof(octets));
    reply_to(&bench.session, "220 mx.example.org ESMTP Exim 4.96");
    reply_to(&bench.session, "250 mx.example.org");
    assert_true(bench.result.proxied);
}

static void a_header_that_is_answered_as_a_command_opens_nothing(void **state)
{
    (void)state;
    static const char *const answers[] = {"502 5.5.2 what is PROXY", "421 bye", "554 5.5.1 early"};

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        bench_set_up(TLS_NONE, 25);
        (void)begin(&bench.session, NULL);
        (void)session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
        for (int version = 0; version < 2; version++) {
            assert_true(battery_has_work(&bench.battery));
            (void)begin(&bench.session, NULL);
            reply_to(&bench.session, "220 mx");
            reply_to(&bench.session, answers[i]);
            bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
        }
        assert_false(battery_has_work(&bench.battery));
        assert_false(bench.result.proxied);
        assert_int_equal(bench.result.reach, REACH_NO_GREETING);
        assert_string_equal(bench.result.trouble, "closed");
    }
}

static void a_greeting_that_refuses_is_no_missing_header(void **state)
{
    (void)state;
    static const char *const greetings[] = {"554 5.3.2 no service",
                                            "421 4.7.0 198.51.100.7 is blocked here"};

    for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
        bench_set_up(TLS_NONE, 25);
        (void)begin(&bench.session, NULL);
        reply_to(&bench.session, greetings[i]);
        assert_false(battery_has_work(&bench.battery));
    }
}

/* Two connections to one endpoint hear this, in either order: ours, which waits, and one with a
 * header. NULL: it is closed. */
static void each_way_round_a_greetings_lines_are_told(void **state)
{
    (void)state;
    static const char lines[] = "554-No mail is taken here.\r\n554-This host has moved.\r\n"
                                "554 Write to the postmaster.";
    static const char told[] =
        "554 No mail is taken here. This host has moved. Write to the postmaster.";
    static const struct {
        const char *direct;
        const char *header;
    } rows[] = {
        {lines, NULL},
        {NULL, lines},
        {lines, "554 SMTP synchronization error"},
        {lines, "421 4.3.2 too many connections"},
        {"421 4.3.2 come back", NULL},
    };

    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        static struct session header;
        const char *const says[] = {rows[i / 2].direct, rows[i / 2].header};
        struct session *const sessions[] = {&bench.session, &header};

        bench_set_up(TLS_NONE, 25);
        (void)begin(&bench.session, NULL);
        session_silent(&bench.session);
        (void)begin(&header, &bench.session);
        for (size_t turn = 0; turn < 2; turn++) {
            size_t at = (turn + i) % 2;
            if (says[at] != NULL) {
                reply_to(sessions[at], says[at]);
            }
            (void)session_broken(sessions[at], SESSION_BROKEN_CLOSED, "closed");
        }
        if (battery_has_work(&bench.battery)) { /* the next one is just hung up on */
            (void)begin(&bench.session, NULL);
            (void)session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
        }
        assert_int_equal(bench.result.reach, REACH_NO_GREETING);
        assert_true(bench.result.greeting_closing);
        if (i / 2 == 4) {
            assert_string_equal(bench.result.trouble,
                                "The server wants no session: 421 4.3.2 come back");
            assert_string_equal(bench.result.banner, "come back");
            continue;
        }
        assert_string_equal(bench.result.banner, told + 4);
        assert_non_null(strstr(bench.result.trouble, told));
        assert_string_equal(strstr(bench.result.trouble, told), told); /* once, and nothing else */
    }
}

static void a_welcome_is_worth_more_than_a_refusal(void **state)
{
    (void)state;
    static struct session second;

    bench_set_up(TLS_NONE, 25);
    (void)begin(&bench.session, NULL);
    reply_to(&bench.session, "220 mx.example.org ESMTP Exim 4.96");
    (void)begin(&second, &bench.session);
    reply_to(&second, "421 too many at once");
    assert_string_equal(bench.result.banner, "mx.example.org ESMTP Exim 4.96");
    assert_false(bench.result.greeting_closing);

    bench_set_up(TLS_NONE, 25); /* and it is told what becomes of whom it welcomed */
    (void)begin(&bench.session, NULL);
    session_silent(&bench.session);
    (void)begin(&second, &bench.session);
    reply_to(&second, "421 too many at once");
    assert_string_equal(bench.result.banner, "too many at once");
    reply_to(&bench.session, "220 mx.example.org ESMTP Exim 4.96");
    assert_string_equal(bench.result.banner, "mx.example.org ESMTP Exim 4.96");
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    assert_string_equal(bench.result.trouble, "closed");
}

static void from_inside_no_header_is_tried(void **state)
{
    (void)state;
    bench_set_up(TLS_NONE, 25);
    bench.settings.vantage.declared = VANTAGE_INSIDE;
    (void)begin(&bench.session, NULL);
    session_silent(&bench.session);
    assert_false(battery_wants_company(&bench.battery, true));
    (void)session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
    assert_false(battery_has_work(&bench.battery));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_version_is_a_line_of_text),
        cmocka_unit_test(the_second_version_is_binary),
        cmocka_unit_test(addresses_of_two_families_make_no_header),
        cmocka_unit_test(a_log_in_that_is_refused_leaves_authentication_required),
        cmocka_unit_test(from_inside_xclient_is_left_alone),
        cmocka_unit_test(the_filter_is_greeted_by_who_was_claimed),
        cmocka_unit_test(without_a_filter_the_client_that_was_claimed_asks_as_ever),
        cmocka_unit_test(a_server_that_hangs_up_on_the_claimed_hello_costs_that_technique),
        cmocka_unit_test(no_hello_takes_the_last_refusal_from_a_technique),
        cmocka_unit_test(everything_is_asked_as_the_client_that_is_claimed),
        cmocka_unit_test(an_ipv6_address_is_claimed_with_its_mark),
        cmocka_unit_test(without_xclient_nothing_is_asked),
        cmocka_unit_test(the_claim_is_made_inside_tls),
        cmocka_unit_test(silence_is_asked_with_a_header_while_it_lasts),
        cmocka_unit_test(a_greeting_before_refusals_for_want_of_a_header_is_none),
        cmocka_unit_test(a_header_that_is_answered_as_a_command_opens_nothing),
        cmocka_unit_test(a_greeting_that_refuses_is_no_missing_header),
        cmocka_unit_test(each_way_round_a_greetings_lines_are_told),
        cmocka_unit_test(a_welcome_is_worth_more_than_a_refusal),
        cmocka_unit_test(from_inside_no_header_is_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

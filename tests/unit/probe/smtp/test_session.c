#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/session_bench.h"

/* Asks a whole battery on as many connections as it takes; returns how many. */
static unsigned int ask_closed_server(void)
{
    unsigned int connections = 0;

    while (battery_has_work(&bench.battery)) {
        assert_in_range(++connections, 1, 20);
        bench_connect_session();
        bench_answer("220 mx.example.org ESMTP");
        bench_answer(bench.ehlo);
        while (strncmp(bench.order->line, "QUIT", 4) != 0) {
            bench_refuse_one(DENIED, 1);
        }
        assert_in_range(bench.session.pace.refusals, 1, BATTERY_CONNECTION_REFUSALS);
        bench_answer("221 bye");
        bench_expect_action(SESSION_CLOSE);
    }
    return connections;
}

static void a_closed_server_is_asked_every_technique_that_makes_sense(void **state)
{
    (void)state;
    size_t asked = 0;

    bench_set_up(TLS_AUTO, 25);
    assert_int_equal(ask_closed_server(), 6 + 6); /* 47 common ones, and six greetings */
    assert_int_equal(bench.result.reach, REACH_SESSION);
    assert_false(bench.result.cut_off);
    assert_string_equal(bench.result.trouble, "");
    assert_int_equal(bench.result.technique_count, technique_count);
    for (size_t i = 0; i < technique_count; i++) {
        const struct technique_result *row = &bench.result.techniques[i];
        assert_int_not_equal(row->asked, row->absent);
        if (row->asked) {
            asked++;
            assert_int_equal(row->outcome, OUTCOME_RELAY_DENIED);
            assert_int_equal(row->code, 554);
            assert_string_equal(row->enhanced, "5.7.1");
        }
    }
    assert_int_equal(asked, bench.battery.refusals);
    assert_in_range(asked, 30, technique_count);
}

static void a_technique_is_asked_only_where_what_it_needs_is_offered(void **state)
{
    (void)state;
    static const struct {
        const char *offer;
        const char *id;
    } rows[] = {
        {"DSN", "orcpt"},           {"DSN", "notify"},
        {"SMTPUTF8", "smtputf8"},   {"AUTH PLAIN", "auth-null"},
        {"AUTH=LOGIN", "auth-own"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char ehlo[64];
        bench_set_up(TLS_NONE, 25);
        bench_open_session();
        assert_true(bench_result_of(rows[i].id)->absent);
        bench_set_up(TLS_NONE, 25);
        snprintf(ehlo, sizeof(ehlo), "250-mx\r\n250 %s", rows[i].offer);
        bench.ehlo = ehlo;
        bench_open_session();
        assert_false(bench_result_of(rows[i].id)->absent);
        assert_true(bench_result_of("before-starttls")->absent);
    }
}

static void each_name_of_the_server_is_used_once(void **state)
{
    (void)state;
    struct envelope envelope;

    bench_set_up(TLS_AUTO, 25);
    bench_connect_session();
    bench_answer("220 Mail.Example.org ESMTP");
    bench_answer("250-smtp.example.org at your service\r\n250 X");
    assert_true(battery_envelope(&bench.battery, 10, &envelope));
    assert_string_equal(envelope.sender, "<postmaster@mail.example.org>");
    assert_true(battery_envelope(&bench.battery, 11, &envelope));
    assert_string_equal(envelope.sender, "<postmaster@smtp.example.org>");

    bench_set_up(TLS_AUTO, 25);
    bench_open_session(); /* it calls itself by the name that it was asked by */
    assert_true(bench_result_of("greeted-sender")->absent);
    assert_true(bench_result_of("ehlo-sender")->absent);
    assert_false(bench_result_of("host-sender")->absent);

    bench_set_up(TLS_AUTO, 25);
    snprintf(bench.result.endpoint.host, RESULT_HOST_SIZE, "203.0.113.25");
    bench_open_session();
    assert_true(battery_envelope(&bench.battery, 9, &envelope));
    assert_string_equal(envelope.sender, "<postmaster@mx.example.org>");
}

static void a_greeting_of_its_own_is_said_on_a_connection_of_its_own(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench.settings.max_refusals = 100;
    for (;;) {
        bench_connect_session();
        bench_answer("220 mx.example.org ESMTP");
        if (session_is_special(&bench.session)) {
            break;
        }
        bench_answer(bench.ehlo);
        while (strncmp(bench.order->line, "QUIT", 4) != 0) {
            bench_refuse_one(DENIED, 1);
        }
    }
    bench_expect("EHLO example.org\r\n");
    bench_answer(bench.ehlo);
    bench_refuse_one(DENIED, 1);
    bench_expect("QUIT");
    assert_string_equal(bench_result_of("helo-own")->helo, "example.org");
    bench_connect_session();
    bench_answer("220 mx.example.org ESMTP");
    bench_expect("EHLO mx.example.org\r\n");
    bench_answer("550 5.7.1 that is me");
    bench_answer("550 5.7.1 that is me");
    bench_expect("QUIT");
    assert_true(battery_has_work(&bench.battery)); /* nobody is banned for one bad greeting */
    assert_false(bench_result_of("helo-host")->asked);
    assert_true(bench_result_of("helo-host")->helo_refused);
    assert_false(bench_result_of("helo-own")->helo_refused);
}

static void with_starttls_the_same_is_asked_in_the_clear_too(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench.ehlo = "250-mx\r\n250 STARTTLS";
    for (;;) {
        bench_connect_session();
        bench_answer("220 mx.example.org ESMTP");
        bench_answer(bench.ehlo);
        if (strncmp(bench.order->line, "STARTTLS", 8) != 0) {
            break;
        }
        bench_answer("220 go");
        bench.order = session_secured(&bench.session, "TLSv1.3 X");
        bench_answer("250-mx\r\n250 X");
        while (strncmp(bench.order->line, "QUIT", 4) != 0) {
            bench_refuse_one(DENIED, 1);
        }
    }
    bench_refuse_one("250 2.1.5 Ok", 1);
    bench_expect("EHLO");
    bench_answer(bench.ehlo);
    bench_expect("QUIT");
    assert_int_equal(bench_result_of("before-starttls")->outcome, OUTCOME_ACCEPTED);
    assert_int_equal(bench.result.tls, TLS_STARTTLS);
    assert_string_equal(bench.result.capabilities[0], "X");
    assert_string_equal(bench.result.tls_protocol, "TLSv1.3 X");
}

static void capabilities_and_banner_are_kept_printable(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_connect_session();
    bench_answer("220 mx \033[31m");
    bench_answer("250-mx\r\n250-SIZE 1\r\n250 X\001Y");
    assert_string_equal(bench.result.banner, "mx \\x1B[31m");
    assert_int_equal(bench.result.capability_count, 2);
    assert_string_equal(bench.result.capabilities[0], "SIZE 1");
    assert_string_equal(bench.result.capabilities[1], "X\\x01Y");
}

static void a_server_that_takes_no_helo_gives_no_session(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_connect_session();
    bench_answer("220 mx");
    bench_answer("550 no");
    bench_answer("550 5.7.1 no \033 either");
    bench_expect("QUIT");
    assert_int_equal(bench.result.reach, REACH_NO_SESSION);
    assert_non_null(strstr(bench.result.trouble, "550 5.7.1 no \\x1B either"));
    assert_false(battery_has_work(&bench.battery));
}

static void a_greeting_that_refuses_our_address_is_known_as_that(void **state)
{
    static const struct {
        const char *greeting;
        bool names_client;
    } rows[] = {
        {"554 5.7.1 Service unavailable; client [198.51.100.7] blocked using bl.example.net", true},
        {"421 4.7.0 198.51.100.7 is on our blocklist", true},
        {"421 4.7.0 you are listed in bl.example.net", true},
        {"554 5.3.2 no service", false},
        {"421 too busy", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bench_set_up(TLS_AUTO, 25);
        bench_connect_session();
        bench_answer(rows[i].greeting);
        assert_int_equal(bench.result.greeting_names_client, rows[i].names_client);
    }
}

/* Nothing is left to try but a PROXY header of each version, once. */
static void close_on_proxies(void)
{
    char octets[PROXY_HEADER_SIZE];
    unsigned int connections = 0;

    while (battery_has_work(&bench.battery)) {
        bench_connect_session();
        assert_in_range(session_preamble(&bench.session, octets), 1, sizeof(octets));
        bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "closed");
        bench_expect_action(SESSION_CLOSE);
        connections++;
    }
    assert_int_equal(connections, 2);
}

static void a_greeting_of_421_is_left_at_once(void **state)
{
    (void)state;
    bench_set_up(TLS_AUTO, 25);
    bench_connect_session();
    bench_answer("421 too busy");
    bench_expect_action(SESSION_CLOSE);
    assert_int_equal(bench.result.reach, REACH_NO_GREETING);
    assert_true(bench.result.greeting_closing);
    close_on_proxies();
}

static void a_starttls_far_down_a_long_offer_is_seen(void **state)
{
    char offer[3000];
    size_t length = (size_t)snprintf(offer, sizeof(offer), "250-mx\r\n");
    struct reply_parser parser;
    size_t used;

    (void)state;
    for (int i = 0; i < 60; i++) {
        length += (size_t)snprintf(offer + length, sizeof(offer) - length,
                                   "250-XFILL 0123456789012345678901234567\r\n");
    }
    length += (size_t)snprintf(offer + length, sizeof(offer) - length, "250 STARTTLS\r\n");
    bench_set_up(TLS_AUTO, 25);
    bench_connect_session();
    bench_answer("220 mx");
    reply_parser_reset(&parser);
    assert_int_equal(reply_parser_feed(&parser, offer, length, &used), REPLY_COMPLETE);
    assert_null(strstr(parser.reply.text, "STARTTLS")); /* which is cut */
    bench.order = session_reply(&bench.session, &parser.reply, 1);
    bench_expect("STARTTLS");
    assert_true(bench.result.starttls_offered);
}

static void an_implicit_handshake_that_fails_is_no_refused_service(void **state)
{
    (void)state;
    bench_set_up(TLS_IMPLICIT, 25);
    bench_connect_session();
    bench_expect_action(SESSION_SECURE);
    bench.order = session_broken(&bench.session, SESSION_BROKEN_CLOSED, "wrong version number");
    assert_int_equal(bench.result.reach, REACH_NO_TLS);
    close_on_proxies();
}

static void every_state_says_what_is_awaited(void **state)
{
    (void)state;
    for (int i = 0; i < SESSION_STATES; i++) {
        assert_non_null(session_awaited((enum session_state)i));
        assert_in_range(session_wait((enum session_state)i), 0, SESSION_WAITS - 1);
    }
    assert_string_equal(session_awaited(SESSION_RCPT), "the reply to RCPT");
}

/* After a break of any kind at any event the session closes, and the battery soon wants no other
 * connection. */
static void a_break_at_any_event_ends_in_bounded_connections(void **state)
{
    static const enum session_break ways[] = {SESSION_BROKEN_SILENT, SESSION_BROKEN_CLOSED,
                                              SESSION_BROKEN_FOREIGN, SESSION_BROKEN_HERE};

    (void)state;
    for (size_t way = 0; way < 4; way++) {
        for (int events = 0; events < 40; events++) {
            int connections = 0;
            bench_set_up(TLS_AUTO, 25);
            do {
                bench_connect_session();
                for (int i = 0; i < events && bench.order->action != SESSION_CLOSE; i++) {
                    if (bench.order->action == SESSION_SECURE) {
                        bench.order = session_secured(&bench.session, "TLSv1.3 X");
                    } else if (bench.session.state == SESSION_GREETING) {
                        bench_answer("220 mx");
                    } else if (bench.session.state == SESSION_STARTTLS) {
                        bench_answer("220 go");
                    } else if (bench.session.state == SESSION_EHLO) {
                        bench_answer("250-mx\r\n250 STARTTLS");
                    } else {
                        bench_answer(i % 2 == 0 ? "250 ok" : DENIED);
                    }
                }
                if (bench.order->action != SESSION_CLOSE) {
                    bench.order = session_broken(&bench.session, ways[way], "broken");
                }
                bench_expect_action(SESSION_CLOSE);
                assert_in_range(++connections, 1, 2 * RESULT_TECHNIQUES);
            } while (battery_has_work(&bench.battery));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_server_is_asked_every_technique_that_makes_sense),
        cmocka_unit_test(a_technique_is_asked_only_where_what_it_needs_is_offered),
        cmocka_unit_test(each_name_of_the_server_is_used_once),
        cmocka_unit_test(a_greeting_of_its_own_is_said_on_a_connection_of_its_own),
        cmocka_unit_test(with_starttls_the_same_is_asked_in_the_clear_too),
        cmocka_unit_test(capabilities_and_banner_are_kept_printable),
        cmocka_unit_test(a_server_that_takes_no_helo_gives_no_session),
        cmocka_unit_test(a_greeting_that_refuses_our_address_is_known_as_that),
        cmocka_unit_test(a_greeting_of_421_is_left_at_once),
        cmocka_unit_test(a_starttls_far_down_a_long_offer_is_seen),
        cmocka_unit_test(an_implicit_handshake_that_fails_is_no_refused_service),
        cmocka_unit_test(every_state_says_what_is_awaited),
        cmocka_unit_test(a_break_at_any_event_ends_in_bounded_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

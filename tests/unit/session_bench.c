#include "tests/unit/session_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct session_bench bench;

void bench_set_up(enum tls_mode tls, uint16_t port)
{
    result_free(&bench.result);
    memset(&bench, 0, sizeof(bench));
    bench.settings = (struct battery_settings){
        .helo = "probe.example.net", .canary = "canary@outside.example.net", .max_refusals = 64};
    bench.ehlo = HELLO;
    bench.result.reach = REACH_NO_CONNECT;
    bench.result.endpoint.tls_asked = tls;
    bench.result.endpoint.port = port;
    snprintf(bench.result.endpoint.own, RESULT_HOST_SIZE, "example.org");
    snprintf(bench.result.endpoint.host, RESULT_HOST_SIZE, "mx.example.org");
    assert_true(address_parse("203.0.113.25", &bench.result.endpoint.address));
    battery_init(&bench.battery, &bench.settings, &bench.result);
}

void bench_connect_session(void)
{
    struct address source;

    assert_true(address_parse("198.51.100.7", &source));
    session_begin(&bench.session, &bench.battery, NULL);
    bench.order = session_connected(&bench.session, &source);
}

void bench_answer_after(const char *text, int64_t elapsed_ms)
{
    static struct reply_parser parser;
    char wire[2048];
    size_t used = 0;
    int length = snprintf(wire, sizeof(wire), "%s\r\n", text);

    reply_parser_reset(&parser);
    assert_int_equal(reply_parser_feed(&parser, wire, (size_t)length, &used), REPLY_COMPLETE);
    bench.order = session_reply(&bench.session, &parser.reply, elapsed_ms);
}

void bench_answer(const char *text)
{
    bench_answer_after(text, 1);
}

void bench_expect(const char *command)
{
    assert_int_equal(bench.order->action, SESSION_SEND);
    assert_memory_equal(bench.order->line, command, strlen(command));
    assert_string_equal(bench.order->line + strlen(bench.order->line) - 2, "\r\n");
}

void bench_expect_action(enum session_action action)
{
    assert_int_equal(bench.order->action, action);
}

#define NOW 1800000000

static int64_t now(void)
{
    return NOW;
}

static bool nonce(uint8_t octets[TOKEN_NONCE])
{
    memset(octets, 0xa5, TOKEN_NONCE);
    return true;
}

void bench_meet_filter(void)
{
    static const uint8_t octets[TOKEN_KEY_MIN] = {1};
    static struct token_key key;
    static struct site *site; /* it trusts nobody */

    if (site == NULL) {
        struct site_settings settings = {.domains = domainset_new()};
        site = site_new(&settings);
        assert_non_null(site);
    }
    assert_true(token_key_derive(octets, sizeof(octets), &key));
    bench.settings.asker = (struct milter_talk_settings){.key = &key,
                                                         .probe = "probe.example.net",
                                                         .site = site,
                                                         .declared = VANTAGE_OUTSIDE,
                                                         .now = now,
                                                         .nonce = nonce};
    bench.client = "198.51.100.7";
    bench.permission = PERMISSION_NONE;
}

void bench_observe(enum observation_kind kind, const char *path)
{
    struct observation observation = {.kind = kind,
                                      .client_port = 49152,
                                      .permission = bench.permission,
                                      .listener = bench.result.endpoint.address,
                                      .listener_port = 25,
                                      .decision = DECISION_ACCEPTED,
                                      .destination = DESTINATION_EXTERNAL,
                                      .time = NOW,
                                      .challenge = {7}};
    char text[OBSERVATION_SIZE];
    char reply[OBSERVATION_SIZE + 16];

    assert_true(address_parse(bench.client, &observation.client));
    observation_set_mta(&observation, "mx.example.org");
    assert_true(observation_build(&observation, &bench.session.filter.asker.binding, path, text));
    (void)snprintf(reply, sizeof(reply), "550 5.7.0 %s", text);
    bench_answer(reply);
}

/* To the first MAIL. */
void bench_open_session(void)
{
    bench_connect_session();
    bench_expect_action(SESSION_LISTEN);
    bench_answer("220 mx.example.org ESMTP");
    bench_expect("EHLO probe.example.net");
    bench_answer(bench.ehlo);
}

const struct technique_result *bench_result_of(const char *id)
{
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        if (strcmp(bench.result.techniques[i].technique->id, id) == 0) {
            return &bench.result.techniques[i];
        }
    }
    fail_msg("no technique %s", id);
    return NULL;
}

void bench_reset(void)
{
    if (strcmp(bench.order->line, "RSET\r\n") == 0) {
        bench_answer("250 2.0.0 Ok");
    }
}

void bench_refuse_one(const char *reply, int64_t elapsed_ms)
{
    const struct technique_result *row = bench.session.task.into;

    bench_reset();
    do {
        bench_expect(bench.session.state == SESSION_LOCAL_RCPT ? "RCPT TO:<postmaster@example.org>"
                                                               : "MAIL FROM:");
        bench_answer("250 2.1.0 Ok");
        bench_reset();
    } while (bench.session.state != SESSION_RCPT);
    bench_expect("RCPT TO:");
    assert_ptr_equal(bench.session.task.into, row);
    bench_answer_after(reply, elapsed_ms);
}

const char *bench_come_to_a_control(void)
{
    bench_set_up(TLS_AUTO, 25);
    bench_open_session();
    while (bench.session.task.envelope.control[0] == '\0') {
        bench_refuse_one(DENIED, 1);
    }
    bench_reset();
    return bench.session.task.into->technique->id;
}

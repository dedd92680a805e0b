#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/judge/verdict.h"
#include "probe/smtp/client/client.h"
#include "tests/unit/peer.h"

#define DENIED "554 5.7.1 <x>: Relay access denied\r\n"

/* One endpoint asked to its end, with deadlines of a test's length. */
static struct {
    struct peer *peer;
    struct loop *loop;
    struct endpoint_result result;
    int finished;
    int64_t took_ms;
} bench;

/* A hang alone reaches the first; the second is for a silence that is to be waited for, where
 * nothing else is. */
#define PATIENT_MS   60000
#define IMPATIENT_MS 200

static struct {
    int64_t connect_ms;
    int64_t greeting_ms;
    int64_t reply_ms;
    int64_t endpoint_ms;
} patience;

static int be_patient(void **state)
{
    (void)state;
    patience.connect_ms = patience.greeting_ms = patience.reply_ms = PATIENT_MS;
    patience.endpoint_ms = 2 * (int64_t)PATIENT_MS;
    return 0;
}

static void on_finished(struct client *dialogue, void *user)
{
    (void)user;
    client_free(dialogue); /* in its own callback */
    bench.finished++;
    loop_break(bench.loop);
}

static void ask(const struct peer_script *script, enum tls_mode tls)
{
    const struct client_settings settings = {
        .battery = {.helo = "probe.example.net",
                    .canary = "canary@outside.example.net",
                    .max_refusals = 64},
        .wait_ms = {[SESSION_WAIT_CONNECT] = patience.connect_ms,
                    [SESSION_WAIT_GREETING] = patience.greeting_ms,
                    [SESSION_WAIT_REPLY] = patience.reply_ms,
                    [SESSION_WAIT_QUIT] = 20},
        .endpoint_ms = patience.endpoint_ms,
    };
    const struct client_request request = {
        .settings = &settings, .result = &bench.result, .finished = on_finished};

    memset(&bench, 0, sizeof(bench));
    bench.peer = peer_start(script);
    bench.loop = loop_new();
    bench.result.reach = REACH_NO_CONNECT;
    bench.result.endpoint.tls_asked = tls;
    bench.result.endpoint.port = peer_port(bench.peer);
    snprintf(bench.result.endpoint.host, RESULT_HOST_SIZE, "mx.example.org");
    snprintf(bench.result.endpoint.own, RESULT_HOST_SIZE, "example.org");
    assert_true(address_parse("127.0.0.1", &bench.result.endpoint.address));
    int64_t began = loop_now(bench.loop);
    assert_non_null(client_start(bench.loop, &request));
    assert_int_equal(bench.finished, 0); /* never before it returned */
    loop_run(bench.loop);
    bench.took_ms = loop_now(bench.loop) - began;
    assert_int_equal(bench.finished, 1);
    assert_in_range(bench.took_ms, 0, patience.endpoint_ms + PATIENT_MS);
    peer_stop(bench.peer);
}

static void done(void)
{
    peer_free(bench.peer);
    loop_free(bench.loop);
    result_free(&bench.result);
}

/* A peer's answer to a verb in place of the usual one; `times` connections long. */
struct twist {
    const char *verb;
    const char *answer;
    unsigned int connections;
};

static const char *polite(const char *line)
{
    if (strncasecmp(line, "EHLO", 4) == 0) {
        return "250-mx\r\n250 8BITMIME\r\n";
    }
    if (strncasecmp(line, "RCPT", 4) == 0) {
        return strcmp(line, "RCPT TO:<postmaster@example.org>") == 0 ? "250 ok\r\n" : DENIED;
    }
    if (strcasecmp(line, "QUIT") == 0) {
        return "221 bye\r\n";
    }
    return line[0] == '\0' ? "220 mx\r\n" : "250 ok\r\n";
}

static const char *answer(const char *line, unsigned int connection, void *user)
{
    const struct twist *twist = user;

    if (twist != NULL && connection < twist->connections &&
        strncasecmp(line, twist->verb, strlen(twist->verb)) == 0) {
        return twist->answer;
    }
    return polite(line);
}

static void ask_twisted(const char *greeting, struct twist twist)
{
    const struct peer_script script = {.greeting = greeting, .answer = answer, .user = &twist};

    ask(&script, TLS_AUTO);
}

static size_t answered(void)
{
    size_t count = 0;

    for (size_t i = 0; i < bench.result.technique_count; i++) {
        count += bench.result.techniques[i].asked;
    }
    return count;
}

/* Techniques that make sense at the endpoint. */
static size_t askable(void)
{
    size_t count = 0;

    for (size_t i = 0; i < bench.result.technique_count; i++) {
        count += !bench.result.techniques[i].absent;
    }
    assert_in_range(count, 30, technique_count);
    return count;
}

static void assert_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        assert_true((unsigned char)*text >= ' ' && *text != 127);
    }
}

static void a_closed_server_is_asked_everything_and_sent_no_message(void **state)
{
    (void)state;
    const struct peer_script script = {.greeting = "220 mx ESMTP\r\n", .answer = answer};

    ask(&script, TLS_AUTO);
    assert_int_equal(answered(), askable());
    assert_int_equal(bench.result.reach, REACH_SESSION);
    assert_false(bench.result.cut_off);
    assert_int_equal(peer_count(bench.peer, "DATA"), 0);
    assert_int_equal(peer_count(bench.peer, "RCPT TO:<postmaster@"), 2);
    assert_int_equal(peer_count(bench.peer, "RCPT"), askable() + 2);
    assert_int_equal(peer_count(bench.peer, "QUIT"), peer_connections(bench.peer));
    char source[ADDRESS_TEXT_SIZE];
    assert_string_equal(address_format(&bench.result.source, source), "127.0.0.1");
    done();
}

static void an_open_server_is_sent_no_message_either(void **state)
{
    static const char *const answers[] = {"250 ok\r\n", "200 ok\r\n", "252 ok\r\n",
                                          "259-so\r\n259 be it\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        ask_twisted("220 mx\r\n", (struct twist){"RCPT", answers[i], 99});
        assert_int_equal(answered(), askable());
        assert_int_equal(peer_count(bench.peer, "DATA"), 0);
        assert_int_equal(bench.result.techniques[0].outcome, OUTCOME_ACCEPTED);
        done();
    }
}

/* MAIL and RSET, too: such a server is asked everything, and its refusals count. */
static void a_server_that_says_200_and_252_is_asked_everything(void **state)
{
    static const char *const verbs[] = {"MAIL", "RSET"};

    (void)state;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        ask_twisted("220 mx\r\n", (struct twist){verbs[i], "252 ok\r\n", 99});
        assert_int_equal(answered(), askable());
        assert_int_equal(bench.result.techniques[0].outcome, OUTCOME_RELAY_DENIED);
        done();
    }
}

static void a_silent_server_ends_at_the_greetings_deadline(void **state)
{
    (void)state;
    patience.greeting_ms = IMPATIENT_MS;
    ask_twisted(PEER_SILENT, (struct twist){0});
    assert_int_equal(bench.result.reach, REACH_NO_GREETING);
    assert_false(bench.result.greeting_closing);
    assert_string_equal(bench.result.trouble, "The greeting did not come in 0.2 s");
    assert_in_range(bench.took_ms, IMPATIENT_MS, PATIENT_MS);
    done();
}

static void a_greeting_that_drips_is_not_waited_for_longer(void **state)
{
    (void)state;
    patience.greeting_ms = IMPATIENT_MS;
    ask_twisted(PEER_DRIP, (struct twist){0});
    assert_int_equal(bench.result.reach, REACH_NO_GREETING);
    assert_in_range(bench.took_ms, IMPATIENT_MS, PATIENT_MS);
    done();
}

/* As Postfix does with smtpd_hard_error_limit = 1. */
static void a_farewell_behind_a_refusal_leaves_it_an_answer(void **state)
{
    (void)state;
    ask_twisted("220 mx\r\n",
                (struct twist){"RCPT", DENIED "421 4.7.0 mx Error: too many errors\r\n", UINT_MAX});
    size_t denied = 0;
    for (size_t i = 0; i < bench.result.technique_count; i++) {
        denied += bench.result.techniques[i].outcome == OUTCOME_RELAY_DENIED;
    }
    assert_in_range(denied, 20, bench.result.technique_count);
    assert_false(bench.result.cut_off);
    done();
}

static void endless_lines_and_replies_are_cut_short(void **state)
{
    (void)state;
    ask_twisted(PEER_LONG_LINE, (struct twist){0});
    /* It ends at its length: one that ended at a deadline would be REACH_NO_GREETING. */
    assert_int_equal(bench.result.reach, REACH_NO_SESSION);
    done();
    ask_twisted("220 mx\r\n", (struct twist){"EHLO", PEER_FLOOD, 9});
    assert_int_equal(bench.result.reach, REACH_NO_SESSION);
    done();
}

static void another_protocol_is_shown_printable(void **state)
{
    (void)state;
    ask_twisted("\033[2JSSH-2.0-x\r\n", (struct twist){0});
    assert_int_equal(bench.result.reach, REACH_NO_SESSION);
    assert_non_null(strstr(bench.result.trouble, "SSH-2.0"));
    assert_printable(bench.result.trouble);
    done();
}

/* At each verb, each way of ending: bounded time, no false answer, `plain` kept where it was had.
 */
static void every_way_of_stopping_at_every_command_ends_bounded(void **state)
{
    static const char *const verbs[] = {"EHLO", "MAIL", "RCPT", "RSET", "QUIT"};
    const char *const ways[] = {PEER_CLOSE,
                                PEER_RESET,
                                PEER_SILENT,
                                PEER_FLOOD,
                                "421 bye\r\n",
                                "\033]0;x\a\r\n",
                                "250 one\r\n250 two\r\n"};

    (void)state;
    patience.reply_ms = IMPATIENT_MS;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        for (size_t j = 0; j < sizeof(ways) / sizeof(ways[0]); j++) {
            ask_twisted("220 mx\r\n", (struct twist){verbs[i], ways[j], 99});
            assert_in_range(peer_connections(bench.peer), 1, 2 * RESULT_TECHNIQUES);
            assert_printable(bench.result.trouble);
            bool asked_plain = bench.result.techniques[0].asked;
            enum outcome plain = bench.result.techniques[0].outcome;
            if (i >= 3) { /* RSET, QUIT: `plain` was answered before */
                assert_true(asked_plain);
                assert_int_equal(plain, OUTCOME_RELAY_DENIED);
            } else if (j != 6) {
                assert_true(!asked_plain || plain == OUTCOME_CLOSING);
            }
            done();
        }
    }
}

static void a_reset_in_mid_battery_goes_on_where_it_was(void **state)
{
    (void)state;
    ask_twisted("220 mx\r\n", (struct twist){"MAIL FROM:<>", PEER_RESET, 1});
    assert_int_equal(answered(), askable());
    assert_in_range(peer_connections(bench.peer), 2, technique_count);
    assert_false(bench.result.cut_off);
    done();
}

static void a_second_reply_in_one_breath_is_not_taken_for_the_next_answer(void **state)
{
    (void)state;
    ask_twisted("220 mx\r\n", (struct twist){"MAIL", "250 ok\r\n250 accepted\r\n", 99});
    assert_int_equal(answered(), 0);
    done();
    ask_twisted("220 mx\r\n", (struct twist){"RCPT", DENIED "250 ok\r\n", 99});
    assert_int_equal(answered(), 0);
    done();
    ask_twisted("220 mx\r\n", (struct twist){"RCPT", "250 ok\r\n" DENIED, 99});
    assert_int_equal(answered(), 0);
    done();
}

static const char *offer_starttls(const char *line, unsigned int connection, void *user)
{
    (void)connection;
    if (strncasecmp(line, "EHLO", 4) == 0) {
        return "250-mx\r\n250 STARTTLS\r\n";
    }
    return strcasecmp(line, "STARTTLS") == 0 ? user : polite(line);
}

static void techniques_are_asked_inside_tls_when_it_is_offered(void **state)
{
    (void)state;
    const struct peer_script script = {
        .greeting = "220 mx\r\n", .answer = offer_starttls, .user = (char[]){"220 go\r\n"}};

    ask(&script, TLS_AUTO);
    assert_int_equal(answered(), askable());
    assert_int_equal(bench.result.tls, TLS_STARTTLS);
    assert_memory_equal(bench.result.tls_protocol, "TLSv1", 5);
    assert_string_equal(bench.result.trouble, "");
    assert_string_equal(peer_server_name(bench.peer), "mx.example.org");
    done();
}

static void implicit_tls_comes_before_the_greeting(void **state)
{
    (void)state;
    const struct peer_script script = {.greeting = PEER_HANDSHAKE, .answer = answer};

    ask(&script, TLS_IMPLICIT);
    assert_int_equal(answered(), askable());
    assert_int_equal(bench.result.tls, TLS_IMPLICIT);
    done();
}

static void a_starttls_that_fails_is_asked_without(void **state)
{
    (void)state;
    char *const ways[] = {(char[]){"454 4.7.0 not now\r\n"}, (char[]){"220 go\r\nand more\r\n"}};

    for (size_t i = 0; i < 2; i++) {
        const struct peer_script script = {
            .greeting = "220 mx\r\n", .answer = offer_starttls, .user = ways[i]};
        ask(&script, TLS_AUTO);
        assert_int_equal(answered(), askable());
        assert_int_equal(bench.result.tls, TLS_NONE);
        assert_non_null(strstr(bench.result.trouble, "asked without TLS"));
        done();
    }
}

static void a_demanded_starttls_that_stalls_asks_nothing(void **state)
{
    (void)state;
    const struct peer_script script = {.greeting = "220 mx\r\n",
                                       .answer = answer,
                                       .user = &(struct twist){"STARTTLS", PEER_SILENT, 9}};

    patience.reply_ms = (int64_t)IMPATIENT_MS * 10; /* EHLO is to be answered */
    ask(&script, TLS_STARTTLS);
    assert_int_equal(answered(), 0);
    assert_int_equal(bench.result.reach, REACH_NO_TLS);
    assert_int_equal(peer_count(bench.peer, "MAIL"), 0);
    done();
}

static void the_endpoints_deadline_is_over_all(void **state)
{
    (void)state;
    /* Each silence is within the reply's deadline of a new connection; together they are not. */
    patience.reply_ms = 1000;
    patience.endpoint_ms = 2500;
    ask_twisted("220 mx\r\n", (struct twist){"RSET", PEER_SILENT, 99});
    assert_in_range(bench.took_ms, 2480, PATIENT_MS);
    assert_true(bench.result.cut_off);
    assert_true(bench.result.out_of_time);
    assert_int_equal(bench.result.techniques[0].outcome, OUTCOME_RELAY_DENIED);
    assert_non_null(strstr(bench.result.trouble, "2.5 s"));
    done();
}

/* The limit of our own host is none of the server's. */
static void a_host_without_descriptors_says_so(void **state)
{
    struct rlimit before;
    int taken[64];
    size_t count = 0;
    const struct client_settings settings = {
        .battery = {.helo = "", .canary = "canary@outside.example.net", .max_refusals = 64},
        .wait_ms = {200, 200, 200, 200},
        .endpoint_ms = 500};
    const struct client_request request = {
        .settings = &settings, .result = &bench.result, .finished = on_finished};

    (void)state;
    memset(&bench, 0, sizeof(bench));
    bench.loop = loop_new();
    bench.result.reach = REACH_NO_CONNECT;
    bench.result.endpoint.port = 25;
    assert_true(address_parse("127.0.0.1", &bench.result.endpoint.address));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = {.rlim_cur = 40, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (count < 64 && (taken[count] = dup(0)) >= 0) {
        count++;
    }
    assert_non_null(client_start(bench.loop, &request));
    loop_run(bench.loop);
    while (count > 0) {
        close(taken[--count]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(bench.finished, 1);
    assert_true(bench.result.exhausted);
    assert_non_null(strstr(bench.result.trouble, "Too many open files"));
    verdict_endpoint(&bench.result, &(struct vantage_known){.declared = VANTAGE_OUTSIDE});
    assert_int_equal(bench.result.verdict, VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(bench.result.fix.text, "open files"));
    loop_free(bench.loop);
}

/* What the kernel refuses the loop's thread, once: libevent's calls and ours come here. */
static struct {
    pthread_t thread; /* the peer has threads of its own */
    char call;        /* 'e'poll_ctl, 's'ocket, 'c'onnect */
    int error;
    unsigned int in; /* calls until then; 0: never */
} refusal;

static bool is_refused(char call)
{
    if (call != refusal.call || refusal.in == 0 || !pthread_equal(pthread_self(), refusal.thread) ||
        --refusal.in > 0) {
        return false;
    }
    errno = refusal.error;
    return true;
}

int epoll_ctl(int epoll, int what, int descriptor, struct epoll_event *event)
{
    return is_refused('e') ? -1 : (int)syscall(SYS_epoll_ctl, epoll, what, descriptor, event);
}

int socket(int family, int type, int protocol)
{
    return is_refused('s') ? -1 : (int)syscall(SYS_socket, family, type, protocol);
}

int connect(int descriptor, const struct sockaddr *peer, socklen_t length)
{
    return is_refused('c') ? -1 : (int)syscall(SYS_connect, descriptor, peer, length);
}

static void our_own_hosts_refusals_are_never_told_as_the_servers_block(void **state)
{
    static const struct {
        char call;
        int error;
        unsigned int latest;
    } rows[] = {{'e', ENOMEM, 9}, {'s', EMFILE, 3}, {'c', EAGAIN, 3}, {'c', ENETUNREACH, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned int call = 2; call <= rows[i].latest;
             call++) { /* the first may be the peer's */
            patience.connect_ms = patience.greeting_ms = patience.reply_ms = IMPATIENT_MS;
            refusal.thread = pthread_self();
            refusal.call = rows[i].call;
            refusal.error = rows[i].error;
            refusal.in = call;
            ask_twisted("220 mx\r\n", (struct twist){"RSET", "421 bye\r\n", 2});
            bool struck = refusal.in == 0;
            refusal.in = 0;
            verdict_endpoint(&bench.result, &(struct vantage_known){.declared = VANTAGE_OUTSIDE});
            assert_true(struck);
            /* Some do no harm: the next call says the same again. */
            assert_true(bench.result.exhausted || bench.result.verdict == VERDICT_CLOSED);
            for (size_t k = 0; k < bench.result.finding_count; k++) {
                assert_int_not_equal(bench.result.findings[k].kind, FINDING_PROBE_BLOCKED);
            }
            done();
        }
    }
}

static void nobody_listening_is_no_connection(void **state)
{
    (void)state;
    const struct peer_script script = {.greeting = PEER_CLOSE, .answer = answer};
    struct peer *gone = peer_start(&script);
    uint16_t port = peer_port(gone);
    const struct client_settings settings = {
        .battery = {.helo = "", .canary = "canary@outside.example.net", .max_refusals = 64},
        .wait_ms = {200, 200, 200, 200},
        .endpoint_ms = 500};
    const struct client_request request = {
        .settings = &settings, .result = &bench.result, .finished = on_finished};

    peer_stop(gone);
    peer_free(gone);
    memset(&bench, 0, sizeof(bench));
    bench.loop = loop_new();
    bench.result.reach = REACH_NO_CONNECT;
    bench.result.endpoint.port = port;
    assert_true(address_parse("127.0.0.1", &bench.result.endpoint.address));
    assert_non_null(client_start(bench.loop, &request));
    loop_run(bench.loop);
    assert_int_equal(bench.finished, 1);
    assert_int_equal(bench.result.reach, REACH_NO_CONNECT);
    assert_string_equal(bench.result.trouble, "Connection refused");
    loop_free(bench.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_closed_server_is_asked_everything_and_sent_no_message, be_patient),
        cmocka_unit_test_setup(an_open_server_is_sent_no_message_either, be_patient),
        cmocka_unit_test_setup(a_server_that_says_200_and_252_is_asked_everything, be_patient),
        cmocka_unit_test_setup(a_silent_server_ends_at_the_greetings_deadline, be_patient),
        cmocka_unit_test_setup(a_greeting_that_drips_is_not_waited_for_longer, be_patient),
        cmocka_unit_test_setup(a_farewell_behind_a_refusal_leaves_it_an_answer, be_patient),
        cmocka_unit_test_setup(endless_lines_and_replies_are_cut_short, be_patient),
        cmocka_unit_test_setup(another_protocol_is_shown_printable, be_patient),
        cmocka_unit_test_setup(every_way_of_stopping_at_every_command_ends_bounded, be_patient),
        cmocka_unit_test_setup(a_reset_in_mid_battery_goes_on_where_it_was, be_patient),
        cmocka_unit_test_setup(a_second_reply_in_one_breath_is_not_taken_for_the_next_answer,
                               be_patient),
        cmocka_unit_test_setup(techniques_are_asked_inside_tls_when_it_is_offered, be_patient),
        cmocka_unit_test_setup(implicit_tls_comes_before_the_greeting, be_patient),
        cmocka_unit_test_setup(a_starttls_that_fails_is_asked_without, be_patient),
        cmocka_unit_test_setup(a_demanded_starttls_that_stalls_asks_nothing, be_patient),
        cmocka_unit_test_setup(the_endpoints_deadline_is_over_all, be_patient),
        cmocka_unit_test_setup(a_host_without_descriptors_says_so, be_patient),
        cmocka_unit_test_setup(our_own_hosts_refusals_are_never_told_as_the_servers_block,
                               be_patient),
        cmocka_unit_test_setup(nobody_listening_is_no_connection, be_patient),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

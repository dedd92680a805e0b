/*
 * session_bench - a session without a network: tests play the server, reply by reply
 */
#ifndef RELAYWARDEN_TESTS_SESSION_BENCH_H
#define RELAYWARDEN_TESTS_SESSION_BENCH_H

#include "probe/smtp/client/session.h"

/* To EHLO, each time, while bench.ehlo is no other. */
#define HELLO  "250-mx.example.org\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME"
#define DENIED "554 5.7.1 <x>: Relay access denied"

/* The session under test, with all that it fills. */
struct session_bench {
    struct battery_settings settings;
    struct endpoint_result result;
    struct battery battery;
    struct session session;
    const struct session_order *order; /* the last */
    const char *ehlo;                  /* the server's reply to EHLO; without PIPELINING at first */
    const char *client;                /* ours, as the site's filter tells it */
    enum permission permission;        /* of that */
};

extern struct session_bench bench;

/* mx.example.org at 203.0.113.25, own domain example.org; nothing asked yet. */
void bench_set_up(enum tls_mode tls, uint16_t port);
/* A new connection, from 198.51.100.7, up to the greeting or handshake. */
void bench_connect_session(void);
/* A new connection, up to the first MAIL. */
void bench_open_session(void);
/* The server's reply: lines without the last CRLF. */
void bench_answer(const char *text);
void bench_answer_after(const char *text, int64_t elapsed_ms);
/* The reply to RSET, if that was said. */
void bench_reset(void);
/* One technique, the RSET before it included, asked one command at a time; `reply` is that to RCPT.
 */
void bench_refuse_one(const char *reply, int64_t elapsed_ms);
/* To MAIL of the first technique that has a control, which is named; all before it were refused. */
const char *bench_come_to_a_control(void);

/* There is a filter that shares a key with us. It sees us for what we are, for now. */
void bench_meet_filter(void);
/* The filter's word on a command with the argument `path`, as a reply. */
void bench_observe(enum observation_kind kind, const char *path);

/* The last order is to send a line that begins so. */
void bench_expect(const char *command);
void bench_expect_action(enum session_action action);
const struct technique_result *bench_result_of(const char *technique);

#endif

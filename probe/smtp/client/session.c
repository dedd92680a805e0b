#include "probe/smtp/client/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/smtp/client/session_steps.h"

#define CLAIMED_PORT 49152 /* the first of the dynamic ones (RFC 6335 section 6) */

static session_step take_quit;

/* The states: what is awaited in them, how long, and the step that a reply makes. */
static const struct {
    const char *awaited;
    enum session_wait wait;
    enum {
        ANY_CODE,
        ONLY_2XX, /* nothing else below 400 is an answer; a client takes each of them */
        ONLY_250, /* by which a server out of step is known */
    } answer;
    session_step *step; /* NULL: no reply belongs here */
} states[SESSION_STATES] = {
    [SESSION_CONNECTING] = {"the connection", SESSION_WAIT_CONNECT, ANY_CODE, NULL},
    [SESSION_GREETING] = {"the greeting", SESSION_WAIT_GREETING, ANY_CODE, session_take_greeting},
    [SESSION_EHLO] = {"the reply to EHLO", SESSION_WAIT_REPLY, ONLY_250, session_take_ehlo},
    [SESSION_HELO] = {"the reply to HELO", SESSION_WAIT_REPLY, ONLY_250, session_take_helo},
    [SESSION_STARTTLS] = {"the reply to STARTTLS", SESSION_WAIT_REPLY, ANY_CODE,
                          session_take_starttls},
    [SESSION_HANDSHAKE] = {"the TLS handshake", SESSION_WAIT_REPLY, ANY_CODE, NULL},
    [SESSION_VANTAGE] = {"the reply to XCLIENT", SESSION_WAIT_REPLY, ANY_CODE,
                         session_take_vantage},
    [SESSION_CLAIM] = {"the reply to AUTH or XCLIENT", SESSION_WAIT_REPLY, ANY_CODE,
                       session_take_claim},
    [SESSION_CLAIM_EHLO] = {"the reply to EHLO", SESSION_WAIT_REPLY, ONLY_250,
                            session_take_claim_ehlo},
    [SESSION_PAVE_MAIL] = {"the reply to MAIL", SESSION_WAIT_REPLY, ONLY_2XX, session_take_pave},
    [SESSION_PAVE_RCPT] = {"the reply to RCPT", SESSION_WAIT_REPLY, ANY_CODE, session_take_pave},
    [SESSION_HAIL] = {"the reply to MAIL", SESSION_WAIT_REPLY, ONLY_2XX, session_take_hail},
    [SESSION_RSET] = {"the reply to RSET", SESSION_WAIT_REPLY, ONLY_2XX, session_take_rset},
    [SESSION_VOUCH] = {"the reply to RCPT", SESSION_WAIT_REPLY, ANY_CODE, session_take_vouch},
    [SESSION_LOCAL_MAIL] = {"the reply to MAIL", SESSION_WAIT_REPLY, ONLY_2XX, session_take_local},
    [SESSION_LOCAL_RCPT] = {"the reply to RCPT", SESSION_WAIT_REPLY, ANY_CODE, session_take_local},
    [SESSION_MAIL] = {"the reply to MAIL", SESSION_WAIT_REPLY, ONLY_2XX, session_take_mail},
    [SESSION_RCPT] = {"the reply to RCPT", SESSION_WAIT_REPLY, ANY_CODE, session_take_rcpt},
    [SESSION_CONTROL_MAIL] = {"the reply to MAIL", SESSION_WAIT_REPLY, ONLY_2XX,
                              session_take_control},
    [SESSION_CONTROL_RCPT] = {"the reply to RCPT", SESSION_WAIT_REPLY, ANY_CODE,
                              session_take_control},
    [SESSION_TALLY] = {"the reply to MAIL", SESSION_WAIT_REPLY, ONLY_2XX, session_take_tally},
    [SESSION_CONFIRM] = {"the reply to EHLO", SESSION_WAIT_REPLY, ANY_CODE, session_take_confirm},
    [SESSION_CONFIRM_RSET] = {"the reply to RSET", SESSION_WAIT_REPLY, ANY_CODE,
                              session_take_confirm_rset},
    [SESSION_DATA] = {"the reply to DATA", SESSION_WAIT_REPLY, ANY_CODE, session_take_data},
    [SESSION_TEXT] = {"the reply to the message", SESSION_WAIT_REPLY, ANY_CODE, session_take_text},
    [SESSION_QUIT] = {"the reply to QUIT", SESSION_WAIT_QUIT, ANY_CODE, take_quit},
    [SESSION_OVER] = {"nothing", SESSION_WAIT_QUIT, ANY_CODE, NULL},
};

const char *session_awaited(enum session_state state)
{
    return states[state].awaited;
}

enum session_wait session_wait(enum session_state state)
{
    return states[state].wait;
}

/* ---- events ----------------------------------------------------------------------------- */

bool session_is_ungreeted(const struct session *session)
{
    bool implicit =
        session->state == SESSION_HANDSHAKE && session_asked_tls(session) == TLS_IMPLICIT;

    return !session_is_special(session) && (session->state == SESSION_GREETING || implicit);
}

size_t session_preamble(const struct session *session, char out[PROXY_HEADER_SIZE])
{
    const struct technique *technique = session_claimed(session);
    struct proxy_header_claim claim = {.destination = session->battery->result->endpoint.address,
                                       .destination_port = session->battery->result->endpoint.port,
                                       .source_port = CLAIMED_PORT};
    struct envelope envelope;

    if (technique == NULL || !technique_is_proxied(technique) ||
        !battery_envelope(session->battery, session->claim, &envelope)) {
        return 0;
    }
    const char *mark = strchr(envelope.claim, ':'); /* "IPV6:::1" */
    const char *text = strncmp(envelope.claim, "IPV6:", 5) == 0 ? mark + 1 : envelope.claim;
    if (!address_parse(text, &claim.source)) {
        return 0;
    }
    return technique->identity == TECHNIQUE_IDENTITY_PROXY_V1 ? proxy_header_write_v1(&claim, out)
                                                              : proxy_header_write_v2(&claim, out);
}

bool session_is_common(const struct session *session)
{
    return session != NULL && session->battery != NULL && session->state != SESSION_OVER &&
           !session_is_special(session);
}

bool session_expects_another(const struct session *session)
{
    return command_queue_owed(&session->queue) > 1;
}

void session_begin(struct session *session, struct battery *battery, const struct session *other)
{
    memset(session, 0, sizeof(*session));
    session->battery = battery;
    session->other = other;
    session->claim = battery_claim(battery, session_is_common(other));
    session->state = SESSION_CONNECTING;
    session->pace.fastest_ms = -1;
    session->pace.fastest_confirmed_ms = -1;
}

const struct session_order *session_connected(struct session *session, const struct address *source)
{
    const struct address *claim = &session->battery->settings->claim;
    bool claims = claim->family != ADDRESS_NONE;

    session_set_source(session, source);
    session->battery->result->connections++;
    if (!claims || !address_equal(&session->battery->result->source, claim)) {
        session->battery->result->source = *source;
    }
    address_format_literal(claims ? claim : source, session->battery->place.client);
    battery_reached(session->battery, REACH_NO_GREETING);
    if (session_asked_tls(session) == TLS_IMPLICIT) {
        session_secure(session);
    } else {
        session_listen(session, SESSION_GREETING);
    }
    return &session->order;
}

const struct session_order *session_secured(struct session *session, const char *description)
{
    struct endpoint_result *result = session->battery->result;

    session->link.secured = true;
    snprintf(result->tls_protocol, sizeof(result->tls_protocol), "%s", description);
    if (session_asked_tls(session) == TLS_IMPLICIT) {
        session_listen(session, SESSION_GREETING);
    } else {
        session_say_ehlo(session); /* RFC 3207 section 4.2: what was said before does not count */
    }
    return &session->order;
}

/* Whether a technique's refusal came so late that the server must have begun to slow us down. */
static void watch_pace(struct session *session, int64_t elapsed_ms)
{
    if (session->pace.fastest_ms >= 0 &&
        elapsed_ms > session->pace.fastest_ms + SESSION_SLOWER_MS && !session->pace.winding_down) {
        session->pace.winding_down = true;
        battery_slow_down(session->battery, session->pace.refusals - 1);
    }
    if (session->pace.fastest_ms < 0 || elapsed_ms < session->pace.fastest_ms) {
        session->pace.fastest_ms = elapsed_ms;
    }
}

/* Sendmail answers the third EHLO of a connection a second late, the next one two seconds late,
 * then four, and so on (measured; srvrsmtp.c, checksmtpattack). */
static void watch_confirmations(struct session *session, int64_t elapsed_ms)
{
    int64_t fastest = session->pace.fastest_confirmed_ms;

    if (fastest >= 0 && elapsed_ms > fastest + SESSION_SLOWER_MS) {
        battery_slow_confirmation(session->battery, session->pace.confirmations);
    }
    if (fastest < 0 || elapsed_ms < fastest) {
        session->pace.fastest_confirmed_ms = elapsed_ms;
    }
    session->pace.confirmations++;
}

/* A step orders what it can by itself, and leaves to others what is theirs. */
static void go_on(struct session *session)
{
    static void (*const nexts[SESSION_NEXTS])(struct session *) = {
        [SESSION_NEXT_FIRST] = session_ask_first,
        [SESSION_NEXT_TASK] = session_ask_task,
        [SESSION_NEXT_ENDED] = session_end_task,
        [SESSION_NEXT_TECHNIQUE] = session_next_technique,
    };

    while (session->next != SESSION_NEXT_NOTHING) {
        enum session_next next = session->next;
        session->next = SESSION_NEXT_NOTHING;
        nexts[next](session);
    }
}

/* RFC 5321 section 4.3.2 has 250 for most commands; some servers say 200 or 252. */
static bool is_answer(const struct session *session, const struct reply *reply)
{
    switch (states[session->state].answer) {
    case ONLY_2XX:
        return session_is_refusal(reply) || reply_is_positive(reply);
    case ONLY_250:
        return session_is_refusal(reply) || reply->code == SESSION_CODE_OK;
    default:
        return true;
    }
}

const struct session_order *session_reply(struct session *session, const struct reply *reply,
                                          int64_t elapsed_ms)
{
    if (states[session->state].step == NULL) {
        return session_broken(session, SESSION_BROKEN_FOREIGN, "The server spoke out of turn");
    }
    if (!is_answer(session, reply)) {
        char why[SESSION_SENTENCE_SIZE];
        char what[64];
        snprintf(what, sizeof(what), "Out of place as %s", session_awaited(session->state));
        session_describe(why, what, reply);
        return session_broken(session, SESSION_BROKEN_FOREIGN, why);
    }
    if (session_is_refusal(reply)) {
        session->pace.refusals++;
        session->battery->result->refusals++;
        /* A hello's refusal is counted where it is known whose it is, and a filter's pace is not
         * the server's. */
        if (session->has_task && session->state != SESSION_HAIL) {
            battery_refused(session->battery, &session->task);
            watch_pace(session, elapsed_ms);
        }
    }
    if (session->state == SESSION_CONFIRM) {
        watch_confirmations(session, elapsed_ms);
    }
    if (session->moot) {
        session_take_moot(session, reply);
    } else {
        states[session->state].step(session, reply);
    }
    go_on(session);
    return &session->order;
}

/* Whether it is TLS that stands between us and a session: the same server may answer without. */
static bool tls_is_in_the_way(const struct session *session)
{
    return session_asked_tls(session) != TLS_IMPLICIT &&
           (session->state == SESSION_STARTTLS || session->state == SESSION_HANDSHAKE ||
            (session->link.secured &&
             (session->state == SESSION_EHLO || session->state == SESSION_HELO)));
}

static void note_greeting(struct session *session, enum session_break how)
{
    struct endpoint_result *result = session->battery->result;

    if (how == SESSION_BROKEN_FOREIGN) {
        battery_reached(session->battery, REACH_NO_SESSION);
    } else if (result->reach == REACH_NO_GREETING &&
               session->battery->told == BATTERY_NOT_TURNED_AWAY) {
        result->greeting_closing = how == SESSION_BROKEN_CLOSED;
    }
}

/* Whether a PROXY header may be what was missing: it closed, or has been silent from the first. */
static bool may_want_proxy(const struct session *session, enum session_break how)
{
    bool silent = how == SESSION_BROKEN_SILENT && session->battery->greeting == BATTERY_UNGREETED;

    return session_is_ungreeted(session) && (how == SESSION_BROKEN_CLOSED || silent);
}

const struct session_order *session_broken(struct session *session, enum session_break how,
                                           const char *why)
{
    if (how != SESSION_BROKEN_HERE && tls_is_in_the_way(session)) {
        session_give_up_tls(session, why);
    } else if (session->asking) {
        /* A connection that ends has not answered otherwise; what is out of place has. */
        if (how == SESSION_BROKEN_FOREIGN &&
            (session->state == SESSION_CONFIRM || session->state == SESSION_CONFIRM_RSET)) {
            session_void_acceptance(session);
        }
        if (how == SESSION_BROKEN_SILENT && session->state == SESSION_CONFIRM) {
            session->battery->connection_confirmations = 0; /* from now on by RSET */
        }
        battery_trouble(session->battery, "%s", why);
        if (how != SESSION_BROKEN_HERE &&
            !session->filter.hailed) { /* then it may have been the hello */
            battery_slow_down(session->battery, session->pace.refusals);
        }
        /* Perhaps it could not bear what was sent together. */
        session->battery->one_at_a_time |= how != SESSION_BROKEN_HERE && session->queue.batch > 1 &&
                                           command_queue_owed(&session->queue) > 0;
        if (how == SESSION_BROKEN_HERE ||
            (how == SESSION_BROKEN_CLOSED && session_awaits_first_reset(session))) {
            session_put_back(session, why);
        } else {
            session_cut_task(session, why);
        }
    } else if (session_is_proxied(session) && session->state != SESSION_QUIT) {
        session_give_up_proxy(session, why);
    } else if (session->state != SESSION_QUIT && session->state != SESSION_OVER) {
        if (session->state == SESSION_GREETING) {
            note_greeting(session, how);
        } else if (session->state == SESSION_HANDSHAKE) {
            battery_reached(session->battery, REACH_NO_TLS);
        }
        if (!may_want_proxy(session, how) || !session_leave_ungreeted(session, why)) {
            session_give_up(session, why);
        }
    }
    session_close(session);
    return &session->order;
}

const struct session_order *session_farewell(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    if (session->state == SESSION_OVER) {
        return &session->order;
    }
    if (!session->asking || session->state == SESSION_QUIT) {
        return session_reply(session, reply, 0);
    }
    session_describe(why, "The server ended the session", reply);
    battery_trouble(session->battery, "%s", why);
    battery_slow_down(session->battery, session->pace.refusals - 1); /* the last was one too many */
    session_put_back(session, why);
    session_close(session);
    return &session->order;
}

void session_silent(struct session *session)
{
    (void)battery_ungreeted(session->battery);
}

const struct session_order *session_dropped(struct session *session)
{
    if (session->has_task) {
        session->has_task = false;
        battery_answered(session->battery, &session->task);
    }
    session->claim = BATTERY_COMMON;
    session->asking = false; /* it counts for nothing */
    session_close(session);
    return &session->order;
}

static void take_quit(struct session *session, const struct reply *reply)
{
    (void)reply; /* whatever it says, this was it */
    session_close(session);
}

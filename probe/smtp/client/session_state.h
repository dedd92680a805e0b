/*
 * session_state - what is known of one connection, and how it is spoken to
 *
 * The floor that the parts of a session stand on: the facts of the connection, and the orders that
 * an event is answered with. Pure; one thread, the session's owner's.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_CLIENT_SESSION_STATE_H
#define RELAYWARDEN_PROBE_SMTP_CLIENT_SESSION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "probe/smtp/battery.h"
#include "probe/smtp/client/command_queue.h"
#include "probe/smtp/reply/reply.h"

#define SESSION_CODE_READY   220
#define SESSION_CODE_OK      250
#define SESSION_CODE_TEXT    354
#define SESSION_CODE_CLOSING 421

/* A sentence of the project's words and a quoted reply. */
#define SESSION_SENTENCE_SIZE RESULT_TEXT_SIZE

enum session_state {
    SESSION_CONNECTING,
    SESSION_GREETING,
    SESSION_EHLO,
    SESSION_HELO,
    SESSION_STARTTLS,
    SESSION_HANDSHAKE,
    SESSION_VANTAGE,    /* XCLIENT, for a vantage that is claimed */
    SESSION_CLAIM,      /* AUTH or XCLIENT, for techniques that are asked by another client */
    SESSION_CLAIM_EHLO, /* after it */
    SESSION_PAVE_MAIL,  /* of a transaction that opens the way to the MTA, before the hello */
    SESSION_PAVE_RCPT,
    SESSION_HAIL, /* MAIL with the hello to the site's filter */
    SESSION_RSET,
    SESSION_VOUCH,      /* RCPT with an ask, before what carries none */
    SESSION_LOCAL_MAIL, /* of a transaction before the technique's own */
    SESSION_LOCAL_RCPT, /* the recipient before the technique's own */
    SESSION_MAIL,
    SESSION_RCPT,
    SESSION_CONTROL_MAIL,
    SESSION_CONTROL_RCPT,
    SESSION_TALLY,        /* MAIL with a last hello: what the filter has counted */
    SESSION_CONFIRM,      /* EHLO after an accepted RCPT, be it the technique's or its control's */
    SESSION_CONFIRM_RSET, /* that EHLO was refused */
    SESSION_DATA,
    SESSION_TEXT, /* the message */
    SESSION_QUIT,
    SESSION_OVER,
    SESSION_STATES /* how many */
};

enum session_action {
    SESSION_LISTEN, /* wait for the next event */
    SESSION_SEND,   /* send `line`, then wait */
    SESSION_SECURE, /* begin TLS, then wait for it */
    SESSION_CLOSE,  /* close the connection; nothing follows */
};

#define SESSION_COMMAND_SIZE (2 * ENVELOPE_PATH_SIZE + 32)

struct session_order {
    enum session_action action;
    char line[COMMAND_QUEUE_MAX * SESSION_COMMAND_SIZE]; /* commands, each with CRLF, or "" */
};

/* The session does this when a step is through: the parts below session_technique.c cannot call it.
 */
enum session_next {
    SESSION_NEXT_NOTHING,   /* the step has given its order */
    SESSION_NEXT_FIRST,     /* EHLO or HELO was taken, the hello is said: the first technique */
    SESSION_NEXT_TASK,      /* the technique in hand: what comes next of it */
    SESSION_NEXT_ENDED,     /* the technique in hand has what it can have */
    SESSION_NEXT_TECHNIQUE, /* another technique */
    SESSION_NEXTS           /* how many */
};

/* The connection below the dialogue, as greeting, TLS and EHLO left it (session_open.c). */
struct session_link {
    struct address source;
    char client[ADDRESS_TEXT_SIZE]; /* the same, as replies may name it */
    bool secured;
    bool claimed;                  /* it is where the claimed vantage is */
    char helo[ENVELOPE_PATH_SIZE]; /* the argument that was sent */
    struct reply hello;            /* to the last EHLO before the techniques, taken or refused */
};

/* How much the server bears, and whether it slows us down (session.c). */
struct session_pace {
    unsigned int refusals;        /* replies 4xx and 5xx to commands */
    int64_t fastest_ms;           /* refusal of a technique so far; -1 = none */
    unsigned int confirmations;   /* EHLOs that confirmed an acceptance */
    int64_t fastest_confirmed_ms; /* reply to one of them so far; -1 = none */
    bool winding_down;            /* after this technique, QUIT */
};

/* The mail transaction (RFC 5321 section 3.3) that there is (session_plan.c resets it). */
struct session_transaction {
    bool open;                       /* MAIL was taken, and RSET not said since */
    char sender[ENVELOPE_PATH_SIZE]; /* the last that MAIL was answered 2xx for */
};

/* The talk with the site's filter (session_filter.c, session_hailed.c). */
struct session_filter {
    struct milter_talk asker;
    unsigned int hails; /* hellos that were refused, as they are when they are answered */
    bool unanswered; /* the hello's MAIL was taken like any other, and no RCPT was judged since */
    bool hailed; /* `plain` is asked in the hello's transaction, and no later one has been taken */
    unsigned int asks;       /* that were answered here */
    unsigned int accepted;   /* of those that carried a token, by the MTA as far as was heard */
    struct milter_talk last; /* the hello after them */
    char vouch[ENVELOPE_PATH_SIZE]; /* the ask that goes before the technique in hand */
    bool sealed;                    /* the recipient in hand is an ask */
    bool vouched;    /* an ask was answered here: the filter knows all that follows for ours */
    bool introduced; /* the hello of a client that we became was said, or is not to be */
};

/* From below to above: what it is for, the connection, the talk on it, the technique in hand. */
struct session {
    struct battery *battery;
    const struct session *other; /* the endpoint's other connection; NULL if it has but one */
    size_t claim;                /* what this connection is for, see battery.h */
    enum session_state state;
    struct session_order order;

    struct session_link link;
    struct session_pace pace;
    struct command_queue queue; /* of states: the plan */
    bool moot;                  /* replies to the rest of the plan decide nothing */
    struct session_transaction transaction;
    struct session_filter filter;

    bool asking; /* techniques were to be asked: SMTP was agreed upon */
    struct battery_task task;
    bool has_task;
    bool claimed;           /* AUTH or XCLIENT made us another client */
    bool prompted;          /* AUTH was answered 334 */
    bool at_control;        /* the technique was accepted, and its control is in hand */
    bool at_user;           /* likewise, and it is a user that nobody has */
    enum outcome outcome;   /* of the technique's own request */
    unsigned int answered;  /* techniques */
    bool cut_at_control;    /* it was cut off at the control of one that has its answer */
    enum session_next next; /* set by a step, done by session.c */
};

/* ---- facts ---- */

/* Whether it is for a technique that needs a connection of its own. */
bool session_is_special(const struct session *session);
const struct technique *session_claimed(const struct session *session); /* NULL if common */
bool session_is_proxied(const struct session *session);  /* it began with a PROXY header */
bool session_has_company(const struct session *session); /* the other connection is under way */
/* The TLS mode to be had here; TLS_AUTO means: STARTTLS when offered. */
enum tls_mode session_asked_tls(const struct session *session);

/* From this address the server sees us. */
void session_set_source(struct session *session, const struct address *source);

/* ---- replies ---- */

bool session_is_refusal(const struct reply *reply); /* 4xx and 5xx */
/* The first line of a reply, as the network brought it. */
void session_first_line(const struct reply *reply, char out[REPLY_TEXT_SIZE]);
/* "WHAT: 550 5.7.1 first line", printable. */
void session_describe(char out[SESSION_SENTENCE_SIZE], const char *what, const struct reply *reply);

/* ---- orders ---- */

void session_send(struct session *session, enum session_state next, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void session_listen(struct session *session, enum session_state next);
void session_secure(struct session *session);

#endif

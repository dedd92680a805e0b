/*
 * session - the dialogue of one connection, as a state machine (RFC 5321, RFC 3207)
 *
 * Pure: it does no I/O and has no clock. Its owner tells it what happened, one event at a time, and
 * does what the order says that each event is answered with. What is learnt goes into the
 * endpoint's result, by way of the battery.
 *
 * A technique is a plan of a few commands. Where the server offers PIPELINING (RFC 2920) they are
 * sent together, but never more that may be refused than the connection may still have refusals;
 * elsewhere one at a time. DATA is said only on a connection that the battery has for its one
 * message (battery_init_message): there the accepted recipient is followed by it instead of by what
 * comes next here. The connection ends with QUIT
 * when its techniques or its refusals are used up, and at once after 421, after a reply that is not
 * SMTP, and when the server speaks out of turn.
 *
 * On a connection that the site's filter has answered, a recipient without a token may follow one
 * with a token only, wherever the filter would else report it as a stranger's that was granted
 * (session_steps.h, session_vouch). The ask that then goes first is no technique of its own, but
 * costs its refusal, and what the filter says of it is proof like any other. Where there is no
 * refusal to spare for it, or for the hello of a client that was claimed, the technique is not
 * asked.
 *
 * An accepted recipient is believed only when it is sure to have been the answer to RCPT: a server
 * that said one reply too much before is one behind in everything. So EHLO follows, which resets as
 * RSET does (RFC 5321 section 4.1.4) and whose reply is known already. A server that takes EHLO
 * only once must then take RSET. If what comes is neither, the acceptance is void.
 */
#ifndef RELAYWARDEN_PROBE_SESSION_H
#define RELAYWARDEN_PROBE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "probe/smtp/battery.h"
#include "probe/smtp/proxy_header.h"
#include "probe/smtp/reply/reply.h"

/* A refusal slower than the fastest one before by this much ends the connection: the server has
 * begun to slow down. */
#define SESSION_SLOWER_MS 500

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
    SESSION_HAIL,       /* MAIL with the hello to the site's filter */
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

/* Which deadline a state has. */
enum session_wait {
    SESSION_WAIT_CONNECT,
    SESSION_WAIT_GREETING,
    SESSION_WAIT_REPLY,
    SESSION_WAIT_QUIT,
    SESSION_WAIT_SILENCE, /* so long a listener that says nothing is an ordinary one; 0 = as long as
                             there is patience */
    SESSION_WAIT_PROXIED, /* for the greeting that follows a PROXY header */
    SESSION_WAITS         /* how many */
};

enum session_action {
    SESSION_LISTEN, /* wait for the next event */
    SESSION_SEND,   /* send `line`, then wait */
    SESSION_SECURE, /* begin TLS, then wait for it */
    SESSION_CLOSE,  /* close the connection; nothing follows */
};

#define SESSION_PLAN 6 /* commands of a technique */

#define SESSION_COMMAND_SIZE (2 * ENVELOPE_PATH_SIZE + 32)

struct session_order {
    enum session_action action;
    char line[SESSION_PLAN * SESSION_COMMAND_SIZE]; /* commands, each with CRLF, or "" */
};

/* Fields in the order of their life. */
struct session {
    struct battery *battery;
    const struct session *other; /* the endpoint's other connection; NULL if it has but one */
    size_t claim;                /* what this connection is for, see battery.h */
    enum session_state state;
    struct address source;
    bool secured;
    bool standing;                 /* where the claimed vantage is */
    char helo[ENVELOPE_PATH_SIZE]; /* the argument that was sent */
    struct reply hello;            /* to the last EHLO before the techniques, taken or refused */
    struct asker asker;
    unsigned int hails; /* hellos that were refused, as they are when they are answered */
    bool unanswered; /* the hello's MAIL was taken like any other, and no RCPT was judged since */
    struct battery_task task;
    unsigned int asks;     /* that were answered here */
    unsigned int accepted; /* of those that carried a token, by the MTA as far as was heard */
    struct asker last;     /* the hello after them */
    char vouch[ENVELOPE_PATH_SIZE]; /* the ask that goes before it */
    bool sealed;                    /* its recipient is an ask */
    bool vouched; /* an ask was answered here: the filter knows all that follows for ours */
    bool has_task;
    bool claimed;                 /* AUTH or XCLIENT made us another client */
    bool introduced;              /* the hello of that client was said, or is not to be */
    bool prompted;                /* AUTH was answered 334 */
    bool at_control;              /* the technique was accepted, and its control is in hand */
    unsigned int answered;        /* techniques */
    unsigned int refusals;        /* replies 4xx and 5xx to commands */
    int64_t fastest_ms;           /* refusal of a technique so far; -1 = none */
    unsigned int confirmations;   /* EHLOs that confirmed an acceptance */
    int64_t fastest_confirmed_ms; /* reply to one of them so far; -1 = none */
    bool winding_down;            /* after this technique, QUIT */
    bool in_transaction;          /* MAIL was taken, and RSET not said since */
    char taken_sender[ENVELOPE_PATH_SIZE]; /* the last that MAIL was answered 2xx for */
    enum session_state plan[SESSION_PLAN];
    size_t planned, said, heard; /* commands of the plan; those said before heard have replies */
    size_t batch;                /* how many were sent together */
    bool moot;                   /* replies to the rest of the plan decide nothing */
    enum outcome outcome;        /* of the technique's own request */
    bool asking;                 /* techniques were to be asked: SMTP was agreed upon */
    struct session_order order;
};

/* The connection is being opened. `other` outlives it, and may be NULL or over. */
void session_begin(struct session *session, struct battery *battery, const struct session *other);

/* Whether it is under way and asks the common techniques; NULL is not. */
bool session_is_common(const struct session *session);

/* Whether it is for a technique that needs a connection of its own. */
bool session_is_special(const struct session *session);

/* The octets that the connection is to begin with, before TLS even; returns how many, mostly none.
 */
size_t session_preamble(const struct session *session, char out[PROXY_HEADER_SIZE]);

/* Whether it waits for a greeting that no PROXY header came before. */
bool session_is_ungreeted(const struct session *session);

/* Whether the server owes more than one reply to what was sent. */
bool session_expects_another(const struct session *session);

/* Events. The order belongs to the session and is valid until the next event. */
const struct session_order *session_connected(struct session *session,
                                              const struct address *source);
/* `description`: of the protocol and cipher, printable. */
const struct session_order *session_secured(struct session *session, const char *description);
/* The server's next reply, which came `elapsed_ms` after the command (or after connecting). */
const struct session_order *session_reply(struct session *session, const struct reply *reply,
                                          int64_t elapsed_ms);

/* Nothing has come for SESSION_WAIT_SILENCE, in session_is_ungreeted; the wait goes on. */
void session_silent(struct session *session);
/* What the connection was for is settled elsewhere. */
const struct session_order *session_dropped(struct session *session);

/* How a connection ends otherwise. `why` is one printable sentence without a full stop. */
enum session_break {
    SESSION_BROKEN_SILENT,  /* a deadline passed */
    SESSION_BROKEN_CLOSED,  /* refused, closed, reset, TLS failed */
    SESSION_BROKEN_FOREIGN, /* what came is no SMTP reply, or came out of turn */
};
const struct session_order *session_broken(struct session *session, enum session_break how,
                                           const char *why);

/* Of the state that the session is in. */
const char *session_state_name(enum session_state state); /* "rcpt" */
const char *session_awaited(enum session_state state);    /* "the reply to RCPT" */
enum session_wait session_wait(enum session_state state);

#endif

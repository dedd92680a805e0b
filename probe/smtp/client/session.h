/*
 * session - the dialogue of one connection, as a state machine (RFC 5321, RFC 3207)
 *
 * Pure: it does no I/O and has no clock. Its owner tells it what happened, one event at a time, and
 * does what the order says that each event is answered with. The answers go into the
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
 * A hello whose MAIL is taken like any other is followed by the RCPT of `plain`, in the same
 * transaction (session_hailed.c). The filter's answer to the hello may come as the reply to that.
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
 * only once, or answers it otherwise but in the shape of such an answer, as one does that a proxy
 * opened the way to meanwhile, must then take RSET. If what comes is neither, the acceptance is
 * void.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_CLIENT_SESSION_H
#define RELAYWARDEN_PROBE_SMTP_CLIENT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "probe/smtp/client/session_state.h"
#include "probe/smtp/proxy_header.h"
#include "probe/smtp/reply/reply.h"

/* A refusal slower than the fastest one before by this much ends the connection: the server has
 * begun to slow down. */
#define SESSION_SLOWER_MS 500

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

/* The connection is being opened. `other` outlives it, and may be NULL or over. */
void session_begin(struct session *session, struct battery *battery, const struct session *other);

/* Whether it is under way and asks the common techniques; NULL is not. */
bool session_is_common(const struct session *session);

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

/* The server has said 421 behind the last reply, before what the order is to send was sent. */
const struct session_order *session_farewell(struct session *session, const struct reply *reply);

/* Nothing has come for SESSION_WAIT_SILENCE, in session_is_ungreeted; the wait goes on. */
void session_silent(struct session *session);
/* The connection's purpose is settled elsewhere. */
const struct session_order *session_dropped(struct session *session);

/* How a connection ends otherwise. `why` is one printable sentence without a full stop. */
enum session_break {
    SESSION_BROKEN_SILENT,  /* a deadline passed */
    SESSION_BROKEN_CLOSED,  /* refused, closed, reset, TLS failed */
    SESSION_BROKEN_FOREIGN, /* what came is no SMTP reply, or came out of turn */
    SESSION_BROKEN_HERE,    /* our own host has failed it: that is nothing of the server's */
};
const struct session_order *session_broken(struct session *session, enum session_break how,
                                           const char *why);

/* Of the state that the session is in. */
const char *session_awaited(enum session_state state); /* "the reply to RCPT" */
enum session_wait session_wait(enum session_state state);

#endif

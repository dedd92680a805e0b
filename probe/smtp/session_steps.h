/*
 * session_steps - what the parts of a session share: the steps, and the orders they give
 *
 * For session.c (events and states), session_open.c (greeting to TLS), session_ask.c (techniques)
 * and their like alone.
 */
#ifndef RELAYWARDEN_PROBE_SESSION_STEPS_H
#define RELAYWARDEN_PROBE_SESSION_STEPS_H

#include "probe/smtp/reply/reply_class.h"
#include "probe/smtp/session.h"

#define SESSION_CODE_READY   220
#define SESSION_CODE_OK      250
#define SESSION_CODE_TEXT    354
#define SESSION_CODE_CLOSING 421

/* RFC 4505 section 2: whom to trace it to, in base64: "relaywarden". */
#define SESSION_ANONYMOUS_TRACE "cmVsYXl3YXJkZW4="

/* A sentence of the project's words and a quoted reply. */
#define SESSION_SENTENCE_SIZE RESULT_TEXT_SIZE

/* Takes the reply that its state awaited, and leaves the next state and an order. */
typedef void session_step(struct session *session, const struct reply *reply);

/* session_open.c */
session_step session_take_greeting, session_take_ehlo, session_take_helo, session_take_starttls,
    session_take_vantage;
void session_say_ehlo(struct session *session);
/* STARTTLS did not lead to a session inside TLS: where it was not demanded, the battery asks in the
 * clear. */
void session_give_up_tls(struct session *session, const char *why);
/* No greeting comes on a connection without a PROXY header. False where nothing is to be done about
 * it. */
bool session_leave_ungreeted(struct session *session, const char *why);
/* The TLS mode to be had here; TLS_AUTO means: STARTTLS when offered. */
enum tls_mode session_asked_tls(const struct session *session);

/* session_ask.c */
session_step session_take_claim, session_take_claim_ehlo, session_take_rset, session_take_local,
    session_take_mail, session_take_rcpt, session_take_control;
/* A reply to the rest of a plan that is decided. */
void session_take_moot(struct session *session, const struct reply *reply);
/* EHLO or HELO was taken and TLS is as wanted: the first technique. */
void session_ask_first(struct session *session);
/* The technique in hand: its claim, its hello, the ask that vouches for it and its request,
 * whichever comes next. */
void session_ask_task(struct session *session);
/* The technique in hand, or claimed, if any, got no answer here. */
void session_cut_task(struct session *session, const char *why);
/* Whether the technique in hand may cost two refusals more: its own, and one of what goes before.
 */
bool session_has_room(struct session *session);
/* There is no such room, and without what goes before it the site's filter would report us: it is
 * for another connection, or is not asked. */
void session_lack_room(struct session *session);
/* Whether this refusal is that of a server that cannot bear what was sent together; then the
 * technique is handed on to another connection. */
bool session_stumbled(struct session *session, const struct reply *reply);
/* Puts the reply to what was asked into a result; `recipient`: what was said after RCPT TO:. */
void session_write_down(const struct session *session, struct technique_result *into,
                        const struct reply *reply, const char *recipient);
/* The technique in hand has what it can have: the next one. */
void session_end_task(struct session *session);
/* What the reply to a command of the technique means. */
enum outcome session_judge(const struct session *session, enum command command,
                           const struct reply *reply, const char *recipient);
/* The server ended the session with this reply. */
void session_hung_up(struct session *session, const struct reply *reply);
/* Begins the control of the technique in hand. */
void session_plan_control(struct session *session);
/* What a PROXY header was to open is no SMTP service. */
void session_give_up_proxy(struct session *session, const char *why);

/* session_confirm.c: whether an acceptance was one */
session_step session_take_confirm, session_take_confirm_rset;
/* Begins the confirmation of what was accepted by this step, SESSION_CONFIRM or _RSET. */
void session_plan_confirmation(struct session *session, enum session_state step);
/* The acceptance that was to be confirmed was none. */
void session_void_acceptance(struct session *session);

/* session_hello.c */
session_step session_take_hail, session_take_tally;
/* Asks the filter, once an endpoint, what it has counted on this connection. False where there is
 * nothing to ask it. */
bool session_tally(struct session *session);
/* SMTP was agreed upon: the hello, where there is a key, and then the first technique. */
void session_say_hello(struct session *session);
/* Where AUTH, XCLIENT or PROXY made us another client, the filter is greeted as that one, once a
 * connection. False where there is nothing to say, or no refusal to spare for it. */
bool session_introduce(struct session *session);
/* Whether the recipient of the task in hand can be an ask: the filter has answered here, and it is
 * not to be a recipient that the server knows from before. */
bool session_can_seal(const struct session *session);
/* Makes the recipient of the task in hand an ask, where the filter has answered here. */
void session_seal(struct session *session);
/* Whether the filter would tell of the recipient in hand, were it accepted and relayed: it is an
 * ask, or follows one on this connection. */
bool session_is_heard(const struct session *session);
/* Whether a reply to RCPT of the path `sent` is the filter's word. */
enum asker_answer session_hear(const struct session *session, const struct reply *reply,
                               const char *sent);
/* A technique was answered: counts what both ends know of. */
void session_count_ask(struct session *session, const struct technique_result *asked);

/* session_vouch.c */
session_step session_take_vouch;
/* Where the technique in hand cannot carry an ask, and none has come before on this connection,
 * `plain` is asked with one first: after that the filter answers whatever is granted here, and
 * reports nothing of it. So it is wherever a grant would be mistaken for a stranger's (asker.h),
 * and once an endpoint in any case, for the filter to know that the probe has come. False where
 * there is nothing to say. */
bool session_vouch(struct session *session);

/* session_message.c */
session_step session_take_data, session_take_text;
/* The recipient of the message has its reply: keeps a refusal. */
void session_message_answered(struct session *session, const struct reply *reply,
                              enum outcome outcome);
/* The recipient was accepted: DATA. */
void session_send_message(struct session *session);

/* session_plan.c */
/* XCLIENT with those attributes, words like NAME=VALUE, that this reply to EHLO offers to take. */
void session_write_xclient(const struct reply *hello, const char *attributes,
                           char out[SESSION_COMMAND_SIZE]);
/* Whether a reply to EHLO offers this, see offer.h. */
bool session_hello_offers(const struct reply *hello, const char *what);
/* Begins a plan: RSET if one is needed, then these. */
void session_plan(struct session *session, const enum session_state *steps, size_t count);
/* The command that was awaited has its reply: on with the plan. False when it is at its end. */
bool session_go_on(struct session *session);

/* session.c */
/* This connection comes to nothing; no other to the endpoint will do better, unless it is only a
 * second one or a special one that is not wanted. */
void session_give_up(struct session *session, const char *why);
/* Orders. */
void session_send(struct session *session, enum session_state next, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void session_listen(struct session *session, enum session_state next);
void session_secure(struct session *session);
void session_close(struct session *session);
void session_quit(struct session *session);
void session_leave(struct session *session, const struct reply *reply); /* QUIT, but after 421 */

/* "WHAT: 550 5.7.1 first line", printable. */
void session_describe(char out[SESSION_SENTENCE_SIZE], const char *what, const struct reply *reply);
bool session_is_refusal(const struct reply *reply);      /* 4xx and 5xx */
bool session_has_company(const struct session *session); /* the other connection is under way */
const struct technique *session_claimed(const struct session *session); /* NULL if common */
bool session_is_proxied(const struct session *session); /* it began with a PROXY header */

#endif

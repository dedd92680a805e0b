/*
 * session_steps - what the parts of a session share: the steps, and what they do for each other
 *
 * For these parts alone. Each calls those above it in this list, and none below; what a step
 * leaves to one below it says with `next`, and session.c sees to it:
 * - session_state.c: facts of the connection, and orders
 * - session_plan.c: the commands of a technique, and which of them are sent together
 * - session_answer.c: the meaning of a reply to a technique, and its place in the result
 * - session_end.c: how a technique and a connection end
 * - session_confirm.c: what follows an acceptance: its control, and its confirmation
 * - session_retry.c: what follows a reply that settles nothing: another sender, other words
 * - session_message.c: DATA and the message
 * - session_hailed.c: `plain` in the hello's transaction
 * - session_filter.c: the talk with the site's filter
 * - session_technique.c: techniques
 * - session_open.c: greeting to TLS (does not call session_technique.c)
 * - session.c: events, and the table of states
 */
#ifndef RELAYWARDEN_PROBE_SMTP_CLIENT_SESSION_STEPS_H
#define RELAYWARDEN_PROBE_SMTP_CLIENT_SESSION_STEPS_H

#include "probe/smtp/client/session_state.h"
#include "probe/smtp/reply/reply_class.h"

/* RFC 4505 section 2: whom to trace it to, in base64: "relaywarden". */
#define SESSION_ANONYMOUS_TRACE "cmVsYXl3YXJkZW4="

/* Takes the reply that its state awaited, and leaves the next state and an order, or `next`. */
typedef void session_step(struct session *session, const struct reply *reply);

/* ---- session_plan.c ---- */

/* XCLIENT with those attributes, words like NAME=VALUE, that this reply to EHLO offers to take. */
void session_write_xclient(const struct reply *hello, const char *attributes,
                           char out[SESSION_COMMAND_SIZE]);
/* Begins a plan: RSET if one is needed, then these. */
void session_plan(struct session *session, const enum session_state *steps, size_t count);
/* The command that was awaited has its reply: on with the plan. False when it is at its end. */
bool session_go_on(struct session *session);
/* Whether the RSET that a plan begins with awaits its reply: of the technique itself the server has
 * answered nothing. */
bool session_awaits_first_reset(const struct session *session);

/* ---- session_answer.c ---- */

/* Of a reply to the technique in hand. */
struct reply_class_question session_question(const struct session *session, enum command command,
                                             const struct reply *reply, const char *recipient);
/* The meaning of the reply to a command of the technique. */
enum outcome session_judge(const struct session *session, enum command command,
                           const struct reply *reply, const char *recipient);
/* Puts the reply to what was asked into a result; `recipient`: what was said after RCPT TO:. */
void session_write_down(const struct session *session, struct technique_result *into,
                        const struct reply *reply, const char *recipient);

/* ---- session_end.c ---- */

/* `plain` is asked in the hello's transaction no more. */
void session_end_hailed(struct session *session);
/* The service behind the PROXY header is no SMTP service. */
void session_give_up_proxy(struct session *session, const char *why);
/* The technique in hand, or claimed, if any, got no answer here. */
void session_cut_task(struct session *session, const char *why);
/* Likewise before anything of it was said: where the connection was of use, it is not the technique
 * that ended it, and another asks it as if nothing had been. */
void session_put_back(struct session *session, const char *why);

/* This connection comes to nothing; no other to the endpoint will do better, unless it is only a
 * second one or a special one that is not wanted. */
void session_give_up(struct session *session, const char *why);
void session_close(struct session *session);
void session_quit(struct session *session);
void session_leave(struct session *session, const struct reply *reply); /* QUIT, but after 421 */
/* The server ended the session with this reply: at a technique; at the hello, or before it at what
 * opens the way. */
void session_hung_up(struct session *session, const struct reply *reply);
void session_hello_hung_up(struct session *session, const struct reply *reply);
/* The technique goes on with another connection, which this one does not count against. */
void session_hand_on(struct session *session);

/* Whether the technique in hand may cost two refusals more: its own, and one of what goes before.
 */
bool session_has_room(struct session *session);
/* There is no such room, and without what goes before it the site's filter would report us: it is
 * for another connection, or is not asked. */
void session_lack_room(struct session *session);
/* Whether this refusal is that of a server that cannot bear what was sent together; then the
 * technique is handed on to another connection. */
bool session_stumbled(struct session *session, const struct reply *reply);

/* ---- session_confirm.c ---- */

session_step session_take_confirm, session_take_confirm_rset;
/* Begins the control of the technique in hand. */
void session_plan_control(struct session *session);
/* Begins the confirmation of what was accepted by this step, SESSION_CONFIRM or _RSET. */
void session_plan_confirmation(struct session *session, enum session_state step);
/* The acceptance that was to be confirmed was none. */
void session_void_acceptance(struct session *session);

/* ---- session_retry.c ---- */

/* The reply settles nothing. Whether the technique in hand is asked once more: as another sender,
 * or with other words. */
bool session_retry(struct session *session);
/* Takes it out of the battery where it is a limit of the server's that it met. */
void session_heed_limit(struct session *session, const struct reply *reply);

/* ---- session_message.c ---- */

session_step session_take_data, session_take_text;
/* The recipient of the message has its reply: keeps a refusal. */
void session_message_answered(struct session *session, const struct reply *reply,
                              enum outcome outcome);
/* The recipient was accepted: DATA. */
void session_send_message(struct session *session);

/* ---- session_hailed.c ---- */

session_step session_take_pave;
/* The hello's MAIL was taken like any other: `plain` in the same transaction. False where it is not
 * to be asked so. */
bool session_ask_hailed(struct session *session);
/* Whether this reply to RCPT is what the filter says to the hello; then it is dealt with, and the
 * connection is left. */
bool session_take_hailed(struct session *session, const struct reply *reply);
/* Opens the way to the MTA, and then says the hello, which is made already. False where that is not
 * wanted, or there is no own domain to do it with. */
bool session_pave(struct session *session);
/* The hello was not answered, or not by who shares the key and the time: where the way had been
 * opened, nobody is there who would. */
void session_lack_listener(struct session *session);

/* ---- session_filter.c ---- */

session_step session_take_hail, session_take_vouch, session_take_tally;
/* SMTP was agreed upon: the hello, where there is a key, and then the first technique. */
void session_say_hello(struct session *session);
/* Where AUTH, XCLIENT or PROXY made us another client, the filter is greeted as that one, once a
 * connection. False where there is nothing to say, or no refusal to spare for it. */
bool session_introduce(struct session *session);
/* Makes the recipient of the task in hand an ask, where the filter has answered here, and it is not
 * to be a recipient that the server knows from before. */
void session_seal(struct session *session);
/* Whether the filter would tell of the recipient in hand, were it accepted and relayed: it is an
 * ask, or follows one on this connection. */
bool session_is_heard(const struct session *session);
/* Whether a reply to RCPT of the path `sent` is the filter's word. */
enum milter_talk_answer session_hear(const struct session *session, const struct reply *reply,
                                     const char *sent);
/* A technique was answered: counts what both ends know of. */
void session_count_ask(struct session *session, const struct technique_result *asked);
/* Where the technique in hand cannot carry an ask, and none has come before on this connection,
 * `plain` is asked with one first: after that the filter answers whatever is granted here, and
 * reports nothing of it. So it is wherever a grant would be mistaken for a stranger's
 * (milter_talk.h), and once an endpoint in any case, for the filter to know that the probe has
 * come. False where there is nothing to say. */
bool session_vouch(struct session *session);
/* Asks the filter, once an endpoint, what it has counted on this connection. False where there is
 * nothing to ask it. */
bool session_tally(struct session *session);

/* ---- session_technique.c ---- */

session_step session_take_claim, session_take_claim_ehlo, session_take_rset, session_take_local,
    session_take_mail, session_take_rcpt, session_take_control;
/* A reply to the rest of a plan that is decided. */
void session_take_moot(struct session *session, const struct reply *reply);
/* EHLO or HELO was taken and TLS is as wanted: the first technique. */
void session_ask_first(struct session *session);
/* The technique in hand: its claim, its hello, the ask that vouches for it and its request,
 * whichever comes next. */
void session_ask_task(struct session *session);
/* The technique in hand has what it can have: the next one. */
void session_end_task(struct session *session);
/* Another technique, if the connection can bear one; else it is left. */
void session_next_technique(struct session *session);

/* ---- session_open.c ---- */

session_step session_take_greeting, session_take_ehlo, session_take_helo, session_take_starttls,
    session_take_vantage;
void session_say_ehlo(struct session *session);
/* STARTTLS did not lead to a session inside TLS: where it was not demanded, the battery asks in the
 * clear. */
void session_give_up_tls(struct session *session, const char *why);
/* No greeting comes on a connection without a PROXY header. False where nothing is to be done about
 * it. */
bool session_leave_ungreeted(struct session *session, const char *why);

#endif

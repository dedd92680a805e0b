#include <string.h>

#include "probe/model/evidence.h"
#include "probe/smtp/client/session_steps.h"
#include "probe/smtp/ehlo.h"
#include "probe/smtp/reply/limit.h"

/* ---- control ---------------------------------------------------------------------------- */

void session_plan_control(struct session *session)
{
    static const enum session_state steps[] = {SESSION_CONTROL_MAIL, SESSION_CONTROL_RCPT};

    session->at_control = true;
    session_plan(session, steps, 2);
}

/* Whether the acceptance of the technique in hand depends on what users the server knows. */
static bool depends_on_users(const struct session *session)
{
    const struct technique_result *into = session->task.into;

    return into->technique->form == TECHNIQUE_USER && into->control_asked &&
           into->control == OUTCOME_ACCEPTED;
}

bool session_plan_user(struct session *session)
{
    static const enum session_state steps[] = {SESSION_CONTROL_MAIL, SESSION_CONTROL_RCPT};
    struct battery *battery = session->battery;
    struct technique_result *into = session->task.into;

    if (session->at_user || !depends_on_users(session)) {
        return false;
    }
    into->any_user = battery->result->users != USERS_KNOWN;
    if (battery->result->users != USERS_UNKNOWN ||
        session->refusals >= battery->connection_refusals ||
        !battery_reserve(battery, &session->task, 1)) {
        return false;
    }
    session->at_user = true;
    memcpy(session->task.envelope.control, session->task.envelope.made_up,
           sizeof(session->task.envelope.control));
    session_plan(session, steps, 2);
    return true;
}

/* ---- confirmation ----------------------------------------------------------------------- */

/* EHLO and RSET both end the transaction that there is, so none is needed before. */
void session_plan_confirmation(struct session *session, enum session_state step)
{
    session->in_transaction = false;
    session_plan(session, &step, 1);
}

void session_void_acceptance(struct session *session)
{
    struct technique_result *into = session->task.into;

    if (session->at_control) {
        into->control_asked = false;
        return;
    }
    *into = (struct technique_result){.technique = into->technique,
                                      .own = into->own,
                                      .unconfirmed = true,
                                      .helo = "",
                                      .sender = "",
                                      .recipient = "",
                                      .text = ""};
}

static void out_of_step(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    session_describe(why, "An acceptance was void, for the server's replies are out of step",
                     reply);
    session_void_acceptance(session);
    battery_trouble(session->battery, "%s", why);
    /* Perhaps it could not bear what was sent together. */
    session->battery->one_at_a_time = true;
    session_cut_task(session, why);
    session_close(session);
}

/* The transaction is over, too. */
static void confirmed(struct session *session)
{
    if (!session->at_control && session->task.envelope.control[0] != '\0') {
        session_plan_control(session);
        return;
    }
    if (session_plan_user(session)) {
        return;
    }
    session->next = SESSION_NEXT_ENDED;
}

void session_take_confirm(struct session *session, const struct reply *reply)
{
    bool known = ehlo_is_again(&session->hello, reply);
    bool shaped = ehlo_has_shape(&session->hello, reply);

    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else if (known && reply->code == SESSION_CODE_OK) {
        confirmed(session);
    } else if (known || shaped || (reply->code >= 500 && reply->code <= 504)) {
        /* Takes no EHLO, or only one, or answers each in another way: a server in step takes RSET,
         * and does not answer it as it would EHLO. */
        if (shaped) {
            session->hello = *reply; /* who answers from now on, and what he offers */
        }
        session_plan_confirmation(session, SESSION_CONFIRM_RSET);
    } else {
        /* Perhaps it was one EHLO too many: Exim answers the eleventh command that is no mail with
         * 554 and hangs up. A RSET in a transaction is none of those (measured; smtp_in.c,
         * smtp_accept_max_nonmail). */
        battery_slow_confirmation(session->battery, session->confirmations - 1);
        out_of_step(session, reply);
    }
}

void session_take_confirm_rset(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else if (reply_is_positive(reply) && !ehlo_is_again(&session->hello, reply) &&
               !ehlo_has_shape(&session->hello, reply)) {
        confirmed(session);
    } else {
        out_of_step(session, reply);
    }
}

/* ---- what follows a reply that does not settle the technique ----------------------------- */

/* Whether what was asked in the hello's transaction is asked once more, as ever. */
static bool try_usual(struct session *session)
{
    struct battery *battery = session->battery;
    enum outcome outcome = session->outcome;

    /* The hello's mailbox is none, and its name is new each time. */
    if (!session->hailed || (outcome != OUTCOME_SENDER_REFUSED && !outcome_is_temporary(outcome)) ||
        session->refusals >= battery->connection_refusals ||
        !battery_reserve(battery, &session->task, 1) ||
        !battery_envelope(battery, session->task.row, &session->task.envelope)) {
        return false;
    }
    session->next = SESSION_NEXT_TASK;
    return true;
}

/* Whether the technique is asked once more with the recipient that it will be asked with later: a
 * server that greylists does not know an ask of another connection. From now on none is sent. */
static bool try_bare(struct session *session)
{
    struct battery *battery = session->battery;
    struct envelope bare;

    if (session->at_control || !session->sealed || session->outcome != OUTCOME_GREYLISTED) {
        return false;
    }
    battery->bare = true;
    battery->result->milter.asks++; /* what comes back in its place is no ask */
    if (session->refusals >= battery->connection_refusals ||
        !battery_reserve(battery, &session->task, 1) ||
        !battery_envelope(battery, session->task.row, &bare)) {
        return false;
    }
    memcpy(session->task.envelope.recipient, bare.recipient, sizeof(bare.recipient));
    session->next = SESSION_NEXT_TASK;
    return true;
}

/* The task in hand has its answer, and there is no room for its control here. Another connection
 * asks that one alone. */
static bool try_control_elsewhere(struct session *session)
{
    session->battery->queue.control_only[session->task.row] = true;
    session_count_ask(session, session->task.into);
    session_hand_on(session);
    return true;
}

/* An odd recipient in a domain that is not there says nothing when it is refused for its form. Its
 * control, a plain name there, tells a wide destination from trust in us: nothing else does, so it
 * is worth another connection. Exim, which hangs up after its third malformed command, left none
 * for it on this one in a quarter of all audits (measured). */
static bool try_control_alone(struct session *session)
{
    struct battery *battery = session->battery;

    /* A message, which is sent to one recipient only, has no control. */
    if (battery->message != NULL || session->at_control ||
        session->outcome != OUTCOME_RECIPIENT_REFUSED ||
        session->task.into->technique->trait != TECHNIQUE_BY_SUBDOMAIN ||
        !evidence_wants_subdomain(battery->result)) {
        return false;
    }
    if (session->refusals >= battery->connection_refusals) {
        return try_control_elsewhere(session);
    }
    if (!battery_reserve(battery, &session->task, 1)) {
        return false;
    }
    session_plan_control(session);
    return true;
}

/* Whether the technique goes on with another sender, here or, when this connection has had its
 * refusals, on the next. */
static bool try_other_sender(struct session *session)
{
    struct battery *battery = session->battery;

    if (session->at_control || battery->message != NULL ||
        session->outcome != OUTCOME_SENDER_REFUSED ||
        !battery_replace_sender(battery, &session->task)) {
        return false;
    }
    if (session->refusals >= battery->connection_refusals) {
        session_hand_on(session);
    } else {
        session->next = SESSION_NEXT_TASK;
    }
    return true;
}

bool session_retry(struct session *session)
{
    return try_usual(session) || try_other_sender(session) || try_bare(session) ||
           try_control_alone(session);
}

void session_heed_limit(struct session *session, const struct reply *reply)
{
    static const char *const sentences[] = {
        [LIMIT_RECIPIENTS] = "not asked: the server limits the recipients of a message",
        [LIMIT_LENGTH] = "not asked: it is too long for this server",
    };
    struct technique_result *into = session->task.into;
    enum limit limit = limit_met(into->technique, reply, session->outcome);
    char why[SESSION_SENTENCE_SIZE];

    /* One that was accepted before stays so. */
    if (limit == LIMIT_NONE || session->battery->message != NULL ||
        into->outcome == OUTCOME_ACCEPTED) {
        return;
    }
    session_void_acceptance(session);
    session_describe(why, sentences[limit], reply);
    into->text = string_pool_keep(&session->battery->result->texts, why);
    into->unconfirmed = false;
    into->absent = true;
    into->limited = true;
    session->outcome = OUTCOME_RECIPIENT_REFUSED; /* no other sender or time changes it */
    into->outcome = session->outcome;
}

/* ---- the message ------------------------------------------------------------------------ */

/* The reply that decides what becomes of the message. */
static void keep_reply(struct session *session, enum command command, enum message_state state,
                       const struct reply *reply)
{
    struct endpoint_result *result = session->battery->result;
    char text[RESULT_TEXT_SIZE];

    reply_show(reply, text, sizeof(text));
    result->message.state = state;
    result->message.code = reply->code;
    result->message.text = string_pool_keep(&result->texts, text);
    result->message.denies =
        state == MESSAGE_REFUSED && outcome_denies_relaying(session_judge(
                                        session, command, reply, session->task.envelope.recipient));
}

void session_message_answered(struct session *session, const struct reply *reply,
                              enum outcome outcome)
{
    if (outcome != OUTCOME_ACCEPTED) {
        keep_reply(session, COMMAND_RCPT, MESSAGE_REFUSED, reply);
    }
}

void session_send_message(struct session *session)
{
    static const enum session_state step = SESSION_DATA;

    session->in_transaction = false; /* it ends with the text, and is not to be reset before */
    session_plan(session, &step, 1);
}

void session_take_data(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_TEXT) {
        /* From here on it may have been taken, whatever follows. */
        session->battery->result->message.state = MESSAGE_UNANSWERED;
        session->battery->result->message.sent = true;
        session_send(session, SESSION_TEXT, "%s", session->battery->message);
        return;
    }
    keep_reply(session, COMMAND_DATA, MESSAGE_REFUSED, reply);
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        session->next = SESSION_NEXT_ENDED;
    }
}

void session_take_text(struct session *session, const struct reply *reply)
{
    keep_reply(session, COMMAND_DATA, reply_is_positive(reply) ? MESSAGE_TAKEN : MESSAGE_REFUSED,
               reply);
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        session->next = SESSION_NEXT_ENDED;
    }
}

#include <string.h>

#include "probe/smtp/client/session_steps.h"
#include "probe/smtp/ehlo.h"

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

/* After an accepted control: whether a user that nobody has is accepted, too. False where that is
 * known, or says nothing, or there is no refusal to spare for it. */
static bool plan_user(struct session *session)
{
    static const enum session_state steps[] = {SESSION_CONTROL_MAIL, SESSION_CONTROL_RCPT};
    struct battery *battery = session->battery;
    struct technique_result *into = session->task.into;

    if (session->at_user || !depends_on_users(session)) {
        return false;
    }
    into->any_user = battery->result->users != USERS_KNOWN;
    if (battery->result->users != USERS_UNKNOWN ||
        session->pace.refusals >= battery->connection_refusals ||
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
    session->transaction.open = false;
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
    if (plan_user(session)) {
        return;
    }
    session->next = SESSION_NEXT_ENDED;
}

void session_take_confirm(struct session *session, const struct reply *reply)
{
    bool known = ehlo_is_again(&session->link.hello, reply);
    bool shaped = ehlo_has_shape(&session->link.hello, reply);

    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else if (known && reply->code == SESSION_CODE_OK) {
        confirmed(session);
    } else if (known || shaped || (reply->code >= 500 && reply->code <= 504)) {
        /* Takes no EHLO, or only one, or answers each in another way: a server in step takes RSET,
         * and does not answer it as it would EHLO. */
        if (shaped) {
            session->link.hello = *reply; /* who answers from now on, and what he offers */
        }
        session_plan_confirmation(session, SESSION_CONFIRM_RSET);
    } else {
        /* Perhaps it was one EHLO too many: Exim answers the eleventh command that is no mail with
         * 554 and hangs up. A RSET in a transaction is none of those (measured; smtp_in.c,
         * smtp_accept_max_nonmail). */
        battery_slow_confirmation(session->battery, session->pace.confirmations - 1);
        out_of_step(session, reply);
    }
}

void session_take_confirm_rset(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else if (reply_is_positive(reply) && !ehlo_is_again(&session->link.hello, reply) &&
               !ehlo_has_shape(&session->link.hello, reply)) {
        confirmed(session);
    } else {
        out_of_step(session, reply);
    }
}

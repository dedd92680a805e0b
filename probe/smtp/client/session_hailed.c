#include <string.h>

#include "probe/smtp/client/session_steps.h"
#include "probe/smtp/reply/reply_class.h"

/* `plain` is asked in the hello's own transaction where nobody answered the hello: RCPT alone, and
 * the technique costs no other round trip. nginx's mail proxy answers MAIL by itself and passes it
 * on at the first RCPT (measured): there the filter's observation comes as the answer to that, and
 * nginx closes. Only an MTA to which the way is open already hears a hello and asks; so from then
 * on a connection begins with a transaction to the site's own postmaster, which opens it without a
 * refusal, and without a recipient that the filter would report. */

/* Its row; it comes first. */
#define PLAIN 0

bool session_ask_hailed(struct session *session)
{
    static const enum session_state step = SESSION_RCPT;
    struct battery *battery = session->battery;

    /* With a sender of the site's own it would be another technique. */
    if (session_is_special(session) || session->filter.asker.borrowed || battery->swallowed ||
        battery->message != NULL || !battery_take_first(battery, &session->task)) {
        return false;
    }
    battery_reached(battery, REACH_SESSION);
    battery->hailing = true;
    memset(session->task.envelope.sender, 0, sizeof(session->task.envelope.sender));
    memcpy(session->task.envelope.sender, session->filter.asker.path,
           sizeof(session->filter.asker.path));
    session->has_task = true;
    session->filter.hailed = true;
    session->asking = true;
    session->at_control = false;
    session->filter.sealed = false;
    session->pace.refusals = session->filter.hails;
    session->transaction.open = false; /* which is not to be reset */
    session_plan(session, &step, 1);
    session->transaction.open = true;
    return true;
}

/* The filter has answered the hello; `plain` has no answer. Nobody knows whether what stands
 * between would pass on more of this connection. */
static void leave_to_another(struct session *session, const struct reply *reply)
{
    struct battery *battery = session->battery;

    battery->result->milter.present |= session->filter.asker.verified;
    battery->hidden |=
        session->filter.asker.verified && session->filter.asker.role == TOKEN_ROLE_HIDDEN;
    session->filter.asker.verified = false;
    session->filter.unanswered = false;
    battery->swallowed = true;
    session_end_hailed(session);
    session->has_task = false;
    session->answered++;
    battery_put_back(battery, &session->task);
    session_leave(session, reply);
}

bool session_take_hailed(struct session *session, const struct reply *reply)
{
    char line[REPLY_TEXT_SIZE];

    if (!session->filter.hailed || !session_is_refusal(reply)) {
        return false;
    }
    session_first_line(reply, line);
    enum milter_talk_answer heard = milter_talk_take_hello(
        &session->filter.asker, &session->battery->settings->asker, session->battery->result, line);
    if (heard != MILTER_TALK_OBSERVED && heard != MILTER_TALK_CLOCK) {
        return false; /* it is judged as any reply is */
    }
    leave_to_another(session, reply);
    return true;
}

/* ---- opening the way --------------------------------------------------------------------- */

bool session_pave(struct session *session)
{
    static const enum session_state steps[] = {SESSION_PAVE_MAIL, SESSION_PAVE_RCPT, SESSION_RSET,
                                               SESSION_HAIL};

    if (!session->battery->swallowed || session->battery->result->endpoint.own[0] == '\0') {
        return false;
    }
    session_plan(session, steps, sizeof(steps) / sizeof(steps[0]));
    return true;
}

void session_take_pave(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hello_hung_up(session, reply);
        return;
    }
    if (session_is_refusal(reply)) {
        session->filter.hails++; /* as a refused hello it is counted, and is no technique's */
        battery_refused(session->battery, NULL);
    }
    (void)session_go_on(session);
}

void session_lack_listener(struct session *session)
{
    if (session->battery->swallowed) {
        session->battery->unheard = BATTERY_UNHEARD_MAX;
    }
}

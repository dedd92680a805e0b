#include <string.h>

#include "probe/model/evidence.h"
#include "probe/smtp/client/session_steps.h"
#include "probe/smtp/reply/limit.h"

/* A reply that does not settle the technique in hand: it is asked once more, with another sender,
 * other words or its control alone; or the server has met a limit of its own, and it is not asked.
 */

/* Whether what was asked in the hello's transaction is asked once more, as ever. */
static bool try_usual(struct session *session)
{
    struct battery *battery = session->battery;
    enum outcome outcome = session->outcome;

    /* The hello's mailbox is none, and its name is new each time. */
    if (!session->filter.hailed ||
        (outcome != OUTCOME_SENDER_REFUSED && !outcome_is_temporary(outcome)) ||
        session->pace.refusals >= battery->connection_refusals ||
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

    if (session->at_control || !session->filter.sealed || session->outcome != OUTCOME_GREYLISTED) {
        return false;
    }
    battery->bare = true;
    battery->result->milter.asks++; /* what comes back in its place is no ask */
    if (session->pace.refusals >= battery->connection_refusals ||
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
    if (session->pace.refusals >= battery->connection_refusals) {
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
    if (session->pace.refusals >= battery->connection_refusals) {
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

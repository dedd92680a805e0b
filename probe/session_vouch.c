#include "probe/smtp/session_steps.h"

#include <string.h>

/* Its row; it comes first. */
#define PLAIN 0

/* Makes the ask: what `plain` asks for, by the sender of the technique in hand, so that a refusal
 * of MAIL is an answer to that. */
static bool make_vouch(struct session *session)
{
    struct battery *battery = session->battery;
    struct envelope envelope;

    if (!battery_envelope(battery, PLAIN, &envelope) || envelope.ask[0] == '\0') {
        return false;
    }
    memcpy(session->vouch, envelope.ask, sizeof(session->vouch));
    return asker_seal(&session->asker, battery->result->techniques[PLAIN].technique->number,
                      session->task.envelope.sender, session->vouch);
}

bool session_vouch(struct session *session)
{
    static const enum session_state steps[] = {SESSION_MAIL, SESSION_VOUCH};
    bool needed = session->asker.mistakable;

    if (!session->asker.verified || session->vouched || session_can_seal(session) ||
        !(needed || session->battery->result->milter.asks == 0)) {
        return false;
    }
    if (!session_has_room(session)) {
        if (needed) {
            session_lack_room(session);
        }
        return needed;
    }
    if (!make_vouch(session)) {
        return false; /* out of memory */
    }
    session->sealed = false;
    session_plan(session, steps, 2);
    return true;
}

/* What the filter has seen granted is proved for the technique that was asked in fact: `plain`, but
 * where it is the sender or the connection that is another. */
static void keep_proof(struct session *session, const struct reply *reply)
{
    struct technique_result *into = session->task.into;

    if (!session_is_special(session) &&
        into->technique->sender_class == TECHNIQUE_SENDER_EXTERNAL &&
        session->task.envelope.sender_parameters[0] == '\0') {
        into = &session->battery->result->techniques[PLAIN];
    }
    if (into->asked && into->observed) {
        return;
    }
    session_write_down(session, into, reply, session->vouch);
    into->outcome = OUTCOME_ACCEPTED;
    into->ask = true;
    into->observed = true;
}

/* Counts what both ends know of, but for what cannot be verified. One that was put off may not have
 * come to the filter: what does that may stand before it. */
static void count(struct session *session, const struct reply *reply, enum asker_answer heard)
{
    struct milter_said *said = &session->battery->result->milter;
    enum outcome outcome = heard == ASKER_OBSERVED
                               ? OUTCOME_ACCEPTED
                               : session_judge(session, COMMAND_RCPT, reply, session->vouch);

    said->asks++;
    said->granted += heard == ASKER_OBSERVED;
    said->unverified |= heard == ASKER_UNVERIFIED;
    if (heard != ASKER_UNVERIFIED) {
        session->accepted += outcome == OUTCOME_ACCEPTED;
        session->asks += !outcome_is_temporary(outcome);
    }
}

void session_take_vouch(struct session *session, const struct reply *reply)
{
    enum asker_answer heard = session_hear(session, reply, session->vouch);

    if (session_stumbled(session, reply)) {
        return;
    }
    session->vouched = true;
    count(session, reply, heard);
    if (heard == ASKER_OBSERVED) {
        keep_proof(session, reply);
    }
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        session_ask_task(session);
    }
}

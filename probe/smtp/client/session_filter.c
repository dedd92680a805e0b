#include <stdio.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/smtp/client/session_steps.h"
#include "probe/smtp/reply/reply_class.h"

/* Its row; it comes first. */
#define PLAIN 0

static const struct milter_talk_settings *settings_of(const struct session *session)
{
    return &session->battery->settings->asker;
}

static const char *canary_domain(const struct session *session)
{
    const char *at = strrchr(session->battery->settings->canary, '@');

    return at != NULL ? at + 1 : "";
}

static bool say_hello(struct session *session, const char *domain)
{
    const char *path = milter_talk_hello(&session->filter.asker, settings_of(session),
                                         session->battery->result, domain);

    if (path == NULL) {
        return false;
    }
    session->battery->result->milter.asked = true;
    if (!session->has_task && session_pave(session)) {
        return true;
    }
    session_send(session, SESSION_HAIL, "MAIL FROM:%s", path);
    return true;
}

void session_say_hello(struct session *session)
{
    const struct technique *claimed = session_claimed(session);

    /* One that is asked in the clear on purpose is the same way to the server. Who makes up a
     * client is introduced when he has become it: what is said before is not asked about. */
    if (session->battery->message != NULL || session->battery->unheard >= BATTERY_UNHEARD_MAX ||
        (claimed != NULL && claimed->identity != TECHNIQUE_IDENTITY_OWN) ||
        !say_hello(session, canary_domain(session))) {
        session->next = SESSION_NEXT_FIRST;
    }
}

/* The hello of the technique in hand. */
static bool say_its_hello(struct session *session, const char *domain)
{
    if (session_has_room(session)) {
        return say_hello(session, domain);
    }
    if (!session->battery->result->milter.present) {
        return false;
    }
    session_lack_room(session);
    return true;
}

bool session_introduce(struct session *session)
{
    if (session->filter.introduced || !(session->claimed || session_is_proxied(session)) ||
        session->battery->message != NULL || session->battery->unheard >= BATTERY_UNHEARD_MAX) {
        return false;
    }
    session->filter.introduced = true;
    session->filter.asker.claimed = true;
    return say_its_hello(session, canary_domain(session));
}

/* Whether the sender's domain is what the server refuses; then the site's own is tried, which it
 * knows. */
static bool try_own_domain(struct session *session, const struct reply *reply)
{
    const struct reply_class_question question = {
        .command = COMMAND_MAIL,
        .reply = reply,
        .client = "",
        .sender = session->filter.asker.path,
    };
    const char *own = session->battery->result->endpoint.own;

    if (session->filter.asker.borrowed || own[0] == '\0' ||
        reply_class_judge(&question) != OUTCOME_SENDER_REFUSED) {
        return false;
    }
    session->filter.asker.borrowed = true;
    return session->has_task ? say_its_hello(session, own) : say_hello(session, own);
}

static void ask(struct session *session)
{
    session->next = session->has_task ? SESSION_NEXT_TASK : SESSION_NEXT_FIRST;
}

/* max_refusals is what the server may be bothered with: the answer of the site's own filter is none
 * of its refusals. */
static void count_refusal(struct session *session, bool by_filter)
{
    if (!by_filter) {
        battery_refused(session->battery, session->has_task ? &session->task : NULL);
    }
}

void session_take_hail(struct session *session, const struct reply *reply)
{
    struct battery *battery = session->battery;
    char line[REPLY_TEXT_SIZE];

    if (reply->code == SESSION_CODE_CLOSING) {
        session_hello_hung_up(session, reply);
        return;
    }
    if (reply_is_positive(reply)) {
        session->transaction.open = true;
        /* A server may keep its filter from the clients that we make up. */
        session->filter.unanswered = !session->has_task;
        session_lack_listener(session);
        if (session->has_task || !session_ask_hailed(session)) {
            ask(session);
        }
        return;
    }
    session->filter.hails++;
    session_first_line(reply, line);
    enum milter_talk_answer answer =
        milter_talk_take_hello(&session->filter.asker, settings_of(session), battery->result, line);
    count_refusal(session, session->filter.asker.verified);
    if (answer == MILTER_TALK_NOTHING) {
        if (try_own_domain(session, reply)) {
            return;
        }
        battery->unheard += !session->has_task;
    }
    if (!session->filter.asker.verified) {
        session_lack_listener(session);
    }
    battery->result->milter.present |= session->filter.asker.verified;
    battery->hidden |=
        session->filter.asker.verified && session->filter.asker.role == TOKEN_ROLE_HIDDEN;
    ask(session);
}

static bool can_seal(const struct session *session)
{
    return session->filter.asker.verified && session->task.envelope.ask[0] != '\0' &&
           !session->task.again && !session->task.control_only && !session->battery->bare &&
           session->battery->message == NULL;
}

void session_seal(struct session *session)
{
    struct envelope *envelope = &session->task.envelope;
    const struct technique *technique = session->task.into->technique;
    char path[ENVELOPE_PATH_SIZE];

    session->filter.sealed = false;
    if (!can_seal(session)) {
        return;
    }
    (void)snprintf(path, sizeof(path), "%s", envelope->ask);
    if (milter_talk_seal(&session->filter.asker, technique->number, envelope->sender, path)) {
        memcpy(envelope->recipient, path, sizeof(envelope->recipient));
        session->filter.sealed = true;
    }
}

bool session_is_heard(const struct session *session)
{
    return session->filter.sealed || (session->filter.asker.verified && session->filter.asks > 0);
}

enum milter_talk_answer session_hear(const struct session *session, const struct reply *reply,
                                     const char *sent)
{
    struct observation observation;
    char line[REPLY_TEXT_SIZE];

    if (!session_is_refusal(reply)) {
        return MILTER_TALK_NOTHING;
    }
    session_first_line(reply, line);
    return milter_talk_take_ask(&session->filter.asker, line, sent,
                                session->task.envelope.recipient, &observation);
}

void session_count_ask(struct session *session, const struct technique_result *asked)
{
    struct milter_said *said = &session->battery->result->milter;

    if (session->filter.sealed && session->outcome == OUTCOME_ACCEPTED && !asked->at_mail) {
        session->filter.accepted++;
    }
    if (asked->ask) {
        session->filter.asks++;
        said->asks++;
        said->granted += asked->observed;
    }
    if (session->filter.unanswered && !asked->at_mail && asked->outcome != OUTCOME_CLIENT_REFUSED &&
        asked->outcome != OUTCOME_SENDER_REFUSED && !outcome_is_temporary(asked->outcome) &&
        asked->outcome != OUTCOME_CLOSING) {
        session->filter.unanswered = false;
        said->passed++;
    }
}

/* ---- vouching --------------------------------------------------------------------------- */

/* Makes the ask: what `plain` asks for, by the sender of the technique in hand, so that a refusal
 * of MAIL is an answer to that. */
static bool make_vouch(struct session *session)
{
    struct battery *battery = session->battery;
    struct envelope envelope;

    if (!battery_envelope(battery, PLAIN, &envelope) || envelope.ask[0] == '\0') {
        return false;
    }
    memcpy(session->filter.vouch, envelope.ask, sizeof(session->filter.vouch));
    return milter_talk_seal(&session->filter.asker,
                            battery->result->techniques[PLAIN].technique->number,
                            session->task.envelope.sender, session->filter.vouch);
}

bool session_vouch(struct session *session)
{
    static const enum session_state steps[] = {SESSION_MAIL, SESSION_VOUCH};
    bool needed = session->filter.asker.mistakable;

    if (!session->filter.asker.verified || session->filter.vouched || can_seal(session) ||
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
    session->filter.sealed = false;
    session_plan(session, steps, 2);
    return true;
}

/* A grant that the filter saw is proved for the technique that was asked in fact: `plain`, but
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
    session_write_down(session, into, reply, session->filter.vouch);
    into->outcome = OUTCOME_ACCEPTED;
    into->ask = true;
    into->observed = true;
}

/* Counts what both ends know of, but for what cannot be verified. One that was put off may not have
 * come to the filter: what does that may stand before it. */
static void count_vouch(struct session *session, const struct reply *reply,
                        enum milter_talk_answer heard)
{
    struct milter_said *said = &session->battery->result->milter;
    enum outcome outcome = heard == MILTER_TALK_OBSERVED
                               ? OUTCOME_ACCEPTED
                               : session_judge(session, COMMAND_RCPT, reply, session->filter.vouch);

    said->asks++;
    said->granted += heard == MILTER_TALK_OBSERVED;
    said->unverified |= heard == MILTER_TALK_UNVERIFIED;
    if (heard != MILTER_TALK_UNVERIFIED) {
        session->filter.accepted += outcome == OUTCOME_ACCEPTED;
        session->filter.asks += !outcome_is_temporary(outcome);
    }
}

void session_take_vouch(struct session *session, const struct reply *reply)
{
    enum milter_talk_answer heard = session_hear(session, reply, session->filter.vouch);

    if (session_stumbled(session, reply)) {
        return;
    }
    session->filter.vouched = true;
    count_vouch(session, reply, heard);
    if (heard == MILTER_TALK_OBSERVED) {
        keep_proof(session, reply);
    }
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        session->next = SESSION_NEXT_TASK;
    }
}

/* ---- the last hello ---------------------------------------------------------------------- */

bool session_tally(struct session *session)
{
    static const enum session_state step = SESSION_TALLY;
    struct milter_said *said = &session->battery->result->milter;

    if (!session->filter.asker.verified || session->filter.asks == 0 || said->tallied ||
        session->pace.winding_down ||
        session->pace.refusals >= session->battery->connection_refusals ||
        milter_talk_hello(&session->filter.last, settings_of(session), session->battery->result,
                          session->filter.asker.domain) == NULL) {
        return false;
    }
    said->tallied = true;
    session_plan(session, &step, 1);
    return true;
}

void session_take_tally(struct session *session, const struct reply *reply)
{
    struct milter_said *said = &session->battery->result->milter;
    struct observation told;
    char line[REPLY_TEXT_SIZE];

    session_first_line(reply, line);
    if (session_is_refusal(reply)) {
        bool by_filter = milter_talk_take_tally(&session->filter.last, line, &told);
        count_refusal(session, by_filter);
        if (by_filter) {
            said->heard = session->filter.accepted;
            said->counted = told.accepted;
        }
    }
    session_leave(session, reply);
}

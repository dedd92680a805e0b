#include "probe/smtp/client/session_steps.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/printable.h"

#define CODE_AUTHENTICATED 235
#define CODE_PROMPT        334

/* ---- plans ------------------------------------------------------------------------------- */

static const struct {
    enum session_state steps[COMMAND_QUEUE_MAX];
    size_t count;
} plans[] = {
    [TECHNIQUE_SEQUENCE_ALONE] = {{SESSION_MAIL, SESSION_RCPT}, 2},
    [TECHNIQUE_SEQUENCE_AFTER_LOCAL] = {{SESSION_MAIL, SESSION_LOCAL_RCPT, SESSION_RCPT}, 3},
    [TECHNIQUE_SEQUENCE_AFTER_RESET] = {{SESSION_LOCAL_MAIL, SESSION_LOCAL_RCPT, SESSION_RSET,
                                         SESSION_MAIL, SESSION_RCPT},
                                        5},
};

void session_ask_task(struct session *session)
{
    session->at_control = false;
    session->at_user = false;
    if (session_introduce(session) || session_vouch(session)) {
        return; /* and back here after it */
    }
    if (session->task.control_only) {
        session->filter.sealed = false;
        session_plan_control(session);
        return;
    }
    const struct technique *technique = session->task.into->technique;
    enum technique_sequence sequence = technique->sequence;
    enum session_state steps[COMMAND_QUEUE_MAX] = {SESSION_CLAIM, SESSION_CLAIM_EHLO};
    size_t count = 0;

    if (!session->claimed && (technique->identity == TECHNIQUE_IDENTITY_ANONYMOUS ||
                              technique->identity == TECHNIQUE_IDENTITY_XCLIENT)) {
        count = 2;
    }
    for (size_t i = 0; i < plans[sequence].count && count < COMMAND_QUEUE_MAX; i++) {
        steps[count++] = plans[sequence].steps[i];
    }
    session_seal(session);
    session_plan(session, steps, count);
}

/* The user that nobody has was accepted, or not. An answer that is about something else tells
 * nothing. */
static void keep_users(struct session *session, enum outcome outcome)
{
    struct endpoint_result *result = session->battery->result;

    if (outcome == OUTCOME_ACCEPTED) {
        result->users = USERS_ANY;
    } else if (outcome == OUTCOME_RECIPIENT_REFUSED || outcome_denies_relaying(outcome)) {
        result->users = USERS_KNOWN;
    }
    session->task.into->any_user = result->users != USERS_KNOWN;
}

void session_next_technique(struct session *session)
{
    struct battery *battery = session->battery;
    /* A technique that carries a token spares another one that vouches for it. */
    bool sealed = session->filter.asker.verified && !session->filter.vouched;
    bool waits =
        !session_is_special(session) && session->answered > 0 && battery_special_is_next(battery);

    if (!session->pace.winding_down && !waits &&
        session->pace.refusals < battery->connection_refusals &&
        battery_take(battery, session->claim, sealed, &session->task)) {
        session->has_task = true;
        session_ask_task(session);
        return;
    }
    if (session_is_special(session) && session->answered == 0) {
        battery->result->refusals_used_up |= battery->refusals >= battery->settings->max_refusals;
        battery_unclaim(battery, session->claim, "not asked: max_refusals is reached");
    }
    if (!session_tally(session)) {
        session_quit(session);
    }
}

void session_ask_first(struct session *session)
{
    battery_reached(session->battery, REACH_SESSION);
    session->asking = true;
    /* Refusals until here say nothing of how many refusals the techniques may have. */
    session->pace.refusals = session->filter.hails;
    session_next_technique(session);
}

/* ---- answers ----------------------------------------------------------------------------- */

/* Which command's reply decides a technique. */
enum answer {
    ANSWER_TO_RCPT,
    ANSWER_TO_MAIL,
    ANSWER_TO_CLAIM,
};

static bool names_us(const struct session *session, const struct reply *reply, enum answer answer)
{
    const struct reply_class_question question =
        session_question(session, answer == ANSWER_TO_RCPT ? COMMAND_RCPT : COMMAND_MAIL, reply,
                         session->task.envelope.recipient);

    return reply_class_names_client(&question);
}

/* A claim that is refused leaves us who we are: in need of a log-in, or a client that may not be
 * another. */
static enum outcome judge_claim(const struct session *session, const struct reply *reply)
{
    enum outcome outcome = session_judge(session, COMMAND_MAIL, reply, NULL);

    if (outcome == OUTCOME_ACCEPTED) {
        return OUTCOME_DEFERRED; /* 250 is no answer to AUTH or XCLIENT: nobody knows who we are */
    }
    if (reply->code < 500 || outcome == OUTCOME_TLS_REQUIRED) {
        return outcome;
    }
    return session->task.into->technique->identity == TECHNIQUE_IDENTITY_ANONYMOUS
               ? OUTCOME_AUTH_REQUIRED
               : OUTCOME_CLIENT_REFUSED;
}

static enum outcome judge_answer(const struct session *session, const struct reply *reply,
                                 enum answer answer)
{
    return answer == ANSWER_TO_CLAIM
               ? judge_claim(session, reply)
               : session_judge(session, answer == ANSWER_TO_MAIL ? COMMAND_MAIL : COMMAND_RCPT,
                               reply, session->task.envelope.recipient);
}

/* Whether MAIL will be refused so whatever it says. */
static bool is_for_all(enum outcome outcome)
{
    return outcome_denies_relaying(outcome) || outcome == OUTCOME_TLS_REQUIRED ||
           outcome == OUTCOME_CLIENT_REFUSED;
}

/* Puts the reply that decides the technique into its result. */
static enum outcome keep_answer(struct session *session, const struct reply *reply,
                                enum answer answer)
{
    struct technique_result *into = session->task.into;
    const struct envelope *envelope = &session->task.envelope;
    enum outcome outcome = judge_answer(session, reply, answer);
    char recipient[2 * ENVELOPE_PATH_SIZE];

    session->outcome = outcome;
    if (session->task.control_only) {
        return outcome; /* of what goes before the control */
    }
    if (session->battery->message != NULL) {
        session_message_answered(session, reply, outcome);
        return outcome; /* what it showed before stays */
    }
    if (answer == ANSWER_TO_MAIL && is_for_all(outcome)) {
        session->battery->one_at_a_time = true; /* RCPT would be one more refusal each time */
    }
    /* Asked again because its control was cut off: no later answer takes an acceptance back. */
    if (into->asked && into->outcome == OUTCOME_ACCEPTED && outcome != OUTCOME_ACCEPTED) {
        return outcome;
    }
    technique_spell(into->technique->spelling, envelope->recipient, recipient);
    snprintf(recipient + strlen(recipient), sizeof(recipient) - strlen(recipient), "%s",
             envelope->recipient_parameters);
    session_write_down(session, into, reply, recipient);
    into->at_mail = answer != ANSWER_TO_RCPT;
    into->at_claim = answer == ANSWER_TO_CLAIM;
    into->names_us = names_us(session, reply, answer);
    into->ask = answer == ANSWER_TO_RCPT && session_is_heard(session);
    into->observed = false;
    into->outcome = outcome;
    return outcome;
}

static void finish_task(struct session *session)
{
    session->has_task = false;
    session->answered++;
    session_end_hailed(session);
    if (!session->task.control_only) { /* then the connection that has its answer counted it */
        session_count_ask(session, session->task.into);
    }
    battery_answered(session->battery, &session->task);
    battery_want_subdomain(session->battery, session->task.into);
    if (!session_is_special(session) &&
        battery_is_turned_away(session->battery, session->task.into)) {
        session->pace.winding_down = true;
    }
}

/* ---- after a plan ------------------------------------------------------------------------ */

void session_end_task(struct session *session)
{
    finish_task(session);
    session_next_technique(session);
}

/* Haraka (3.1 to 3.3, measured) never answers again after an EHLO that found a transaction. It says
 * in its greeting or in its answer to EHLO who it is, unless told not to. */
static bool is_haraka(const struct session *session)
{
    return strcasestr(session->battery->result->banner, "haraka") != NULL ||
           strcasestr(session->link.hello.text, "haraka") != NULL;
}

static void decide(struct session *session)
{
    bool accepted = session->at_control ? session->task.into->control == OUTCOME_ACCEPTED
                                        : session->outcome == OUTCOME_ACCEPTED;

    session->moot = false;
    accepted = accepted && !session->at_user;
    if (accepted && session->battery->message != NULL) {
        session_send_message(session);
    } else if (accepted && !session->task.into->observed) {
        /* The filter's word is sure, and of relaying: it needs no confirmation and no control. */
        bool soon = session->pace.confirmations < session->battery->connection_confirmations &&
                    !is_haraka(session);
        session_plan_confirmation(session, soon ? SESSION_CONFIRM : SESSION_CONFIRM_RSET);
    } else if (session->at_user || !session_retry(session)) {
        session_end_task(session);
    }
}

/* The command that was awaited has its reply. */
static void go_on(struct session *session)
{
    if (!session_go_on(session)) {
        decide(session);
    }
}

/* The rest of the plan is not said, and the part that was said decides nothing. */
static void leave_plan(struct session *session)
{
    command_queue_cut(&session->queue);
    session->moot = true;
    go_on(session);
}

void session_take_moot(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        session->transaction.open |=
            session->state == SESSION_CONTROL_MAIL && reply_is_positive(reply);
        go_on(session);
    }
}

/* ---- replies ----------------------------------------------------------------------------- */

void session_take_claim(struct session *session, const struct reply *reply)
{
    bool anonymous = session->task.into->technique->identity == TECHNIQUE_IDENTITY_ANONYMOUS;

    if (reply->code == (anonymous ? CODE_AUTHENTICATED : SESSION_CODE_READY)) {
        session->claimed = true;
        go_on(session);
    } else if (anonymous && reply->code == CODE_PROMPT && !session->prompted) {
        session->prompted = true; /* it does not look at initial responses */
        session_send(session, SESSION_CLAIM, SESSION_ANONYMOUS_TRACE);
    } else if (reply->code == SESSION_CODE_CLOSING) {
        (void)keep_answer(session, reply, ANSWER_TO_CLAIM);
        session_hung_up(session, reply);
    } else {
        (void)keep_answer(session, reply, ANSWER_TO_CLAIM);
        leave_plan(session);
    }
}

void session_take_claim_ehlo(struct session *session, const struct reply *reply)
{
    if (reply_is_positive(reply)) {
        session->link.hello = *reply;
        session_ask_task(session); /* what is left of it, now as the other client */
        return;
    }
    (void)keep_answer(session, reply, ANSWER_TO_CLAIM);
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        leave_plan(session);
    }
}

/* RSET has no reason to fail (RFC 5321 section 4.1.1.5); a connection where it does is left. */
void session_take_rset(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    if (reply_is_positive(reply)) {
        session->transaction.open = false;
        go_on(session);
    } else if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else if (!session_stumbled(session, reply)) {
        session_describe(why, "RSET was refused", reply);
        battery_trouble(session->battery, "%s", why);
        session_cut_task(session, why);
        session_quit(session);
    }
}

/* MAIL was taken: from here to the next RSET there is a transaction. */
static void sender_taken(struct session *session)
{
    session->transaction.open = true;
    memcpy(session->transaction.sender, session->task.envelope.sender,
           sizeof(session->transaction.sender));
}

/* The step before is refused, so the technique's own request would be another's. */
void session_take_local(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    if (reply_is_positive(reply)) {
        if (session->state == SESSION_LOCAL_MAIL) {
            sender_taken(session);
        }
        go_on(session);
    } else if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else if (!session_stumbled(session, reply)) {
        session_describe(why, "not asked, for what comes before it was refused", reply);
        session->task.into->text = string_pool_keep(&session->battery->result->texts, why);
        session->outcome = OUTCOME_RECIPIENT_REFUSED;
        session->transaction.open = true; /* it may have been taken in part */
        leave_plan(session);
    }
}

void session_take_mail(struct session *session, const struct reply *reply)
{
    session_end_hailed(session);
    if (reply_is_positive(reply)) {
        sender_taken(session);
        go_on(session);
    } else if (reply->code == SESSION_CODE_CLOSING) {
        (void)keep_answer(session, reply, ANSWER_TO_MAIL);
        session_hung_up(session, reply);
    } else if (!session_stumbled(session, reply)) {
        (void)keep_answer(session, reply, ANSWER_TO_MAIL);
        session_heed_limit(session, reply);
        leave_plan(session);
    }
}

/* The filter refused what the MTA had accepted. */
static void keep_observation(struct session *session)
{
    session->outcome = OUTCOME_ACCEPTED;
    session->task.into->outcome = OUTCOME_ACCEPTED;
    session->task.into->observed = true;
}

/* Something refused in the filter's words, and that is no word of the MTA's on relaying. */
static void keep_forgery(struct session *session)
{
    session->battery->result->milter.unverified = true;
    session->outcome = OUTCOME_DEFERRED;
    session_void_acceptance(session);
    session->task.into->text = "answered in the words of a filter that could not be verified";
}

void session_take_rcpt(struct session *session, const struct reply *reply)
{
    char sent[ENVELOPE_PATH_SIZE];

    if (session_take_hailed(session, reply)) {
        return;
    }
    technique_spell(session->task.into->technique->spelling, session->task.envelope.recipient,
                    sent);
    enum milter_talk_answer heard = session_hear(session, reply, sent);
    if (session_stumbled(session, reply)) {
        return;
    }
    session->filter.vouched |= session->filter.sealed;
    (void)keep_answer(session, reply, ANSWER_TO_RCPT);
    if (heard == MILTER_TALK_OBSERVED) {
        keep_observation(session);
    } else if (heard == MILTER_TALK_UNVERIFIED) {
        keep_forgery(session);
    } else {
        session_heed_limit(session, reply);
    }
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        go_on(session);
    }
}

static void take_user(struct session *session, const struct reply *reply)
{
    bool at_mail = session->state == SESSION_CONTROL_MAIL;

    keep_users(session, session_judge(session, at_mail ? COMMAND_MAIL : COMMAND_RCPT, reply,
                                      session->task.envelope.control));
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        leave_plan(session);
    }
}

void session_take_control(struct session *session, const struct reply *reply)
{
    struct technique_result *into = session->task.into;
    bool at_mail = session->state == SESSION_CONTROL_MAIL;

    if (at_mail && reply_is_positive(reply)) {
        sender_taken(session);
        go_on(session);
        return;
    }
    if (session_stumbled(session, reply)) {
        return;
    }
    if (session->at_user) {
        take_user(session, reply);
        return;
    }
    into->control_code = reply->code;
    enum milter_talk_answer heard =
        at_mail ? MILTER_TALK_NOTHING
                : session_hear(session, reply, session->task.envelope.control);
    into->control_asked = heard != MILTER_TALK_UNVERIFIED;
    into->control = heard == MILTER_TALK_OBSERVED
                        ? OUTCOME_ACCEPTED
                        : session_judge(session, at_mail ? COMMAND_MAIL : COMMAND_RCPT, reply,
                                        session->task.envelope.control);
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        leave_plan(session);
    }
}

#include "probe/smtp/session_steps.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/printable.h"

#define CODE_AUTHENTICATED 235
#define CODE_PROMPT        334
#define CODE_BAD_SEQUENCE  503
#define CODE_NO_MAIL       521

/* ---- plans ------------------------------------------------------------------------------- */

static const struct {
    enum session_state steps[SESSION_PLAN];
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
    if (session_introduce(session) || session_vouch(session)) {
        return; /* and back here after it */
    }
    const struct technique *technique = session->task.into->technique;
    enum technique_sequence sequence = technique->sequence;
    enum session_state steps[SESSION_PLAN] = {SESSION_CLAIM, SESSION_CLAIM_EHLO};
    size_t count = 0;

    if (!session->claimed && (technique->identity == TECHNIQUE_IDENTITY_ANONYMOUS ||
                              technique->identity == TECHNIQUE_IDENTITY_XCLIENT)) {
        count = 2;
    }
    for (size_t i = 0; i < plans[sequence].count && count < SESSION_PLAN; i++) {
        steps[count++] = plans[sequence].steps[i];
    }
    session_seal(session);
    session_plan(session, steps, count);
}

void session_plan_control(struct session *session)
{
    static const enum session_state steps[] = {SESSION_CONTROL_MAIL, SESSION_CONTROL_RCPT};

    session->at_control = true;
    session_plan(session, steps, 2);
}

static void next_technique(struct session *session)
{
    struct battery *battery = session->battery;
    /* What carries a token spares another one that vouches for it. */
    bool sealed = session->asker.verified && !session->vouched;

    if (!session->winding_down && session->refusals < battery->connection_refusals &&
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
    /* What was refused until here says nothing of how many refusals the techniques may have. */
    session->refusals = session->hails;
    next_technique(session);
}

void session_give_up_proxy(struct session *session, const char *why)
{
    battery_drop_proxy(session->battery, session->claim, why);
    session->claim = BATTERY_COMMON;
}

void session_cut_task(struct session *session, const char *why)
{
    if (session->has_task) {
        session->has_task = false;
        battery_cut(session->battery, &session->task, why);
    } else if (session_is_special(session) && !session->asking && session->state != SESSION_QUIT) {
        battery_unclaim(session->battery, session->claim, why);
        session->claim = BATTERY_COMMON;
    }
}

/* ---- answers ----------------------------------------------------------------------------- */

/* Which command's reply decides a technique. */
enum answer {
    ANSWER_TO_RCPT,
    ANSWER_TO_MAIL,
    ANSWER_TO_CLAIM,
};

/* `client` is kept for the question. */
static struct outcome_question question_on(const struct session *session, enum command command,
                                           const struct reply *reply, const char *recipient,
                                           char client[ADDRESS_TEXT_SIZE])
{
    return (struct outcome_question){
        .command = command,
        .reply = reply,
        .client = address_format(&session->source, client),
        .sender = session->task.envelope.sender,
        .recipient = command == COMMAND_RCPT ? recipient : NULL,
    };
}

enum outcome session_judge(const struct session *session, enum command command,
                           const struct reply *reply, const char *recipient)
{
    char client[ADDRESS_TEXT_SIZE];
    const struct outcome_question question =
        question_on(session, command, reply, recipient, client);

    return outcome_judge(&question);
}

static bool names_us(const struct session *session, const struct reply *reply, enum answer answer)
{
    char client[ADDRESS_TEXT_SIZE];
    const struct outcome_question question =
        question_on(session, answer == ANSWER_TO_RCPT ? COMMAND_RCPT : COMMAND_MAIL, reply,
                    session->task.envelope.recipient, client);

    return outcome_names_client(&question);
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

void session_write_down(const struct session *session, struct technique_result *into,
                        const struct reply *reply, const char *recipient)
{
    struct texts *texts = &session->battery->result->texts;
    const struct envelope *envelope = &session->task.envelope;
    char shown[2 * ENVELOPE_PATH_SIZE];
    char text[RESULT_TEXT_SIZE];

    into->asked = true;
    into->cut = false;
    into->hung_up = false;
    into->unconfirmed = false;
    into->at_mail = false;
    into->at_claim = false;
    into->names_us = false;
    into->control_asked = false;
    into->code = reply->code;
    into->helo = texts_keep(texts, session->helo);
    snprintf(shown, sizeof(shown), "%s%s", envelope->sender, envelope->sender_parameters);
    into->sender = texts_keep(texts, shown);
    into->recipient = texts_keep(texts, recipient);
    printable_string(into->enhanced, sizeof(into->enhanced), reply->enhanced);
    printable(text, sizeof(text), reply->text, strcspn(reply->text, "\n"));
    into->text = texts_keep(texts, text);
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
    session_count_ask(session, session->task.into);
    battery_answered(session->battery, &session->task);
    if (!session_is_special(session) &&
        battery_is_turned_away(session->battery, session->task.into)) {
        session->winding_down = true;
    }
}

/* 421: the server closes now. The technique has this reply until a new connection brings a better
 * one. */
void session_hung_up(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    session_describe(why, "The server ended the session", reply);
    battery_trouble(session->battery, "%s", why);
    battery_slow_down(session->battery, session->refusals - 1); /* this one was one too many */
    session_cut_task(session, why);
    session_close(session);
}

/* The technique goes on with another connection, which this one does not count against. */
static void hand_on(struct session *session)
{
    session->has_task = false;
    session->answered++;
    battery_put_back(session->battery, &session->task);
    if (session_is_special(session)) {
        session->claim = BATTERY_COMMON;
    }
    session_quit(session);
}

static bool names_pipelining(const struct reply *reply)
{
    return strcasestr(reply->text, "pipelin") != NULL ||
           strcasestr(reply->text, "synchroni") != NULL;
}

bool session_has_room(struct session *session)
{
    return session->refusals + 2 <= session->battery->connection_refusals &&
           battery_reserve(session->battery, &session->task, 2);
}

void session_lack_room(struct session *session)
{
    bool here = session->refusals + 2 > session->battery->connection_refusals;

    if (here && session->refusals > session->hails) { /* a new one has more room */
        hand_on(session);
        return;
    }
    session->has_task = false;
    session->answered++; /* it is not for want of answers that it is left */
    session->battery->result->refusals_used_up |= !here;
    battery_leave(session->battery, &session->task,
                  here ? "not asked: the server bears too few refusals on a connection for the "
                         "site's filter to be told first who asks"
                       : "not asked: max_refusals leaves none for the site's filter to be told "
                         "first who asks");
    next_technique(session);
}

/* A server that offers PIPELINING and cannot bear it is asked again, one command at a time. */
bool session_stumbled(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];
    bool out_of_step = (reply->code == CODE_BAD_SEQUENCE || reply->code == CODE_NO_MAIL) &&
                       !outcome_denies_relaying(session_judge(session, COMMAND_RCPT, reply, NULL));

    if (session->batch < 2 || !session_is_refusal(reply) ||
        !(out_of_step || names_pipelining(reply))) {
        return false;
    }
    session_describe(why, "The server offers PIPELINING but cannot bear it", reply);
    battery_trouble(session->battery, "%s; asked one command at a time", why);
    session->battery->one_at_a_time = true;
    hand_on(session);
    return true;
}

/* ---- after a plan ------------------------------------------------------------------------ */

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
    session_ask_task(session);
    return true;
}

/* Where anybody may send to this canary, an odd recipient in a domain that is not there says
 * nothing when it is refused for its form. Its control, a plain name there, tells a wide
 * destination from trust in us. Not worth another connection. */
static bool try_control_alone(struct session *session)
{
    struct battery *battery = session->battery;
    const struct technique_result *plain = &battery->result->techniques[0];

    if (session->at_control || session->outcome != OUTCOME_RECIPIENT_REFUSED ||
        session->task.into->technique->trait != TECHNIQUE_BY_SUBDOMAIN || !plain->asked ||
        plain->outcome != OUTCOME_ACCEPTED || session->refusals >= battery->connection_refusals ||
        !battery_reserve(battery, &session->task, 1)) {
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
        hand_on(session);
    } else {
        session_ask_task(session);
    }
    return true;
}

void session_end_task(struct session *session)
{
    finish_task(session);
    next_technique(session);
}

static void decide(struct session *session)
{
    bool accepted = session->at_control ? session->task.into->control == OUTCOME_ACCEPTED
                                        : session->outcome == OUTCOME_ACCEPTED;

    session->moot = false;
    if (accepted && session->battery->message != NULL) {
        session_send_message(session);
    } else if (accepted && !session->task.into->observed) {
        /* The filter's word is sure, and of relaying: it needs no confirmation and no control. */
        bool soon = session->confirmations < session->battery->connection_confirmations;
        session_plan_confirmation(session, soon ? SESSION_CONFIRM : SESSION_CONFIRM_RSET);
    } else if (!try_other_sender(session) && !try_bare(session) && !try_control_alone(session)) {
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

/* What is left of the plan is not said, and what was said of it decides nothing. */
static void leave_plan(struct session *session)
{
    session->planned = session->said;
    session->moot = true;
    go_on(session);
}

void session_take_moot(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        session->in_transaction |=
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
        session->hello = *reply;
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
        session->in_transaction = false;
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
    session->in_transaction = true;
    memcpy(session->taken_sender, session->task.envelope.sender, sizeof(session->taken_sender));
}

/* What was to come first is refused, so the technique's own request would be another's. */
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
        session->task.into->text = texts_keep(&session->battery->result->texts, why);
        session->outcome = OUTCOME_RECIPIENT_REFUSED;
        session->in_transaction = true; /* it may have been taken in part */
        leave_plan(session);
    }
}

void session_take_mail(struct session *session, const struct reply *reply)
{
    if (reply_is_positive(reply)) {
        sender_taken(session);
        go_on(session);
    } else if (reply->code == SESSION_CODE_CLOSING) {
        (void)keep_answer(session, reply, ANSWER_TO_MAIL);
        session_hung_up(session, reply);
    } else if (!session_stumbled(session, reply)) {
        (void)keep_answer(session, reply, ANSWER_TO_MAIL);
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

    technique_spell(session->task.into->technique->spelling, session->task.envelope.recipient,
                    sent);
    enum asker_answer heard = session_hear(session, reply, sent);
    if (session_stumbled(session, reply)) {
        return;
    }
    session->vouched |= session->sealed;
    (void)keep_answer(session, reply, ANSWER_TO_RCPT);
    if (heard == ASKER_OBSERVED) {
        keep_observation(session);
    } else if (heard == ASKER_UNVERIFIED) {
        keep_forgery(session);
    }
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        go_on(session);
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
    into->control_code = reply->code;
    enum asker_answer heard =
        at_mail ? ASKER_NOTHING : session_hear(session, reply, session->task.envelope.control);
    into->control_asked = heard != ASKER_UNVERIFIED;
    into->control = heard == ASKER_OBSERVED
                        ? OUTCOME_ACCEPTED
                        : session_judge(session, at_mail ? COMMAND_MAIL : COMMAND_RCPT, reply,
                                        session->task.envelope.control);
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        leave_plan(session);
    }
}

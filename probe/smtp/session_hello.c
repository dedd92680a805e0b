#include <stdio.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/smtp/reply/reply_class.h"
#include "probe/smtp/session_steps.h"

/* So many are refused as any sender would be before no more are said: each counts as a refusal. */
#define UNHEARD_MAX 2

static const struct asker_settings *settings_of(const struct session *session)
{
    return &session->battery->settings->asker;
}

/* The first line of a reply, as the network brought it. */
static void first_line(const struct reply *reply, char out[REPLY_TEXT_SIZE])
{
    (void)snprintf(out, REPLY_TEXT_SIZE, "%.*s", (int)strcspn(reply->text, "\n"), reply->text);
}

static const char *canary_domain(const struct session *session)
{
    const char *at = strrchr(session->battery->settings->canary, '@');

    return at != NULL ? at + 1 : "";
}

static bool say_hello(struct session *session, const char *domain)
{
    const char *path =
        asker_hello(&session->asker, settings_of(session), session->battery->result, domain);

    if (path == NULL) {
        return false;
    }
    session->battery->result->milter.asked = true;
    session_send(session, SESSION_HAIL, "MAIL FROM:%s", path);
    return true;
}

void session_say_hello(struct session *session)
{
    const struct technique *claimed = session_claimed(session);

    /* One that is asked in the clear on purpose is the same way to the server. Who makes up a
     * client is introduced when he has become it: what is said before is not asked about. */
    if (session->battery->message != NULL || session->battery->unheard >= UNHEARD_MAX ||
        (claimed != NULL && claimed->identity != TECHNIQUE_IDENTITY_OWN) ||
        !say_hello(session, canary_domain(session))) {
        session_ask_first(session);
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
    if (session->introduced || !(session->claimed || session_is_proxied(session)) ||
        session->battery->message != NULL || session->battery->unheard >= UNHEARD_MAX) {
        return false;
    }
    session->introduced = true;
    session->asker.claimed = true;
    return say_its_hello(session, canary_domain(session));
}

static void hung_up(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    if (session->has_task) {
        session_hung_up(session, reply);
        return;
    }
    session_describe(why, "The server ended the session at the probe's hello", reply);
    session_give_up(session, why);
    session_close(session);
}

/* Whether the sender's domain is what the server refuses; then the site's own is tried, which it
 * knows. */
static bool try_own_domain(struct session *session, const struct reply *reply)
{
    const struct outcome_question question = {
        .command = COMMAND_MAIL,
        .reply = reply,
        .client = "",
        .sender = session->asker.path,
    };
    const char *own = session->battery->result->endpoint.own;

    if (session->asker.borrowed || own[0] == '\0' ||
        outcome_judge(&question) != OUTCOME_SENDER_REFUSED) {
        return false;
    }
    session->asker.borrowed = true;
    return session->has_task ? say_its_hello(session, own) : say_hello(session, own);
}

static void ask(struct session *session)
{
    if (session->has_task) {
        session_ask_task(session);
    } else {
        session_ask_first(session);
    }
}

void session_take_hail(struct session *session, const struct reply *reply)
{
    struct battery *battery = session->battery;
    char line[REPLY_TEXT_SIZE];

    if (reply->code == SESSION_CODE_CLOSING) {
        hung_up(session, reply);
        return;
    }
    if (reply_is_positive(reply)) {
        session->in_transaction = true;
        /* A server may keep its filter from the clients that we make up. */
        session->unanswered = !session->has_task;
        ask(session);
        return;
    }
    if (!session->has_task) {
        battery_refused(battery, NULL); /* the server counts it, too; a task's is counted */
    }
    session->hails++;
    first_line(reply, line);
    if (asker_take_hello(&session->asker, settings_of(session), battery->result, line) ==
        ASKER_NOTHING) {
        if (try_own_domain(session, reply)) {
            return;
        }
        battery->unheard += !session->has_task;
    }
    battery->result->milter.present |= session->asker.verified;
    battery->hidden |= session->asker.verified && session->asker.role == TOKEN_ROLE_HIDDEN;
    ask(session);
}

bool session_can_seal(const struct session *session)
{
    return session->asker.verified && session->task.envelope.ask[0] != '\0' &&
           !session->task.again && !session->battery->bare && session->battery->message == NULL;
}

void session_seal(struct session *session)
{
    struct envelope *envelope = &session->task.envelope;
    const struct technique *technique = session->task.into->technique;
    char path[ENVELOPE_PATH_SIZE];

    session->sealed = false;
    if (!session_can_seal(session)) {
        return;
    }
    (void)snprintf(path, sizeof(path), "%s", envelope->ask);
    if (asker_seal(&session->asker, technique->number, envelope->sender, path)) {
        memcpy(envelope->recipient, path, sizeof(envelope->recipient));
        session->sealed = true;
    }
}

bool session_is_heard(const struct session *session)
{
    return session->sealed || (session->asker.verified && session->asks > 0);
}

enum asker_answer session_hear(const struct session *session, const struct reply *reply,
                               const char *sent)
{
    struct observation observation;
    char line[REPLY_TEXT_SIZE];

    if (!session_is_refusal(reply)) {
        return ASKER_NOTHING;
    }
    first_line(reply, line);
    return asker_take_ask(&session->asker, line, sent, session->task.envelope.recipient,
                          &observation);
}

void session_count_ask(struct session *session, const struct technique_result *asked)
{
    struct milter_said *said = &session->battery->result->milter;

    if (session->sealed && session->outcome == OUTCOME_ACCEPTED && !asked->at_mail) {
        session->accepted++;
    }
    if (asked->ask) {
        session->asks++;
        said->asks++;
        said->granted += asked->observed;
    }
    if (session->unanswered && !asked->at_mail && asked->outcome != OUTCOME_CLIENT_REFUSED &&
        asked->outcome != OUTCOME_SENDER_REFUSED && !outcome_is_temporary(asked->outcome) &&
        asked->outcome != OUTCOME_CLOSING) {
        session->unanswered = false;
        said->passed++;
    }
}

bool session_tally(struct session *session)
{
    static const enum session_state step = SESSION_TALLY;
    struct milter_said *said = &session->battery->result->milter;

    if (!session->asker.verified || session->asks == 0 || said->tallied || session->winding_down ||
        session->refusals >= session->battery->connection_refusals ||
        asker_hello(&session->last, settings_of(session), session->battery->result,
                    session->asker.domain) == NULL) {
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

    first_line(reply, line);
    if (session_is_refusal(reply)) {
        battery_refused(session->battery, NULL); /* the server counts it, too */
        if (asker_take_tally(&session->last, line, &told)) {
            said->heard = session->accepted;
            said->counted = told.accepted;
        }
    }
    session_leave(session, reply);
}

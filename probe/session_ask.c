#include "probe/session_steps.h"

#include <stdio.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/outcome.h"

static void next_technique(struct session *session)
{
    struct battery *battery = session->battery;

    if (session->winding_down || session->refusals >= battery->connection_refusals ||
        !battery_take(battery, &session->task)) {
        session_quit(session);
        return;
    }
    session->has_task = true;
    session->at_control = false;
    session_send(session, SESSION_MAIL, "MAIL FROM:%s", session->task.envelope.sender);
}

void session_ask_first(struct session *session)
{
    battery_reached(session->battery, REACH_SESSION);
    session->asking = true;
    /* What was refused until here says nothing of how many refusals the techniques may have. */
    session->refusals = 0;
    next_technique(session);
}

void session_cut_task(struct session *session, const char *why)
{
    if (session->has_task) {
        session->has_task = false;
        battery_cut(session->battery, &session->task, why);
    }
}

static enum outcome judge(const struct session *session, enum command command,
                          const struct reply *reply, const char *recipient)
{
    char client[ADDRESS_TEXT_SIZE];
    const struct outcome_question question = {
        .command = command,
        .reply = reply,
        .client = address_format(&session->source, client),
        .sender = session->task.envelope.sender,
        .recipient = command == COMMAND_RCPT ? recipient : NULL,
    };

    return outcome_judge(&question);
}

/* Puts the reply that decides the technique into its result. */
static enum outcome keep_answer(struct session *session, const struct reply *reply, bool at_mail)
{
    struct technique_result *into = session->task.into;
    const struct envelope *envelope = &session->task.envelope;
    enum outcome outcome =
        judge(session, at_mail ? COMMAND_MAIL : COMMAND_RCPT, reply, envelope->recipient);

    /* Asked again because its control was cut off: no later answer takes an acceptance back. */
    if (into->asked && into->outcome == OUTCOME_ACCEPTED && outcome != OUTCOME_ACCEPTED) {
        return outcome;
    }
    into->asked = true;
    into->unconfirmed = false;
    into->at_mail = at_mail;
    into->outcome = outcome;
    into->control_asked = false;
    into->code = reply->code;
    snprintf(into->helo, sizeof(into->helo), "%s", session->helo);
    snprintf(into->sender, sizeof(into->sender), "%s", envelope->sender);
    snprintf(into->recipient, sizeof(into->recipient), "%s", envelope->recipient);
    printable_string(into->enhanced, sizeof(into->enhanced), reply->enhanced);
    printable(into->text, sizeof(into->text), reply->text, strcspn(reply->text, "\n"));
    return outcome;
}

static void finish_task(struct session *session)
{
    session->has_task = false;
    session->answered++;
    battery_answered(session->battery, &session->task);
}

/* 421: the server closes now. The technique has this reply until a new connection brings a better
 * one. */
static void hung_up(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    session_describe(why, "The server ended the session", reply);
    battery_trouble(session->battery, "%s", why);
    battery_slow_down(session->battery, session->refusals - 1); /* this one was one too many */
    session_cut_task(session, why);
    session_close(session);
}

/* Whether the technique goes on with another sender, here or, when this connection has had its
 * refusals, on the next. */
static bool try_other_sender(struct session *session, enum outcome outcome, bool in_transaction)
{
    struct battery *battery = session->battery;

    if (outcome != OUTCOME_SENDER_REFUSED || !battery_replace_sender(battery, &session->task)) {
        return false;
    }
    if (session->refusals >= battery->connection_refusals) {
        session->has_task = false;
        session->answered++;
        battery_put_back(battery, &session->task);
        session_quit(session);
    } else if (in_transaction) {
        session_send(session, SESSION_SENDER_RSET, "RSET");
    } else {
        session_send(session, SESSION_MAIL, "MAIL FROM:%s", session->task.envelope.sender);
    }
    return true;
}

void session_take_mail(struct session *session, const struct reply *reply)
{
    if (reply_is_positive(reply)) {
        session_send(session, SESSION_RCPT, "RCPT TO:%s", session->task.envelope.recipient);
        return;
    }
    enum outcome outcome = keep_answer(session, reply, true);
    if (reply->code == SESSION_CODE_CLOSING) {
        hung_up(session, reply);
    } else if (!try_other_sender(session, outcome, false)) {
        finish_task(session);
        next_technique(session);
    }
}

void session_take_rcpt(struct session *session, const struct reply *reply)
{
    enum outcome outcome = keep_answer(session, reply, false);

    if (reply->code == SESSION_CODE_CLOSING) {
        hung_up(session, reply);
    } else if (outcome == OUTCOME_ACCEPTED) {
        session_send(session, SESSION_CONFIRM, "EHLO %s", session->helo);
    } else if (!try_other_sender(session, outcome, true)) {
        finish_task(session);
        session_send(session, SESSION_RSET, "RSET");
    }
}

/* RSET has no reason to fail (RFC 5321 section 4.1.1.5); a connection where it does is left. */
static bool reset_worked(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    if (reply_is_positive(reply)) {
        return true;
    }
    if (reply->code == SESSION_CODE_CLOSING) {
        hung_up(session, reply);
        return false;
    }
    session_describe(why, "RSET was refused", reply);
    battery_trouble(session->battery, "%s", why);
    session_cut_task(session, why);
    session_quit(session);
    return false;
}

/* ---- whether an acceptance was one ------------------------------------------------------ */

/* Whether this is what EHLO was answered with before. The first line of several may greet
 * differently each time. */
static bool is_hello(const struct session *session, const struct reply *reply)
{
    const struct reply *hello = &session->hello;
    const char *lines = strchr(reply->text, '\n');
    const char *hello_lines = strchr(hello->text, '\n');

    if (reply->code != hello->code || (lines == NULL) != (hello_lines == NULL)) {
        return false;
    }
    return lines != NULL ? strcmp(lines, hello_lines) == 0 : strcmp(reply->text, hello->text) == 0;
}

void session_void_acceptance(struct session *session)
{
    struct technique_result *into = session->task.into;

    if (session->at_control) {
        into->control_asked = false;
        return;
    }
    *into = (struct technique_result){.technique = into->technique, .unconfirmed = true};
}

static void out_of_step(struct session *session, const struct reply *reply)
{
    char why[SESSION_SENTENCE_SIZE];

    session_describe(why, "An acceptance was void, for the server's replies are out of step",
                     reply);
    session_void_acceptance(session);
    battery_trouble(session->battery, "%s", why);
    session_cut_task(session, why);
    session_close(session);
}

/* The transaction is over, too. */
static void confirmed(struct session *session)
{
    if (!session->at_control && session->task.envelope.control[0] != '\0') {
        session->at_control = true;
        session_send(session, SESSION_CONTROL_MAIL, "MAIL FROM:%s", session->task.envelope.sender);
        return;
    }
    finish_task(session);
    next_technique(session);
}

void session_take_confirm(struct session *session, const struct reply *reply)
{
    bool known = is_hello(session, reply);

    if (reply->code == SESSION_CODE_CLOSING) {
        hung_up(session, reply);
    } else if (known && reply->code == SESSION_CODE_OK) {
        confirmed(session);
    } else if (known || (reply->code >= 500 && reply->code <= 504)) {
        /* Takes no EHLO, or only one: a server in step takes RSET, and does not answer it as it did
         * EHLO. */
        session_send(session, SESSION_CONFIRM_RSET, "RSET");
    } else {
        out_of_step(session, reply);
    }
}

void session_take_confirm_rset(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_CLOSING) {
        hung_up(session, reply);
    } else if (reply->code == SESSION_CODE_OK && !is_hello(session, reply)) {
        confirmed(session);
    } else {
        out_of_step(session, reply);
    }
}

/* ---- control and reset ------------------------------------------------------------------ */

void session_take_sender_rset(struct session *session, const struct reply *reply)
{
    if (reset_worked(session, reply)) {
        session_send(session, SESSION_MAIL, "MAIL FROM:%s", session->task.envelope.sender);
    }
}

static void keep_control(struct session *session, const struct reply *reply, enum command command)
{
    struct technique_result *into = session->task.into;

    into->control_asked = true;
    into->control_code = reply->code;
    into->control = judge(session, command, reply, session->task.envelope.control);
}

void session_take_control_mail(struct session *session, const struct reply *reply)
{
    if (reply_is_positive(reply)) {
        session_send(session, SESSION_CONTROL_RCPT, "RCPT TO:%s", session->task.envelope.control);
        return;
    }
    keep_control(session, reply, COMMAND_MAIL);
    if (reply->code == SESSION_CODE_CLOSING) {
        hung_up(session, reply);
        return;
    }
    finish_task(session);
    next_technique(session);
}

void session_take_control_rcpt(struct session *session, const struct reply *reply)
{
    keep_control(session, reply, COMMAND_RCPT);
    if (reply->code == SESSION_CODE_CLOSING) {
        hung_up(session, reply);
    } else if (session->task.into->control == OUTCOME_ACCEPTED) {
        session_send(session, SESSION_CONFIRM, "EHLO %s", session->helo);
    } else {
        finish_task(session);
        session_send(session, SESSION_RSET, "RSET");
    }
}

void session_take_rset(struct session *session, const struct reply *reply)
{
    if (reset_worked(session, reply)) {
        next_technique(session);
    }
}

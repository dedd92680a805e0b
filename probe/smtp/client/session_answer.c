#include "probe/smtp/client/session_steps.h"

#include <stdio.h>

#include "lib/printable.h"

/* A reply to a technique: the facts that it is judged by, its meaning, and its row of the result.
 */

struct reply_class_question session_question(const struct session *session, enum command command,
                                             const struct reply *reply, const char *recipient)
{
    return (struct reply_class_question){
        .command = command,
        .reply = reply,
        .client = session->link.client,
        .helo = session->battery->settings->helo,
        .sender = session->task.envelope.sender,
        .recipient = command == COMMAND_MAIL ? NULL : recipient,
        .memory = &session->battery->replies,
    };
}

enum outcome session_judge(const struct session *session, enum command command,
                           const struct reply *reply, const char *recipient)
{
    const struct reply_class_question question =
        session_question(session, command, reply, recipient);

    return reply_class_judge(&question);
}

void session_write_down(const struct session *session, struct technique_result *into,
                        const struct reply *reply, const char *recipient)
{
    struct string_pool *texts = &session->battery->result->texts;
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
    into->any_user = false;
    into->code = reply->code;
    into->helo = string_pool_keep(texts, session->link.helo);
    snprintf(shown, sizeof(shown), "%s%s", envelope->sender, envelope->sender_parameters);
    into->sender = string_pool_keep(texts, shown);
    into->recipient = string_pool_keep(texts, recipient);
    printable_string(into->enhanced, sizeof(into->enhanced), reply->enhanced);
    reply_show(reply, text, sizeof(text));
    into->text = string_pool_keep(texts, text);
}

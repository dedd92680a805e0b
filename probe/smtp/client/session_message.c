#include "probe/smtp/client/session_steps.h"

/* The one message of an audit: DATA after an accepted recipient, and its text. */

/* The reply that decides what becomes of the message. */
static void keep_reply(struct session *session, enum command command, enum message_state state,
                       const struct reply *reply)
{
    struct endpoint_result *result = session->battery->result;
    char text[RESULT_TEXT_SIZE];

    reply_show(reply, text, sizeof(text));
    result->message.state = state;
    result->message.code = reply->code;
    result->message.text = string_pool_keep(&result->texts, text);
    result->message.denies =
        state == MESSAGE_REFUSED && outcome_denies_relaying(session_judge(
                                        session, command, reply, session->task.envelope.recipient));
}

void session_message_answered(struct session *session, const struct reply *reply,
                              enum outcome outcome)
{
    if (outcome != OUTCOME_ACCEPTED) {
        keep_reply(session, COMMAND_RCPT, MESSAGE_REFUSED, reply);
    }
}

void session_send_message(struct session *session)
{
    static const enum session_state step = SESSION_DATA;

    session->transaction.open = false; /* it ends with the text, and is not to be reset before */
    session_plan(session, &step, 1);
}

void session_take_data(struct session *session, const struct reply *reply)
{
    if (reply->code == SESSION_CODE_TEXT) {
        /* From here on it may have been taken, whatever follows. */
        session->battery->result->message.state = MESSAGE_UNANSWERED;
        session->battery->result->message.sent = true;
        session_send(session, SESSION_TEXT, "%s", session->battery->message);
        return;
    }
    keep_reply(session, COMMAND_DATA, MESSAGE_REFUSED, reply);
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        session->next = SESSION_NEXT_ENDED;
    }
}

void session_take_text(struct session *session, const struct reply *reply)
{
    keep_reply(session, COMMAND_DATA, reply_is_positive(reply) ? MESSAGE_TAKEN : MESSAGE_REFUSED,
               reply);
    if (reply->code == SESSION_CODE_CLOSING) {
        session_hung_up(session, reply);
    } else {
        session->next = SESSION_NEXT_ENDED;
    }
}

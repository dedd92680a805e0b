#include "probe/judge/diagnosis_message.h"

#include <string.h>

#include "probe/judge/diagnosis_words.h"
#include "probe/judge/mta.h"

#define REPLY_SIZE 200 /* of a reply that a sentence quotes */

/* ": 250 the server's words", or what went wrong, or nothing. */
static const char *quote(const struct message_result *message, char out[REPLY_SIZE])
{
    const char *text = message->text != NULL ? message->text : "";

    out[0] = '\0';
    if (message->code != 0) {
        diagnosis_say(out, REPLY_SIZE, ": %d %s", message->code, text);
    } else if (text[0] != '\0') {
        diagnosis_say(out, REPLY_SIZE, ": %s", text);
    }
    size_t length = strlen(out);
    if (length > 0 && out[length - 1] == '.') {
        out[length - 1] = '\0';
    }
    return out;
}

/* Of a message that did not arrive: where it may lie. */
static const struct remedy fix_missing[] = {
    {MTA_POSTFIX, "hold, discard and filters show there (postqueue -p)."},
    {MTA_SENDMAIL, "mailq shows it."},
    {MTA_EXIM, "exim -bp shows it."},
    {MTA_UNKNOWN, "Look for it at the canary, too: has its mailbox or alias a call of "
                  "relaywarden-probe receive?"},
    {MTA_UNKNOWN, "If the server discards on purpose, refuse instead."},
    {.text = NULL},
};

void diagnosis_explain_doubt(struct endpoint_result *result)
{
    const struct message_result *message = &result->message;
    char reply[REPLY_SIZE];
    char source[ADDRESS_TEXT_SIZE];
    char span[32] = "";

    address_format(&result->source, source);
    if (message->state == MESSAGE_REFUSED) {
        diagnosis_say(result->why, sizeof(result->why),
                      "The server took a stranger's (%s) outside recipient (%s), but refused the "
                      "message itself as it refuses relaying%s.",
                      source, message->technique->id, quote(message, reply));
        remedies_add(&result->fix, MTA_UNKNOWN,
                     "If the server is meant to refuse only after DATA, move that to RCPT: other "
                     "testers, and spammers who try, see an open relay there.");
        return;
    }
    if (message->waited > 0) {
        diagnosis_say(span, sizeof(span), "in %ld s", message->waited);
    } else {
        diagnosis_say(span, sizeof(span), "since an earlier audit");
    }
    diagnosis_say(result->why, sizeof(result->why),
                  "The server took a message from a stranger (%s) to the outside canary (%s), but "
                  "%s it did not arrive there: it is discarded, held, or on its way still.",
                  source, message->technique->id, span);
    remedies_add(&result->fix, MTA_UNKNOWN,
                 "Look for the token %s in the server's log and queue. If the message was relayed, "
                 "and late, this is an open relay.",
                 message->token);
    remedies_add_rows(&result->fix, fix_missing, mta_recognise(result));
}

/* A sentence for each state, with the reply or without. */
static const struct {
    const char *sentence;
    bool quotes;
} outcomes[] = {
    [MESSAGE_NONE] = {" No message was sent to prove it", true},
    [MESSAGE_SPARED] = {" No message was sent to prove it, for there were four in a day", false},
    [MESSAGE_REFUSED] = {" The message that was to prove it was refused", true},
    [MESSAGE_UNANSWERED] = {" A message was sent to prove it, but got no reply", true},
    [MESSAGE_TAKEN] = {" It took a message to the canary", true},
    [MESSAGE_ARRIVED] = {" A message arrived at the canary", false},
    [MESSAGE_MISSING] = {"", false},
};

void diagnosis_explain_message(struct endpoint_result *result)
{
    const struct message_result *message = &result->message;
    char reply[REPLY_SIZE];

    if (message->technique != NULL && outcomes[message->state].sentence[0] != '\0') {
        diagnosis_say(result->why, sizeof(result->why), "%s%s.", outcomes[message->state].sentence,
                      outcomes[message->state].quotes ? quote(message, reply) : "");
    }
}

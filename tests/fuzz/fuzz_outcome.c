/* probe/smtp/reply/reply_class.c: one of the outcomes for every reply, whatever it says and
 * whatever we asked. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/result.h"
#include "probe/smtp/reply/reply_class.h"
#include "tests/fuzz/fuzz.h"

static void check_codes(const struct reply_class_question *question, enum outcome outcome)
{
    int code = question->reply->code;

    FUZZ_MUST(outcome <= OUTCOME_CLOSING);
    FUZZ_MUST(strlen(outcome_name(outcome)) > 0);
    /* Any 2xx accepts (RFC 5321, 4.2.1) but 221, which says that the server closes. */
    FUZZ_MUST((outcome == OUTCOME_ACCEPTED) == (code >= 200 && code < 300 && code != 221));
    FUZZ_MUST(!outcome_denies_relaying(outcome) || code >= 400);
    FUZZ_MUST(!outcome_is_temporary(outcome) || (code >= 200 && code < 500));
    FUZZ_MUST(outcome != OUTCOME_CLOSING || code == 0 || code == 221 || code == 421);
    FUZZ_MUST(question->command != COMMAND_MAIL || outcome != OUTCOME_RECIPIENT_REFUSED);
}

/* Upper and lower case of what the server says make no difference. */
static void check_case(const struct reply_class_question *question, enum outcome outcome)
{
    static struct reply loud;
    struct reply_class_question again = *question;

    loud = *question->reply;
    for (char *at = loud.text; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    again.reply = &loud;
    FUZZ_MUST(reply_class_judge(&again) == outcome);
}

/* Whoever is asked in vain for an address cannot be made to deny relaying by that address's own
 * words: it says no more than a server that leaves the address out. */
static void check_quoted(const struct reply_class_question *question)
{
    static struct reply bare;
    static struct reply quoting;
    struct reply_class_question again = *question;
    const char *path = question->recipient;

    if (path == NULL || path[0] != '<' ||
        strpbrk(path + 1, "<> \t\r\n") != path + strlen(path) - 1 || strlen(path) > 200 ||
        question->reply->code < 400 || question->reply->code == 421) {
        return;
    }
    bare = (struct reply){.code = question->reply->code, .lines = 1};
    quoting = bare;
    bare.text_length = (size_t)snprintf(bare.text, sizeof(bare.text), "no such thing");
    quoting.text_length =
        (size_t)snprintf(quoting.text, sizeof(quoting.text), "%s: no such thing", path);
    again.client = NULL;
    again.helo = NULL;
    again.reply = &bare;
    enum outcome without = reply_class_judge(&again);
    again.reply = &quoting;
    FUZZ_MUST(reply_class_judge(&again) == without);
}

/* The reply as the parser makes it of the rest of the input; false if none is complete. */
static bool read_reply(struct fuzz_input *input, struct reply_parser *parser)
{
    size_t length;
    size_t used;
    char *bytes = fuzz_rest(input, &length);

    reply_parser_reset(parser);
    enum reply_state state = reply_parser_feed(parser, bytes, length, &used);
    free(bytes);
    return state == REPLY_COMPLETE;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct reply_parser parser;
    struct fuzz_input input = {bytes, length};
    uint8_t what = fuzz_byte(&input);
    char *client = fuzz_field(&input);
    char *sender = fuzz_field(&input);
    char *recipient = fuzz_field(&input);
    struct reply_class_question question = {
        .command = (what & 1) == 0   ? COMMAND_MAIL
                   : (what & 8) == 0 ? COMMAND_RCPT
                                     : COMMAND_DATA,
        .reply = &parser.reply,
        .client = (what & 2) != 0 ? client : NULL,
        .helo = (what & 4) != 0 ? client : NULL,
        .sender = sender,
        .recipient = (what & 1) != 0 ? recipient : NULL,
    };

    if (read_reply(&input, &parser)) {
        enum outcome outcome = reply_class_judge(&question);
        check_codes(&question, outcome);
        check_case(&question, outcome);
        check_quoted(&question);
    }
    free(recipient);
    free(sender);
    free(client);
    return 0;
}

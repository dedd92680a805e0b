/* probe/smtp/reply/reply.c: the same octets are the same reply, however they are cut into pieces,
 * and what it holds is within its bounds. */
#include <stdlib.h>
#include <string.h>

#include "probe/smtp/reply/reply.h"
#include "tests/fuzz/fuzz.h"

/* The most that a reply which is not malformed can have: all its lines, and their ends. */
#define OCTETS_MAX ((size_t)(REPLY_LINES_MAX + 1) * (REPLY_LINE_MAX + 1))

static bool is_enhanced(const char *text)
{
    size_t dots = 0;

    for (const char *at = text + 1; *at != '\0'; at++) {
        dots += *at == '.';
        FUZZ_MUST(*at == '.' || (*at >= '0' && *at <= '9'));
    }
    return strchr("245", text[0]) != NULL && dots == 2;
}

static void check(const struct reply_parser *parser, enum reply_state state)
{
    const struct reply *reply = &parser->reply;

    FUZZ_MUST(state == parser->state);
    FUZZ_MUST(reply->text_length < REPLY_TEXT_SIZE);
    FUZZ_MUST(strlen(reply->text) == reply->text_length);
    FUZZ_MUST(reply->lines <= REPLY_LINES_MAX);
    FUZZ_MUST(reply->code == 0 || (reply->code >= 200 && reply->code <= 599));
    FUZZ_MUST((reply->code == 0) == (reply->lines == 0));
    FUZZ_MUST(reply->enhanced[0] == '\0' || is_enhanced(reply->enhanced));
    FUZZ_MUST(reply->enhanced[0] == '\0' || reply->enhanced[0] - '0' == reply->code / 100);
    FUZZ_MUST(state != REPLY_COMPLETE || reply->code != 0);
    FUZZ_MUST(parser->octets <= OCTETS_MAX);
}

/* Everything in pieces of `piece` octets; returns how much was used. */
static size_t feed(struct reply_parser *parser, const char *bytes, size_t length, size_t piece)
{
    enum reply_state state = REPLY_MORE;
    size_t at = 0;

    reply_parser_reset(parser);
    while (at < length && state == REPLY_MORE) {
        size_t used;
        size_t now = length - at < piece ? length - at : piece;
        state = reply_parser_feed(parser, bytes + at, now, &used);
        FUZZ_MUST(used <= now && (used == now || state != REPLY_MORE));
        at += used;
        check(parser, state);
    }
    FUZZ_MUST(parser->octets == at);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct reply_parser whole;
    static struct reply_parser pieces;
    struct fuzz_input input = {bytes, length};
    size_t piece = (size_t)fuzz_byte(&input) + 1;
    size_t left;
    char *rest = fuzz_rest(&input, &left);
    size_t at = 0;

    /* One reply after the other, as a connection brings them. */
    while (at < left) {
        size_t used = feed(&whole, rest + at, left - at, left - at);
        FUZZ_MUST(feed(&pieces, rest + at, left - at, piece) == used);
        FUZZ_MUST(whole.state == pieces.state);
        FUZZ_MUST(memcmp(&whole.reply, &pieces.reply, sizeof(whole.reply)) == 0);
        if (whole.state != REPLY_COMPLETE) {
            break;
        }
        at += used;
    }
    free(rest);
    return 0;
}

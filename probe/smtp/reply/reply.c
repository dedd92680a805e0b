#include "probe/smtp/reply/reply.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/printable.h"

void reply_parser_reset(struct reply_parser *parser)
{
    memset(&parser->reply, 0, sizeof(parser->reply));
    parser->line_length = 0;
    parser->octets = 0;
    parser->state = REPLY_MORE;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One to three digits from *at on; moves *at past them. */
static bool skip_number(const char *text, size_t length, size_t *at)
{
    size_t start = *at;
    while (*at < length && *at - start < 3 && is_digit(text[*at])) {
        (*at)++;
    }
    return *at > start;
}

/* Length of an enhanced status code of this reply's class at the start of text, with nothing or a
 * space behind it; 0 if there is none. A code of another class is text: RFC 3463 section 2 ties the
 * two together. */
static size_t enhanced_length(const char *text, size_t length, int code)
{
    size_t at = 2;
    if (length < 5 || text[0] - '0' != code / 100 || text[0] == '3' || text[1] != '.') {
        return 0;
    }
    if (!skip_number(text, length, &at) || at >= length || text[at++] != '.' ||
        !skip_number(text, length, &at)) {
        return 0;
    }
    return at == length || text[at] == ' ' ? at : 0;
}

/* Takes what is over from behind the head of a refusal, so that `length` octets and a newline fit.
 */
static void make_room(struct reply *reply, size_t length)
{
    size_t wanted = reply->text_length + length + 1;
    size_t over = wanted > REPLY_TEXT_SIZE - 1 ? wanted - (REPLY_TEXT_SIZE - 1) : 0;

    if (reply->code < 400 || over == 0 || reply->text_length <= REPLY_HEAD) {
        return;
    }
    size_t behind = reply->text_length - REPLY_HEAD;
    over = over < behind ? over : behind;
    memmove(reply->text + REPLY_HEAD, reply->text + REPLY_HEAD + over, behind - over);
    reply->text_length -= over;
}

static void append_text(struct reply *reply, const char *text, size_t length)
{
    make_room(reply, length);
    if (reply->lines > 1 && reply->text_length < REPLY_TEXT_SIZE - 1) {
        reply->text[reply->text_length++] = '\n';
    }
    size_t room = REPLY_TEXT_SIZE - 1 - reply->text_length;
    size_t take = length < room ? length : room;
    for (size_t i = 0; i < take; i++) {
        reply->text[reply->text_length++] = (char)(text[i] == '\0' ? ' ' : text[i]);
    }
    reply->text[reply->text_length] = '\0';
}

static unsigned int offer_in(const char *text, size_t length)
{
    static const struct {
        const char *keyword;
        enum reply_offer offer;
    } offers[] = {{"STARTTLS", REPLY_OFFERS_STARTTLS}, {"PIPELINING", REPLY_OFFERS_PIPELINING}};

    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        size_t size = strlen(offers[i].keyword);
        if (length >= size && strncasecmp(text, offers[i].keyword, size) == 0 &&
            (length == size || isspace((unsigned char)text[size]))) {
            return offers[i].offer;
        }
    }
    return 0;
}

/* Three digits from 200 to 599, then a space, a hyphen or nothing; 0 if the line does not start so.
 */
static int line_code(const char *line, size_t length)
{
    if (length < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2])) {
        return 0;
    }
    if (length > 3 && line[3] != ' ' && line[3] != '-') {
        return 0;
    }
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

static enum reply_state take_line(struct reply_parser *parser)
{
    struct reply *reply = &parser->reply;
    const char *line = parser->line;
    size_t length = parser->line_length;

    parser->line_length = 0;
    if (length > 0 && line[length - 1] == '\r') {
        length--;
    }
    int code = line_code(line, length);
    if (code == 0 || (reply->code != 0 && code != reply->code) || reply->lines == REPLY_LINES_MAX) {
        if (reply->lines == 0) {
            append_text(reply, line, length);
        }
        return REPLY_MALFORMED;
    }
    reply->code = code;
    reply->lines++;

    size_t start = length > 4 ? 4 : length;
    size_t enhanced = enhanced_length(line + start, length - start, code);
    if (enhanced > 0 && reply->enhanced[0] == '\0') {
        memcpy(reply->enhanced, line + start, enhanced);
        reply->enhanced[enhanced] = '\0';
    }
    /* A later line with a code of its own keeps it in the text: nothing that was said is lost. */
    if (enhanced > 0 && strlen(reply->enhanced) == enhanced &&
        memcmp(reply->enhanced, line + start, enhanced) == 0) {
        start += enhanced;
        while (start < length && line[start] == ' ') {
            start++;
        }
    }
    append_text(reply, line + start, length - start);
    if (reply->lines > 1) {
        reply->offers |= offer_in(line + start, length - start);
    }
    return length > 3 && line[3] == '-' ? REPLY_MORE : REPLY_COMPLETE;
}

enum reply_state reply_parser_feed(struct reply_parser *parser, const char *bytes, size_t length,
                                   size_t *used)
{
    size_t at = 0;
    while (at < length && parser->state == REPLY_MORE) {
        char byte = bytes[at++];
        if (byte == '\n') {
            parser->state = take_line(parser);
        } else if (parser->line_length == REPLY_LINE_MAX) {
            parser->state = REPLY_MALFORMED;
        } else {
            parser->line[parser->line_length++] = byte;
        }
    }
    parser->octets += at;
    *used = at;
    return parser->state;
}

/* The end of `text`, at most `size` octets of it, that is `size` at most when it is shown, too. */
static void show_end(char *out, size_t size, const char *text, size_t length)
{
    size_t take = length < size - 1 ? length : size - 1;

    while (take > 0) {
        size_t shown = 0;
        for (size_t i = length - take; i < length; i++) {
            char octet[8];
            shown +=
                (unsigned char)text[i] >= 0x80 ? 4 : printable(octet, sizeof(octet), text + i, 1);
        }
        if (shown < size) {
            break;
        }
        take -= take / 8 + 1;
    }
    printable(out, size, text + length - take, take);
}

void reply_show(const struct reply *reply, char *out, size_t size)
{
    char text[REPLY_TEXT_SIZE];
    size_t length = reply->code >= 400 ? strlen(reply->text) : strcspn(reply->text, "\n");

    memcpy(text, reply->text, length);
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)(text[i] == '\n' ? ' ' : text[i]);
    }
    char whole[4 * REPLY_TEXT_SIZE + 1];
    size_t shown = printable(whole, sizeof(whole), text, length);
    if (shown < size || reply->code < 400) {
        printable(out, size, text, length);
        return;
    }
    size_t head = printable(out, size / 2, text, length); /* ends in "..." */
    show_end(out + head, size - head, text, length);
}

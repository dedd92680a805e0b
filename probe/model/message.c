#include "probe/model/message.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define TOKEN_LENGTH (MESSAGE_TOKEN_SIZE - 1)

const char *message_state_name(enum message_state state)
{
    static const char *const names[] = {
        [MESSAGE_NONE] = "none",       [MESSAGE_SPARED] = "spared",
        [MESSAGE_REFUSED] = "refused", [MESSAGE_UNANSWERED] = "unanswered",
        [MESSAGE_TAKEN] = "taken",     [MESSAGE_ARRIVED] = "arrived",
        [MESSAGE_MISSING] = "missing",
    };
    return names[state];
}

/* ---- tokens ------------------------------------------------------------------------------- */

static_assert(TOKEN_LENGTH == 2 * TOKEN_MESSAGE, "a token is its octets in hexadecimal");

bool message_new_token(const struct token_key *key, char token[MESSAGE_TOKEN_SIZE])
{
    uint8_t octets[TOKEN_MESSAGE];

    if (getrandom(octets, sizeof(octets), 0) != (ssize_t)sizeof(octets) ||
        (key != NULL && !token_message_seal(key, octets))) {
        return false;
    }
    for (size_t i = 0; i < sizeof(octets); i++) {
        snprintf(token + 2 * i, 3, "%02x", octets[i]);
    }
    return true;
}

bool message_is_sealed(const struct token_key *key, const char *token)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t octets[TOKEN_MESSAGE];

    if (!message_is_token(token, strlen(token))) {
        return false;
    }
    for (size_t i = 0; i < sizeof(octets); i++) {
        size_t high = (size_t)(strchr(digits, token[2 * i]) - digits);
        size_t low = (size_t)(strchr(digits, token[2 * i + 1]) - digits);
        octets[i] = (uint8_t)(high << 4 | low);
    }
    return token_message_verify(key, octets);
}

bool message_is_token(const char *text, size_t length)
{
    return length == TOKEN_LENGTH && strspn(text, "0123456789abcdef") >= TOKEN_LENGTH;
}

/* ---- the text ----------------------------------------------------------------------------- */

/* RFC 5322 section 3.3, in UTC and whatever the locale. */
static void write_date(time_t now, char out[40])
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm parts = {.tm_mday = 1};

    (void)gmtime_r(&now, &parts);
    snprintf(out, 40, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[parts.tm_wday % 7],
             parts.tm_mday % 100, months[parts.tm_mon % 12], (parts.tm_year + 1900) % 10000,
             parts.tm_hour % 100, parts.tm_min % 100, parts.tm_sec % 100);
}

void message_write(const struct message_parts *parts, char out[MESSAGE_TEXT_SIZE])
{
    const char *domain = strrchr(parts->canary, '@');
    char date[40];

    write_date(parts->now, date);
    snprintf(out, MESSAGE_TEXT_SIZE,
             "Date: %s\r\n"
             "From: <%s>\r\n"
             "To: <%s>\r\n"
             "Subject: Relay test of %.255s\r\n"
             "Message-ID: <rwm1.%s%s>\r\n"
             "Auto-Submitted: auto-generated\r\n" MESSAGE_HEADER ": %s\r\n"
             "MIME-Version: 1.0\r\n"
             "Content-Type: text/plain; charset=us-ascii\r\n"
             "\r\n"
             "This message tests whether a mail server relays for strangers. It was sent\r\n"
             "by relaywarden-probe, which the operator of that server runs, through the\r\n"
             "server that the subject names, to a mailbox that is kept for such tests.\r\n"
             "\r\n"
             "If you can read this there, the server relays mail for anybody. Nothing\r\n"
             "else is asked of you, and no answer is expected.\r\n"
             ".",
             date, parts->canary, parts->canary, parts->host, parts->token,
             domain != NULL ? domain : "@localhost", parts->token);
}

/* ---- reading it --------------------------------------------------------------------------- */

/* The token that the field's line has, if it is that field. */
static bool read_field(const char *line, size_t length, char token[MESSAGE_TOKEN_SIZE])
{
    size_t at = strlen(MESSAGE_HEADER);

    if (length <= at || strncasecmp(line, MESSAGE_HEADER, at) != 0 || line[at] != ':') {
        return false;
    }
    at++;
    while (at < length && (line[at] == ' ' || line[at] == '\t')) {
        at++;
    }
    while (length > at &&
           (line[length - 1] == ' ' || line[length - 1] == '\t' || line[length - 1] == '\r')) {
        length--;
    }
    char value[MESSAGE_TOKEN_SIZE] = "";
    if (length - at != TOKEN_LENGTH) {
        return false;
    }
    memcpy(value, line + at, TOKEN_LENGTH);
    if (!message_is_token(value, TOKEN_LENGTH)) {
        return false;
    }
    memcpy(token, value, MESSAGE_TOKEN_SIZE);
    return true;
}

bool message_find_token(const char *text, size_t length, char token[MESSAGE_TOKEN_SIZE])
{
    const char *end = text + length;

    for (const char *line = text; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *next = newline != NULL ? newline : end;
        if (next == line || (next == line + 1 && *line == '\r')) {
            return false;
        }
        if (read_field(line, (size_t)(next - line), token)) {
            return true;
        }
        line = next + 1;
    }
    return false;
}

#include "probe/smtp/ehlo.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/printable.h"

#define AFTER_WORD      " \t=\r\n"
#define CODE_OK         250
#define CAPABILITY_SIZE 256

bool ehlo_has_word(const char *words, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = words + strspn(words, " \t="); *at != '\0' && *at != '\n';
         at += strspn(at, " \t\r")) {
        size_t here = strcspn(at, " \t\r\n");
        if (here == length && strncasecmp(at, word, length) == 0) {
            return true;
        }
        at += here;
    }
    return false;
}

/* The line ends at its terminator or at a newline. */
static bool line_offers(const char *line, const char *what)
{
    size_t length = strcspn(what, " ");

    /* strchr finds the terminator, too */
    if (strncasecmp(line, what, length) != 0 || strchr(AFTER_WORD, line[length]) == NULL) {
        return false;
    }
    return what[length] == '\0' || ehlo_has_word(line + length, what + length + 1);
}

bool ehlo_offers(const struct endpoint_result *result, const char *what)
{
    for (size_t i = 0; i < result->capability_count; i++) {
        if (line_offers(result->capabilities[i], what)) {
            return true;
        }
    }
    return false;
}

bool ehlo_reply_offers(const struct reply *hello, const char *what)
{
    for (const char *at = strchr(hello->text, '\n'); at != NULL; at = strchr(at + 1, '\n')) {
        if (line_offers(at + 1, what)) {
            return true;
        }
    }
    return false;
}

void ehlo_keep(struct endpoint_result *result, const struct reply *reply)
{
    const char *line = strchr(reply->text, '\n');

    result->capability_count = 0;
    while (line != NULL && result->capability_count < RESULT_CAPABILITIES) {
        const char *next = strchr(line + 1, '\n');
        size_t length = next != NULL ? (size_t)(next - line - 1) : strlen(line + 1);
        char shown[CAPABILITY_SIZE];
        printable(shown, sizeof(shown), line + 1, length);
        result->capabilities[result->capability_count++] = string_pool_keep(&result->texts, shown);
        line = next;
    }
}

/* The parameters of a capability, or NULL if it is not offered. "AUTH=LOGIN" is an old form. */
static const char *offered(const struct endpoint_result *result, const char *keyword)
{
    size_t length = strlen(keyword);

    for (size_t i = 0; i < result->capability_count; i++) {
        const char *line = result->capabilities[i];
        if (strncasecmp(line, keyword, length) == 0 && strchr(" =", line[length]) != NULL) {
            return line + length + strspn(line + length, " =");
        }
    }
    return NULL;
}

void ehlo_hear(struct endpoint_result *result, const char *text, bool secured)
{
    struct posture_heard *heard = &result->heard;
    const char *mechanisms = offered(result, "AUTH");

    printable(heard->ehlo, sizeof(heard->ehlo), text, strcspn(text, "\n"));
    heard->anonymous =
        heard->anonymous || (mechanisms != NULL && ehlo_has_word(mechanisms, "ANONYMOUS"));
    heard->xclient = heard->xclient || offered(result, "XCLIENT") != NULL;
    heard->xforward = heard->xforward || offered(result, "XFORWARD") != NULL;
    if (!secured && mechanisms != NULL && mechanisms[0] != '\0') {
        snprintf(heard->auth_in_clear, sizeof(heard->auth_in_clear), "%s", mechanisms);
    }
}

/* ---- another reply to EHLO --------------------------------------------------------------- */

bool ehlo_is_again(const struct reply *hello, const struct reply *reply)
{
    const char *lines = strchr(reply->text, '\n');
    const char *hello_lines = strchr(hello->text, '\n');

    if (reply->code != hello->code || (lines == NULL) != (hello_lines == NULL)) {
        return false;
    }
    return lines != NULL ? strcmp(lines, hello_lines) == 0 : strcmp(reply->text, hello->text) == 0;
}

static bool is_letter_or_digit(char octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
           (octet >= '0' && octet <= '9');
}

/* Whether the line begins with a keyword of EHLO's (RFC 5321 section 4.1.1.1), alone or with
 * parameters, which old servers put behind "="; some have "_" in theirs. An empty line says
 * nothing. */
static bool is_offer(const char *line)
{
    size_t length = 0;

    while (is_letter_or_digit(line[length]) ||
           (length > 0 && (line[length] == '-' || line[length] == '_'))) {
        length++;
    }
    return line[length] == '\0' || line[length] == '\n' ||
           (length > 0 && strchr(" \t=:", line[length]) != NULL);
}

/* Whether the line begins with a name that has a dot and a letter, or with an address literal. */
static bool begins_with_domain(const char *line)
{
    size_t length = strcspn(line, " \n");
    bool dot = false;
    bool letter = line[0] == '[';

    for (size_t i = 0; i < length; i++) {
        dot |= line[i] == '.' && i > 0 && i + 1 < length;
        letter |= is_letter_or_digit(line[i]) && !(line[i] >= '0' && line[i] <= '9');
        if (!is_letter_or_digit(line[i]) && strchr("._-[]:", line[i]) == NULL) {
            return false;
        }
    }
    return letter && (dot || line[0] == '[');
}

/* Whether the first words are the same name. */
static bool has_name_of(const struct reply *reply, const struct reply *hello)
{
    size_t name = strcspn(hello->text, " \n");

    return name > 0 && strcspn(reply->text, " \n") == name &&
           strncasecmp(reply->text, hello->text, name) == 0;
}

bool ehlo_has_shape(const struct reply *hello, const struct reply *reply)
{
    const char *line = strchr(reply->text, '\n');

    if (reply->code != CODE_OK || reply->enhanced[0] != '\0') {
        return false;
    }
    if (line == NULL) {
        return begins_with_domain(reply->text);
    }
    for (; line != NULL && !has_name_of(reply, hello); line = strchr(line + 1, '\n')) {
        if (!is_offer(line + 1)) {
            return false;
        }
    }
    return true;
}

#include "probe/smtp/ehlo.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/printable.h"

#define AFTER_WORD " \t=\r\n"

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

bool ehlo_is(const char *line, const char *what)
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
        if (ehlo_is(result->capabilities[i], what)) {
            return true;
        }
    }
    return false;
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

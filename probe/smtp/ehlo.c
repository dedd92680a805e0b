#include "probe/smtp/ehlo.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define AFTER_WORD " \t=\r\n"

bool offer_has_word(const char *words, const char *word)
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

bool offer_is(const char *line, const char *what)
{
    size_t length = strcspn(what, " ");

    /* strchr finds the terminator, too */
    if (strncasecmp(line, what, length) != 0 || strchr(AFTER_WORD, line[length]) == NULL) {
        return false;
    }
    return what[length] == '\0' || offer_has_word(line + length, what + length + 1);
}

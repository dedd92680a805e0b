#include "probe/smtp/reply/limit.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* RFC 3463 section 3.6: too many recipients, after the class. */
#define STATUS_RECIPIENTS ".5.3"
/* Between what counts and what is counted: "maximum number of 50 allowed recipients". */
#define DISTANCE 5
#define WORD_MAX 16

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '\'';
}

/* Cuts the next word of the text off, and returns what is behind it; NULL if there is none. One
 * that is longer than any that counts is cut short. */
static const char *next_word(const char *text, char word[WORD_MAX])
{
    size_t length = 0;

    while (*text != '\0' && !is_word(*text)) {
        text++;
    }
    if (*text == '\0') {
        return NULL;
    }
    for (; is_word(*text); text++) {
        if (length < WORD_MAX - 1) {
            word[length++] = (char)tolower((unsigned char)*text);
        }
    }
    word[length] = '\0';
    return text;
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(word, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

/* "too many recipients", "only one recipient at a time", "recipient limit reached", "100 recipients
 * exceeded": a number of recipients. Of one recipient much else is limited: "recipient mailbox
 * exceeds quota". */
static bool says_recipients(const char *text)
{
    static const char *const several[] = {"recipients", "rcpts", "rcpt", NULL};
    static const char *const of_several[] = {"many", "limit",  "maximum", "max",      "more",
                                             "only", "number", "exceeds", "exceeded", NULL};
    static const char *const of_one[] = {"one", "single", "1", NULL};
    static const char *const behind[] = {"limit", "limits", "count", "maximum", "number", NULL};
    static const char *const over[] = {"exceeded", "exceeds", "exceed", "limit", "maximum", NULL};
    size_t counted = DISTANCE + 1; /* words ago */
    size_t named = DISTANCE + 1;
    char before[WORD_MAX] = "";
    char word[WORD_MAX];

    while ((text = next_word(text, word)) != NULL) {
        counted = is_one_of(word, of_several) ? 0 : counted + 1;
        bool is_several = is_one_of(word, several);
        if ((is_several && counted <= DISTANCE) || (named <= DISTANCE && is_one_of(word, over)) ||
            (strcmp(word, "recipient") == 0 && is_one_of(before, of_one)) ||
            (strcmp(before, "recipient") == 0 && is_one_of(word, behind))) {
            return true;
        }
        named = is_several ? 0 : named + 1;
        memcpy(before, word, sizeof(before));
    }
    return false;
}
static bool says_length(const char *text)
{
    return strcasestr(text, "too long") != NULL || strcasestr(text, "length exceed") != NULL ||
           strcasestr(text, "exceeds the maximum length") != NULL ||
           strcasestr(text, "length limit") != NULL;
}

enum limit limit_met(const struct technique *technique, const struct reply *reply,
                     enum outcome outcome)
{
    bool later = outcome == OUTCOME_DEFERRED || outcome == OUTCOME_RECIPIENT_REFUSED;
    bool status = reply->enhanced[0] != '\0' && strcmp(reply->enhanced + 1, STATUS_RECIPIENTS) == 0;

    if (later && technique->sequence != TECHNIQUE_SEQUENCE_ALONE &&
        (status || says_recipients(reply->text))) {
        return LIMIT_RECIPIENTS;
    }
    if (technique->trait != TECHNIQUE_BY_NOTHING && reply->code >= 500 &&
        (outcome == OUTCOME_RECIPIENT_REFUSED || outcome == OUTCOME_SENDER_REFUSED) &&
        says_length(reply->text)) {
        return LIMIT_LENGTH;
    }
    return LIMIT_NONE;
}

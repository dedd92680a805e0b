#include "probe/smtp/retry.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "probe/model/evidence.h"

#define DAY_SECONDS 86400L

static bool control_is_due(const struct technique_result *asked)
{
    return asked->asked && asked->outcome == OUTCOME_ACCEPTED && asked->control_asked &&
           outcome_is_temporary(asked->control);
}

bool retry_is_due(const struct technique_result *asked)
{
    return evidence_is_put_off(asked) || control_is_due(asked);
}

bool retry_is_worth(const struct endpoint_result *result, const struct technique_result *asked)
{
    return retry_is_due(asked) &&
           !(control_is_due(asked) && evidence_count(result).count[EVIDENCE_PROVEN] > 0);
}

/* ---- what a reply asks for ---------------------------------------------------------------- */

static const struct {
    const char *word; /* with and without a plural's s */
    long seconds;
} units[] = {
    {"s", 1},       {"sec", 1},  {"second", 1}, {"m", 60},      {"min", 60},
    {"minute", 60}, {"h", 3600}, {"hr", 3600},  {"hour", 3600},
};

/* Reads digits; at most a day's worth of anything. */
static const char *read_number(const char *at, long *number)
{
    *number = 0;
    for (; isdigit((unsigned char)*at); at++) {
        *number = *number * 10 + (*at - '0');
        if (*number > DAY_SECONDS) {
            *number = DAY_SECONDS;
        }
    }
    return at;
}

/* The rest of "00:05:00" or "05:00" after its first number; false when it is no such thing. */
static bool read_clock(const char *at, long *seconds)
{
    unsigned int parts = 1;
    long value = *seconds;

    while (parts < 3 && at[0] == ':' && isdigit((unsigned char)at[1]) &&
           isdigit((unsigned char)at[2]) && !isdigit((unsigned char)at[3])) {
        value = value * 60 + (at[1] - '0') * 10L + (at[2] - '0');
        at += 3;
        parts++;
    }
    if (parts == 1 || *at == ':' || isalnum((unsigned char)*at)) {
        return false;
    }
    *seconds = value;
    return true;
}

/* The unit after a number, in seconds; 0 when there is none. */
static long read_unit(const char **at)
{
    const char *word = *at + strspn(*at, " ");
    size_t length = 0;

    while (isalpha((unsigned char)word[length])) {
        length++;
    }
    size_t singular =
        length > 1 && tolower((unsigned char)word[length - 1]) == 's' ? length - 1 : length;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].word) == singular && strncasecmp(units[i].word, word, singular) == 0) {
            *at = word + length;
            return units[i].seconds;
        }
    }
    return 0;
}

/* A duration that begins at this digit, "4 minutes 30 seconds" in all of its parts; 0 if it is
 * none. 12:30 is one only after "in": else it is a time of the day. */
static long read_duration(const char *text, const char *at)
{
    bool after_in = at - text >= 3 && strncasecmp(at - 3, "in ", 3) == 0;
    long whole = 0; /* never more than a day: a long may have 32 bits */

    while (isdigit((unsigned char)*at)) {
        long number;
        at = read_number(at, &number);
        if (after_in && whole == 0 && read_clock(at, &number)) {
            return number;
        }
        long unit = read_unit(&at);
        if (unit == 0) {
            break;
        }
        int64_t sum = whole + (int64_t)number * unit;
        whole = sum < DAY_SECONDS ? (long)sum : DAY_SECONDS;
        at += strspn(at, " ,");
        at += strncasecmp(at, "and ", 4) == 0 ? 4 : 0;
    }
    return whole;
}

long retry_named(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        bool begins = isdigit((unsigned char)*at) &&
                      (at == text || (!isalnum((unsigned char)at[-1]) && at[-1] != '.' &&
                                      at[-1] != ':' && at[-1] != '-'));
        long seconds = begins ? read_duration(text, at) : 0;
        if (seconds > 0) {
            return seconds < DAY_SECONDS ? seconds : DAY_SECONDS;
        }
    }
    return 0;
}

/* ---- when to ask again -------------------------------------------------------------------- */

static const struct technique_result *first_due(const struct endpoint_result *result)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        if (retry_is_worth(result, &result->techniques[i])) {
            return &result->techniques[i];
        }
    }
    return NULL;
}

bool retry_next(struct retry *patience, const struct endpoint_result *result, int64_t now,
                int64_t *when)
{
    const struct technique_result *due = first_due(result);

    if (due == NULL || now >= patience->until) {
        return false;
    }
    long named = outcome_is_temporary(due->outcome) ? retry_named(due->text) : patience->named;
    int64_t next = now + (int64_t)named * 1000 + RETRY_MARGIN_MS;
    patience->named = named;
    if (named == 0) {
        unsigned int doublings = patience->tries < 10 ? patience->tries : 10;
        next = now + ((int64_t)RETRY_FIRST_MS << doublings);
        if (next > patience->until) {
            next = patience->until;
        }
    }
    if (next > patience->until) {
        return false;
    }
    patience->tries++;
    *when = next;
    return true;
}

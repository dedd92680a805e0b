#include "probe/judge/own_name.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define LITERAL_SIZE 64 /* with brackets and a tag */
#define LABEL_MAX    63 /* RFC 1035 section 2.3.4 */

/* Ends of names that no public DNS has (RFC 2606, 6761, 6762, 8375, and what private networks use).
 * .test and .example are left out: who has these is trying something. */
static const char *const private_ends[] = {
    ".local",     ".localdomain", ".localhost", ".internal", ".intranet", ".lan",
    ".home.arpa", ".invalid",     ".corp",      ".home",     ".private",
};

/* First words of servers that say no name at all. */
static const char *const no_names[] = {
    "esmtp", "smtp", "lmtp", "ok", "hello", "hi", "welcome", "ready", "greetings", "go", "service",
};

/* Words that mostly stand behind the name: of greetings, and of replies to EHLO by Exchange, npm's
 * smtp-server, and others. */
static const char *const followers[] = {
    "esmtp", "smtp", "lmtp", "microsoft", "hello", "nice", "at", "pleased",
};

static bool is_listed(const char *text, size_t length, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i]) == length && strncasecmp(text, list[i], length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_private(const char *name, size_t length)
{
    if (length == strlen("localhost") && strncasecmp(name, "localhost", length) == 0) {
        return true;
    }
    for (size_t i = 0; i < COUNT(private_ends); i++) {
        size_t end = strlen(private_ends[i]);
        if (length > end && strncasecmp(name + length - end, private_ends[i], end) == 0) {
            return true;
        }
    }
    return false;
}

/* An address of the other family may be the same host's. */
static bool is_others(const struct address *said, const struct address *address)
{
    return said->family == address->family ? !address_equal(said, address)
                                           : address_is_unreachable(said);
}

static enum own_name_fault judge_address(const char *name, size_t length,
                                         const struct address *address)
{
    char text[LITERAL_SIZE];
    struct address said;

    if (length >= sizeof(text)) {
        return OWN_NAME_FINE;
    }
    memcpy(text, name, length);
    text[length] = '\0';
    if (!address_parse(text, &said)) {
        return OWN_NAME_FINE;
    }
    if (is_others(&said, address)) {
        return OWN_NAME_OTHER;
    }
    return name[0] == '[' ? OWN_NAME_FINE : OWN_NAME_BARE;
}

static bool is_label(const char *word, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)word[i]) && strchr("-_", word[i]) == NULL) {
            return false;
        }
    }
    return length > 0 && length <= LABEL_MAX;
}

/* Whether a label stands where only a name does. Greetings that leave the name out begin with any
 * word, so something must speak for it: that the server says it twice, that nothing follows, or
 * that there follows what mostly follows a name. */
static bool is_single(const char *line, size_t length, const char *other)
{
    const char *next = line + length + strspn(line + length, " .");
    bool twice = strcspn(other, " ") == length && strncasecmp(line, other, length) == 0;

    return is_label(line, length) && !is_listed(line, length, no_names, COUNT(no_names)) &&
           (twice || *next == '\0' ||
            is_listed(next, strcspn(next, " ,"), followers, COUNT(followers)));
}

static struct own_name judge_line(const char *line, const char *other,
                                  const struct address *address)
{
    struct own_name name = {.text = line, .length = strcspn(line, " ")};

    name.length -= name.length > 0 && line[name.length - 1] == '.';
    if (is_private(line, name.length)) {
        name.fault = OWN_NAME_PRIVATE;
    } else if (is_single(line, name.length, other)) {
        name.fault = OWN_NAME_SINGLE;
    } else {
        name.fault = judge_address(line, name.length, address);
    }
    return name;
}

struct own_name own_name_judge(const char *greeting, const char *ehlo,
                               const struct address *address)
{
    struct own_name name = judge_line(greeting, ehlo, address);

    if (name.fault != OWN_NAME_FINE) {
        name.in_greeting = true;
        return name;
    }
    return judge_line(ehlo, greeting, address);
}

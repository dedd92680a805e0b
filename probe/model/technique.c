#include "probe/model/technique.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/domain.h"

/* RFC 5321 section 4.5.3.1: octets of a local part (its quotes count), of a domain, and of a path
 * with its brackets and a source route. */
#define LOCAL_PART_MAX 64
#define DOMAIN_MAX     255
#define PATH_MAX_SMTP  256

/* A piece of text that need not be terminated. */
struct span {
    const char *text;
    size_t length;
};

static struct span span_of(const char *text)
{
    return (struct span){text, text != NULL ? strlen(text) : 0};
}

static bool span_is(struct span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.text, text, span.length) == 0;
}

/* An address as it is inside its brackets and behind its mark: "2001:db8::25" of
 * "[IPv6:2001:db8::25]" and of "IPV6:2001:db8::25". */
static struct span bare_address(struct span address)
{
    static const char mark[] = "IPv6:";

    if (address.length > 2 && address.text[0] == '[') {
        address.text++;
        address.length -= 2;
    }
    if (address.length > strlen(mark) && strncasecmp(address.text, mark, strlen(mark)) == 0) {
        address.text += strlen(mark);
        address.length -= strlen(mark);
    }
    return address;
}

/* The value of a name in braces; empty for a name that there is not, and for a value that the
 * place lacks. */
static struct span named_value(struct span name, const struct technique_place *place)
{
    struct span canary = span_of(place->canary);
    const char *at = canary.length > 0 ? strrchr(canary.text, '@') : NULL;

    if (span_is(name, "canary.local")) {
        return (struct span){canary.text, at != NULL ? (size_t)(at - canary.text) : 0};
    }
    if (span_is(name, "canary.domain")) {
        return span_of(at != NULL ? at + 1 : NULL);
    }
    if (span_is(name, "address.bare")) {
        return bare_address(span_of(place->address));
    }
    if (span_is(name, "client.bare")) {
        return bare_address(span_of(place->client));
    }
    const struct {
        const char *name;
        const char *value;
    } whole[] = {
        {"canary", at != NULL ? place->canary : NULL},
        {"own", place->own},
        {"host", place->host},
        {"literal", place->literal},
        {"client", place->client},
        {"greeted", place->greeted},
        {"ehlo", place->ehlo},
        {"address", place->address},
        {"loopback", place->loopback},
    };
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (span_is(name, whole[i].name)) {
            return span_of(whole[i].value);
        }
    }
    return (struct span){NULL, 0};
}

static bool append(char *out, size_t *length, struct span span)
{
    if (span.length >= ENVELOPE_PATH_SIZE - *length) {
        return false;
    }
    memcpy(out + *length, span.text, span.length);
    *length += span.length;
    return true;
}

static bool expand(const char *template, const struct technique_place *place,
                   char out[ENVELOPE_PATH_SIZE])
{
    size_t length = 0;
    const char *at = template;
    while (*at != '\0') {
        struct span piece = {at, strcspn(at, "{")};
        at += piece.length;
        if (piece.length == 0) {
            size_t name = strcspn(at, "}");
            if (at[name] == '\0') {
                return false;
            }
            piece = named_value((struct span){at + 1, name - 1}, place);
            at += name + 1;
            if (piece.length == 0) {
                return false;
            }
        }
        if (!append(out, &length, piece)) {
            return false;
        }
    }
    out[length] = '\0';
    return true;
}

/* One command argument that cannot be read as anything else: brackets at its ends only, printable
 * ASCII without spaces, no backslash, and quotes as a pair round the local part or not at all. */
static bool path_is_clean(const char *path, size_t length)
{
    size_t quotes = 0;
    if (length < 2 || path[0] != '<' || path[length - 1] != '>' ||
        strcspn(path + 1, "<>\\") != length - 2) {
        return false;
    }
    for (size_t i = 1; i < length - 1; i++) {
        if (path[i] <= ' ' || path[i] > '~') {
            return false;
        }
        quotes += path[i] == '"';
    }
    return quotes == 0 || quotes == 2;
}

static bool path_fits(const char *path)
{
    size_t length = strlen(path);
    struct mail_address address;

    if (length > PATH_MAX_SMTP || !path_is_clean(path, length)) {
        return false;
    }
    mail_address_split(path, length, &address);
    return address.local_length <= LOCAL_PART_MAX && address.domain_length <= DOMAIN_MAX;
}

/* An EHLO argument, or parameters behind a path: ours but for names, which must not end the word
 * that they are put into. */
static bool words_fit(const char *words)
{
    for (const char *at = words; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~' || (*at == ' ' && at > words) || *at == '\\') {
            return false;
        }
    }
    return true;
}

/* An absent template makes "". */
static bool expand_path(const char *template, const struct technique_place *place,
                        char out[ENVELOPE_PATH_SIZE])
{
    out[0] = '\0';
    return template == NULL || (expand(template, place, out) && path_fits(out));
}

static bool expand_words(const char *template, const struct technique_place *place,
                         char out[ENVELOPE_PATH_SIZE])
{
    out[0] = '\0';
    return template == NULL || (expand(template, place, out) && words_fit(out));
}

/* All of it is ours and the server's address. */
static bool expand_claim(const char *template, const struct technique_place *place,
                         char out[ENVELOPE_PATH_SIZE])
{
    out[0] = '\0';
    return template == NULL || expand(template, place, out);
}

/* Whether what follows the token would belong to its word, so that it is none (lib/tokens.md). */
static bool is_continued(const char *path, const char *ask)
{
    const char *at = strstr(path, ask);

    return at != NULL && at[strlen(ask)] == '+';
}

static void make_ask(const struct technique *technique, const struct technique_place *place,
                     char out[ENVELOPE_PATH_SIZE])
{
    const char *at = place->canary != NULL ? strrchr(place->canary, '@') : NULL;
    struct technique_place other = *place;
    char canary[ENVELOPE_PATH_SIZE];

    out[0] = '\0';
    if (place->ask == NULL || at == NULL || technique->spelling != TECHNIQUE_SPELLING_USUAL) {
        return;
    }
    snprintf(canary, sizeof(canary), "%s%s", place->ask, at);
    other.canary = canary;
    if (!expand_path(technique->recipient, &other, out) || is_continued(out, place->ask)) {
        out[0] = '\0';
    }
}

bool technique_envelope(const struct technique *technique, const struct technique_place *place,
                        struct envelope *out)
{
    struct envelope made; /* each of its texts is set below, and what follows its end is nobody's */
    const char *local =
        technique->sequence != TECHNIQUE_SEQUENCE_ALONE ? "<postmaster@{own}>" : NULL;
    const char *made_up = technique->form == TECHNIQUE_USER ? "<relaywarden-nobody@{own}>" : NULL;

    if (!expand_path(technique->sender, place, made.sender) ||
        !expand_path(technique->recipient, place, made.recipient) ||
        !expand_path(technique->control, place, made.control) ||
        !expand_path(local, place, made.local) || !expand_path(made_up, place, made.made_up) ||
        !expand_claim(technique->claim, place, made.claim) ||
        !expand_words(technique->helo, place, made.helo) ||
        !expand_words(technique->sender_parameters, place, made.sender_parameters) ||
        !expand_words(technique->recipient_parameters, place, made.recipient_parameters)) {
        return false;
    }
    make_ask(technique, place, made.ask);
    /* cppcheck-suppress uninitvar; each of its texts was set, or this line is not reached */
    *out = made;
    return true;
}

void technique_spell(enum technique_spelling spelling, const char *path,
                     char out[ENVELOPE_PATH_SIZE])
{
    size_t length = strlen(path);

    snprintf(out, ENVELOPE_PATH_SIZE, "%s", path);
    if (length < 2) {
        return;
    }
    if (spelling == TECHNIQUE_SPELLING_NO_BRACKETS) {
        snprintf(out, ENVELOPE_PATH_SIZE, "%.*s", (int)(length - 2), path + 1);
    } else if (spelling == TECHNIQUE_SPELLING_SPACES) {
        snprintf(out, ENVELOPE_PATH_SIZE, " < %.*s >", (int)(length - 2), path + 1);
    } else if (spelling == TECHNIQUE_SPELLING_UPPER_CASE) {
        for (char *at = out; *at != '\0'; at++) {
            *at = (char)toupper((unsigned char)*at);
        }
    }
}

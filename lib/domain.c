#include "lib/domain.h"

#include <idn2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"

#define LABEL_MAX  63  /* RFC 1035 section 2.3.4 */
#define DOMAIN_MAX 253 /* as text, without the trailing dot */

/* A name of U-labels has at most as many characters as its A-labels have octets, and a character
 * has at most four. Mapping may shorten a text, but never from more than this in any real name. */
#define UNICODE_MAX ((size_t)4 * DOMAIN_MAX)

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Of a lower-cased name. */
static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool normalise_literal(const char *text, size_t length, char out[DOMAIN_SIZE])
{
    char folded[DOMAIN_SIZE];
    if (length < 3 || length > DOMAIN_MAX || text[length - 1] != ']') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        /* dcontent of RFC 5321 section 4.1.3: printable, no bracket and no backslash inside. */
        bool inside = i > 0 && i < length - 1;
        if (text[i] <= ' ' || text[i] > '~' || (inside && strchr("[\\]", text[i]) != NULL)) {
            return false;
        }
        folded[i] = ascii_lower(text[i]);
    }
    folded[length] = '\0';
    struct address address;
    if (address_parse(folded, &address)) {
        /* One address is one literal, however it is spelt. */
        char literal[ENDPOINT_TEXT_SIZE];
        address_format_literal(&address, literal);
        for (length = 0; literal[length] != '\0'; length++) {
            folded[length] = ascii_lower(literal[length]);
        }
    }
    memcpy(out, folded, length);
    out[length] = '\0';
    return true;
}

static bool normalise_ascii(const char *text, size_t length, char out[DOMAIN_SIZE])
{
    char folded[DOMAIN_SIZE];
    size_t label = 0;
    if (length > 0 && text[length - 1] == '.') {
        length--;
    }
    if (length > DOMAIN_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        folded[i] = ascii_lower(text[i]);
        if (folded[i] == '.' && label > 0) {
            label = 0;
        } else if (!is_name_character(folded[i]) || ++label > LABEL_MAX) {
            return false;
        }
    }
    if (label == 0) {
        return false;
    }
    memcpy(out, folded, length);
    out[length] = '\0';
    return true;
}

/* The characters that IDNA2003 mapped to others and IDNA2008 does not (UTS 46 section 7): sharp s,
 * final sigma, and the two zero-width joiners. With them, the two name different domains. */
static bool has_deviation(const char *name)
{
    static const char *const deviations[] = {"\u00DF", "\u1E9E", "\u03C2", "\u200C", "\u200D"};
    for (size_t i = 0; i < sizeof(deviations) / sizeof(deviations[0]); i++) {
        if (strstr(name, deviations[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* libidn2 allocates its answer; what it produces is checked like any other ASCII name. */
static bool normalise_unicode(const char *text, size_t length, char out[DOMAIN_SIZE])
{
    char name[UNICODE_MAX + 1];
    char *ascii = NULL;
    if (length > UNICODE_MAX || memchr(text, '\0', length) != NULL) {
        return false;
    }
    memcpy(name, text, length);
    name[length] = '\0';
    int error = idn2_to_ascii_8z(name, &ascii, IDN2_NONTRANSITIONAL);
    /* Names registered under IDNA2003 may hold what IDNA2008 took away. */
    if (error == IDN2_DISALLOWED && !has_deviation(name)) {
        error = idn2_to_ascii_8z(name, &ascii, IDN2_TRANSITIONAL);
    }
    if (error != IDN2_OK) {
        return false;
    }
    bool valid = normalise_ascii(ascii, strlen(ascii), out);
    idn2_free(ascii);
    return valid;
}

static bool is_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

bool domain_normalise(const char *text, size_t length, char out[DOMAIN_SIZE])
{
    if (length > 0 && text[0] == '[') {
        return normalise_literal(text, length, out);
    }
    if (is_ascii(text, length)) {
        return normalise_ascii(text, length, out);
    }
    return normalise_unicode(text, length, out);
}

bool domain_normalise_pattern(const char *text, size_t length, char out[DOMAIN_SIZE])
{
    char name[DOMAIN_SIZE];
    if (length == 0 || text[0] != '.') {
        return domain_normalise(text, length, out);
    }
    if (!domain_normalise(text + 1, length - 1, name) || name[0] == '[') {
        return false;
    }
    out[0] = '.';
    memcpy(out + 1, name, strlen(name) + 1);
    return true;
}

bool domain_has_stray_hyphen(const char *name)
{
    for (const char *at = name; name[0] != '[' && *at != '\0'; at++) {
        bool begins = at == name || at[-1] == '.';
        bool ends = at[1] == '\0' || at[1] == '.';
        if (*at == '-' && (begins || ends)) {
            return true;
        }
    }
    return false;
}

bool domain_is_within(const char *name, const char *parent)
{
    size_t name_length = strlen(name);
    size_t parent_length = strlen(parent);
    if (parent_length == 0 || name_length < parent_length) {
        return false;
    }
    const char *tail = name + (name_length - parent_length);
    return strcmp(tail, parent) == 0 && (tail == name || tail[-1] == '.');
}

/* A part of a mail address that is being read. */
struct span {
    const char *at;
    const char *end;
    bool unclosed; /* met a quote that nothing closes: it and all later ones are plain characters */
    bool unended;  /* the same of a comment */
};

static bool is_escape(const char *c, const char *end)
{
    return *c == '\\' && c + 1 < end;
}

/* The end of the quoted string that begins here; NULL if nothing closes it. */
static const char *skip_quoted(const char *c, const char *end)
{
    for (c++; c < end; c++) {
        if (*c == '"') {
            return c + 1;
        }
        c += is_escape(c, end) ? 1 : 0;
    }
    return NULL;
}

/* The same of a comment, which may hold others (RFC 5322 section 3.2.2). */
static const char *skip_comment(const char *c, const char *end)
{
    int depth = 0;
    for (; c < end; c++) {
        depth += *c == '(' ? 1 : 0;
        depth -= *c == ')' ? 1 : 0;
        if (depth == 0) {
            return c + 1;
        }
        c += is_escape(c, end) ? 1 : 0;
    }
    return NULL;
}

/* Steps over one character, an escaped one with its backslash, or over a whole quoted string or
 * comment. Each quote behind an unclosed one was passed as an escaped character when looking for
 * the closing one, so no search need be repeated. Nor is one for a comment: MTAs take an unbalanced
 * parenthesis for a fault of the whole address, and repeated searches would take quadratic time. */
static void step(struct span *span)
{
    const char *c = span->at;
    const char *behind = NULL;
    span->at += is_escape(c, span->end) ? 2 : 1;
    if (*c == '"' && !span->unclosed) {
        behind = skip_quoted(c, span->end);
        span->unclosed = behind == NULL;
    } else if (*c == '(' && !span->unended) {
        behind = skip_comment(c, span->end);
        span->unended = behind == NULL;
    }
    if (behind != NULL) {
        span->at = behind;
    }
}

/* Whether nothing in it hides what follows: then each octet is what it seems, and need not be read
 * one by one. */
static bool hides_nothing(const char *start, const char *end)
{
    size_t length = (size_t)(end - start);

    return memchr(start, '"', length) == NULL && memchr(start, '(', length) == NULL &&
           memchr(start, '\\', length) == NULL;
}

/* The first `wanted` outside quotes, or NULL. */
static const char *find_unquoted(const char *start, const char *end, char wanted)
{
    if (hides_nothing(start, end)) {
        return memchr(start, wanted, (size_t)(end - start));
    }
    struct span span = {.at = start, .end = end};
    for (; span.at < span.end; step(&span)) {
        if (*span.at == wanted) {
            return span.at;
        }
    }
    return NULL;
}

static const char *find_last_at(const char *start, const char *end)
{
    if (hides_nothing(start, end)) {
        return memrchr(start, '@', (size_t)(end - start));
    }
    const char *last = NULL;
    struct span span = {.at = start, .end = end};
    for (; span.at < span.end; step(&span)) {
        if (*span.at == '@') {
            last = span.at;
        }
    }
    return last;
}

/* The colon that ends a source route: not one inside an address literal, as in "@[IPv6:::1]". */
static const char *find_route_end(const char *start, const char *end)
{
    bool literal = false;
    for (const char *c = start; c < end; c++) {
        if (*c == ':' && !literal) {
            return c;
        }
        if (*c == '"') {
            return NULL;
        }
        literal = *c == '[' || (literal && *c != ']');
    }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void trim_blanks(const char **start, const char **end)
{
    while (*start < *end && is_blank(**start)) {
        (*start)++;
    }
    while (*start < *end && is_blank((*end)[-1])) {
        (*end)--;
    }
}

void mail_address_split(const char *text, size_t length, struct mail_address *out)
{
    const char *start = length > 0 ? text : "";
    const char *end = start + length;
    trim_blanks(&start, &end);
    if (start < end && *start == '<') {
        start++;
        const char *closing = find_unquoted(start, end, '>');
        if (closing != NULL) {
            end = closing;
        }
        trim_blanks(&start, &end);
    }
    *out = (struct mail_address){.null_path = start == end};
    if (start < end && *start == '@') {
        const char *colon = find_route_end(start, end);
        if (colon != NULL) {
            out->routed = true;
            start = colon + 1;
        }
    }
    const char *at = find_last_at(start, end);
    out->local = start;
    out->local_length = (size_t)((at != NULL ? at : end) - start);
    if (at != NULL) {
        out->domain = at + 1;
        out->domain_length = (size_t)(end - (at + 1));
    }
}

/* A local part or domain as an MTA reads it: without quotes, escapes, comments and blanks (RFC 5322
 * section 3.2; Postfix drops these in a path too). False if it is longer than `size`, or
 * unbalanced.
 */
static bool read_words(const char *text, size_t text_length, char *out, size_t size,
                       size_t *out_length)
{
    size_t length = 0;
    int comments = 0;
    bool quoted = false;
    for (size_t i = 0; i < text_length; i++) {
        char c = text[i];
        if (c == '\\' && i + 1 < text_length) {
            c = text[++i];
        } else if (c == '"' && comments == 0) {
            quoted = !quoted;
            continue;
        } else if (!quoted && (c == '(' || c == ')')) {
            comments += c == '(' ? 1 : -1;
            if (comments < 0) {
                return false;
            }
            continue;
        } else if (!quoted && is_blank(c)) {
            continue;
        }
        if (comments > 0) {
            continue;
        }
        if (length + 1 >= size) {
            return false;
        }
        out[length++] = c;
    }
    out[length] = '\0';
    *out_length = length;
    return !quoted && comments == 0;
}

bool domain_read(const char *text, size_t length, char out[DOMAIN_SIZE])
{
    char words[DOMAIN_SIZE + 1];
    size_t end;
    if (!is_ascii(text, length) || !read_words(text, length, words, sizeof(words), &end)) {
        return false;
    }
    while (end > 0 && words[end - 1] == '.') {
        end--;
    }
    return domain_normalise(words, end, out);
}

bool mail_address_is_bare_postmaster(const struct mail_address *address)
{
    static const char postmaster[] = "postmaster";
    char local[sizeof(postmaster) + 1];
    size_t length;
    return address->domain == NULL &&
           read_words(address->local, address->local_length, local, sizeof(local), &length) &&
           strcasecmp(local, postmaster) == 0;
}

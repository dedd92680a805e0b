#include "probe/rehearse/pattern_word.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX   16
#define REPEATS_MAX 64

struct maker {
    const char *at;
    const char *end; /* the closing delimiter */
    char *out;
    size_t used;
    size_t size;
    int depth;
    bool bad;
};

static void put(struct maker *maker, char octet)
{
    if (maker->used + 1 >= maker->size) {
        maker->bad = true;
    } else {
        maker->out[maker->used++] = octet;
    }
}

/* ---- classes ---- */

struct class
{
    bool has[128];
};

static void add_range(struct class *class, unsigned char from, unsigned char to)
{
    for (unsigned int i = from; i <= to && i < 128; i++) {
        class->has[i] = true;
    }
}

/* "\d", "\w", "\s" and their opposites. False: it is none of these. */
static bool add_perl_class(struct class *class, char name)
{
    struct class made = {0};

    if (strchr("dDwWsS", name) == NULL || name == '\0') {
        return false;
    }
    if (name == 's' || name == 'S') {
        made.has[' '] = true;
    } else {
        add_range(&made, '0', '9');
    }
    if (name == 'w' || name == 'W') {
        add_range(&made, 'a', 'z');
        made.has['_'] = true;
    }
    for (unsigned int i = 0x20; i < 127; i++) {
        class->has[i] = class->has[i] || made.has[i] != (isupper((unsigned char)name) != 0);
    }
    return true;
}

/* "[:alnum:]", with the reader behind "[:". */
static bool add_posix_class(struct maker *maker, struct class *class)
{
    static const struct {
        const char *name;
        int (*has)(int octet);
    } known[] = {{"alnum:]", isalnum}, {"alpha:]", isalpha},   {"digit:]", isdigit},
                 {"lower:]", islower}, {"upper:]", isupper},   {"punct:]", ispunct},
                 {"space:]", isspace}, {"xdigit:]", isxdigit}, {"print:]", isprint},
                 {"graph:]", isgraph}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t length = strlen(known[i].name);
        if (strncmp(maker->at, known[i].name, length) == 0) {
            maker->at += length;
            for (int octet = 0x20; octet < 127; octet++) {
                class->has[octet] = class->has[octet] || known[i].has(octet) != 0;
            }
            return true;
        }
    }
    return false;
}

/* One that can stand in an address or a name, if there is one. */
static void put_member(struct maker *maker, const struct class *class, bool negated)
{
    static const char liked[] =
        "xabcdefghijklmnopqrstuvwyz1234567890XABCDEFGHIJKLMNOPQRSTUVWYZ-_.+=@";

    for (const char *at = liked; *at != '\0'; at++) {
        if (class->has[(unsigned char)*at] != negated) {
            put(maker, *at);
            return;
        }
    }
    for (unsigned char octet = 0x21; octet < 127; octet++) {
        if (class->has[octet] != negated) {
            put(maker, (char)octet);
            return;
        }
    }
    maker->bad = true;
}

/* The reader is behind "[". */
static void read_class(struct maker *maker)
{
    struct class class = {0};
    bool negated = maker->at < maker->end && *maker->at == '^';
    bool first = true;

    maker->at += negated;
    while (maker->at < maker->end && (first || *maker->at != ']')) {
        unsigned char octet = (unsigned char)*maker->at++;
        first = false;
        if (octet == '[' && *maker->at == ':') {
            maker->at++;
            maker->bad |= !add_posix_class(maker, &class);
            continue;
        }
        if (octet == '\\' && maker->at < maker->end) {
            char escaped = *maker->at;
            if (add_perl_class(&class, escaped)) {
                maker->at++;
                continue;
            }
            class.has['\\'] = true; /* POSIX has it so, Perl not: either may be guessed */
            octet = (unsigned char)*maker->at++;
        }
        if (maker->end - maker->at > 1 && maker->at[0] == '-' && maker->at[1] != ']') {
            add_range(&class, octet, (unsigned char)maker->at[1]);
            maker->at += 2;
        } else if (octet < 128) {
            class.has[octet] = true;
        }
    }
    if (maker->at >= maker->end) {
        maker->bad = true;
        return;
    }
    maker->at++;
    put_member(maker, &class, negated);
}

/* ---- atoms ---- */

static void read_alternatives(struct maker *maker);

/* The reader is behind "(". */
static void read_group(struct maker *maker)
{
    if (*maker->at == '?') {
        size_t flags = strspn(maker->at + 1, "imsx-");
        const char *behind = maker->at + 1 + flags;
        if (*behind == ')') {
            maker->at = behind + 1;
            return;
        }
        if (*behind != ':') {
            maker->bad = true; /* what stands before or behind must be so, too */
            return;
        }
        maker->at = behind + 1;
    }
    read_alternatives(maker);
    if (maker->at >= maker->end || *maker->at != ')') {
        maker->bad = true;
        return;
    }
    maker->at++;
}

/* The reader is behind "\". */
static void read_escape(struct maker *maker)
{
    struct class class = {0};
    char octet = *maker->at++;

    bool past = maker->at > maker->end;

    if (!past && add_perl_class(&class, octet)) {
        put_member(maker, &class, false);
    } else if (!past && strchr("bBAzZG<>", octet) != NULL) {
        return; /* a place, and no octet */
    } else if (past || isalnum((unsigned char)octet)) {
        maker->bad = true;
    } else {
        put(maker, octet);
    }
}

static void read_atom(struct maker *maker)
{
    char octet = *maker->at++;

    switch (octet) {
    case '(':
        read_group(maker);
        break;
    case '[':
        read_class(maker);
        break;
    case '\\':
        read_escape(maker);
        break;
    case '.':
        put(maker, 'x');
        break;
    case '^':
    case '$':
        break;
    default:
        put(maker, octet);
        break;
    }
}

/* How often the atom before stands there at least; 1 where nothing says so. */
static unsigned long read_repeats(struct maker *maker)
{
    unsigned long repeats = 1;
    char *end = NULL;

    if (maker->at >= maker->end) {
        return 1;
    }
    if (*maker->at == '*' || *maker->at == '?') {
        repeats = 0;
        maker->at++;
    } else if (*maker->at == '+') {
        maker->at++;
    } else if (*maker->at == '{' && isdigit((unsigned char)maker->at[1])) {
        repeats = strtoul(maker->at + 1, &end, 10);
        const char *close = strchr(end, '}');
        if (close == NULL || close >= maker->end) {
            maker->bad = true;
            return 1;
        }
        maker->at = close + 1;
    } else {
        return 1;
    }
    /* Perl's lazy and possessive ones. */
    maker->at += maker->at < maker->end && (*maker->at == '?' || *maker->at == '+');
    return repeats;
}

static void read_sequence(struct maker *maker)
{
    while (!maker->bad && maker->at < maker->end && *maker->at != '|' && *maker->at != ')') {
        size_t begin = maker->used;
        read_atom(maker);
        size_t length = maker->used - begin;
        unsigned long repeats = read_repeats(maker);
        if (repeats > REPEATS_MAX) {
            maker->bad = true;
        }
        if (repeats == 0) {
            maker->used = begin;
        }
        for (unsigned long i = 1; !maker->bad && i < repeats; i++) {
            for (size_t k = 0; k < length; k++) {
                put(maker, maker->out[begin + k]);
            }
        }
    }
}

static void read_alternatives(struct maker *maker)
{
    if (++maker->depth > DEPTH_MAX) {
        maker->bad = true;
        return;
    }
    read_sequence(maker);
    size_t used = maker->used;
    while (!maker->bad && maker->at < maker->end && *maker->at == '|') {
        maker->at++;
        read_sequence(maker);
        maker->used = used;
    }
    maker->depth--;
}

bool pattern_word(const char *pattern, char *out, size_t size)
{
    char delimiter = pattern[0];
    const char *end = delimiter != '\0' ? strrchr(pattern + 1, delimiter) : NULL;
    struct maker maker = {.at = pattern + 1, .end = end, .out = out, .size = size};

    if (end == NULL || size == 0 || isalnum((unsigned char)delimiter) || delimiter == '!') {
        return false;
    }
    read_alternatives(&maker);
    if (maker.bad || maker.at != maker.end) {
        return false;
    }
    out[maker.used] = '\0';
    return true;
}

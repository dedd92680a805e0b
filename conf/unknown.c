#include "conf/unknown.h"

#include <stdio.h>
#include <string.h>

#include "conf/text.h"

#define NAME_MAX_OCTETS 40
#define ALLOWED_SIZE    512
#define CLOSE_ENOUGH    2u
#define DEPTH_MAX       4  /* sections within each other */
#define REPORTED_MAX    50 /* unknown names; those after them are blanked alone */

static unsigned int least(unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

unsigned int conf_distance(const char *a, const char *b)
{
    /* Row i, column j: the distance of the first i octets of a and the first j of b. */
    unsigned int rows[NAME_MAX_OCTETS + 1][NAME_MAX_OCTETS + 1];
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);

    if (a_length > NAME_MAX_OCTETS || b_length > NAME_MAX_OCTETS) {
        return CONF_FAR;
    }
    for (size_t i = 0; i <= a_length; i++) {
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = (unsigned int)(i + j);
                continue;
            }
            unsigned int change = a[i - 1] != b[j - 1];
            rows[i][j] =
                least(rows[i - 1][j - 1] + change, least(rows[i - 1][j] + 1, rows[i][j - 1] + 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
            }
        }
    }
    return rows[a_length][b_length];
}

/* The words that may stand in a section: its options, then the sections within it. NULL behind the
 * last. */
static const char *allowed_name(enum conf_section section, size_t index)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        if (conf_options[i].section == section && index-- == 0) {
            return conf_options[i].name;
        }
    }
    for (int i = 0; i < SECTION_COUNT; i++) {
        if (conf_sections[i].parent == section && index-- == 0) {
            return conf_sections[i].name;
        }
    }
    return NULL;
}

static const char *closest(enum conf_section section, const char *name)
{
    const char *best = NULL;
    unsigned int best_distance = CLOSE_ENOUGH + 1;
    const char *candidate;

    for (size_t i = 0; (candidate = allowed_name(section, i)) != NULL; i++) {
        unsigned int distance = conf_distance(name, candidate);
        if (distance < best_distance && distance < strlen(candidate)) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

/* The section that has an option or a section of exactly this name; SECTION_COUNT if none has. */
static enum conf_section home_of(const char *name)
{
    for (int i = 0; i < SECTION_COUNT; i++) {
        const char *candidate;
        for (size_t j = 0; (candidate = allowed_name((enum conf_section)i, j)) != NULL; j++) {
            if (strcmp(candidate, name) == 0) {
                return (enum conf_section)i;
            }
        }
    }
    return SECTION_COUNT;
}

static void hint(char *out, size_t size, enum conf_section section, const char *name)
{
    enum conf_section home = home_of(name);
    const char *meant = closest(section, name);

    if (home == SECTION_ROOT) {
        snprintf(out, size, "; it belongs outside of all sections. Allowed");
    } else if (home != SECTION_COUNT) {
        snprintf(out, size, "; it belongs in section \"%s\". Allowed", conf_sections[home].name);
    } else if (meant != NULL) {
        snprintf(out, size, "; did you mean \"%s\"? Allowed", meant);
    } else {
        snprintf(out, size, "; allowed");
    }
}

/* Reports that `section` has no option `name`: with a likely one, or the section where it belongs,
 * and all that are allowed. */
static void report_unknown(struct conf_messages *messages, int line, enum conf_section section,
                           const char *name)
{
    char shown[CONF_SHOW_SIZE];
    char hinted[CONF_SHOW_SIZE];
    char allowed[ALLOWED_SIZE] = "";
    const char *candidate;
    size_t used = 0;

    for (size_t i = 0; (candidate = allowed_name(section, i)) != NULL; i++) {
        if (used + strlen(candidate) + 3 > sizeof(allowed)) {
            break;
        }
        used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s", i > 0 ? ", " : "",
                                 candidate);
    }
    hint(hinted, sizeof(hinted), section, name);
    if (section == SECTION_ROOT) {
        conf_mistake(messages, line, "unknown option %s outside of all sections%s here: %s",
                     conf_show(shown, name), hinted, allowed);
    } else {
        conf_mistake(messages, line, "unknown option %s in section \"%s\"%s here: %s",
                     conf_show(shown, name), conf_sections[section].name, hinted, allowed);
    }
}

/* ---- finding them -------------------------------------------------------------------- */

struct token {
    char kind; /* 'w' for a word or a quoted text, else the character; NUL at the end */
    size_t start;
    size_t end;
};

static struct token next_token(const char *text, size_t at)
{
    at += strspn(text + at, " \t\n");
    struct token token = {.kind = text[at], .start = at, .end = at};

    if (token.kind == '\0') {
        return token;
    }
    token.end++;
    if (token.kind == '"' || token.kind == '\'') {
        while (text[token.end] != token.kind && text[token.end] != '\0') {
            if (text[token.end] == '\\' && text[token.end + 1] != '\0') {
                token.end++;
            }
            token.end++;
        }
        if (text[token.end] != '\0') {
            token.end++;
        }
        token.kind = 'w';
    } else if (strchr(CONF_WORD_ENDS, token.kind) == NULL) {
        token.end = at + strcspn(text + at, CONF_WORD_ENDS);
        token.kind = 'w';
    }
    return token;
}

/* The end of what an opening brace begins; 0 when it is never closed. */
static size_t skip_braces(const char *text, struct token token)
{
    size_t depth = 0;

    for (; token.kind != '\0'; token = next_token(text, token.end)) {
        if (token.kind == '{') {
            depth++;
        } else if (token.kind == '}' && --depth == 0) {
            return token.end;
        }
    }
    return 0;
}

/* Where the walk goes on after a name, and where the name's value or section ends (0: nowhere). */
struct extent {
    size_t inside;
    size_t end;
};

static struct extent name_extent(const char *text, struct token name)
{
    struct token token = next_token(text, name.end);

    if (token.kind == '=') {
        token = next_token(text, token.end);
        size_t end = token.kind == '{'   ? skip_braces(text, token)
                     : token.kind == 'w' ? token.end
                                         : 0;
        return (struct extent){.inside = end, .end = end};
    }
    if (token.kind == 'w') {
        token = next_token(text, token.end); /* a section's title */
    }
    if (token.kind != '{') {
        return (struct extent){0};
    }
    return (struct extent){.inside = token.end, .end = skip_braces(text, token)};
}

/* Without its quotes. False: it is empty, has an escape, or is libconfuse's path to an option
 * elsewhere ("SECTION|OPTION"). */
static bool read_name(const char *text, struct token token, char *out, size_t size)
{
    size_t quote = text[token.start] == '"' || text[token.start] == '\'' ? 1 : 0;
    const char *name = text + token.start + quote;
    size_t length = token.end - token.start - 2 * quote;

    snprintf(out, size, "%.*s", (int)length, name);
    return length > 0 && memchr(name, '\\', length) == NULL && memchr(name, '|', length) == NULL;
}

static bool is_allowed(enum conf_section section, const char *name)
{
    const char *allowed;

    for (size_t i = 0; (allowed = allowed_name(section, i)) != NULL; i++) {
        if (strcmp(allowed, name) == 0) {
            return true;
        }
    }
    return false;
}

static void blank(char *text, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++) {
        if (text[i] != '\n') {
            text[i] = ' ';
        }
    }
}

void conf_blank_unknown(char *prepared, struct conf_messages *messages)
{
    enum conf_section open[DEPTH_MAX] = {SECTION_ROOT};
    char name[CONF_SHOW_SIZE];
    size_t depth = 0;
    size_t reported = 0;
    size_t counted = 0;
    int line = 1;

    for (struct token token = next_token(prepared, 0); token.kind != '\0';) {
        for (; counted < token.start; counted++) {
            line += prepared[counted] == '\n' ? 1 : 0;
        }
        if (token.kind == '}' && depth > 0) {
            depth--;
        }
        if (token.kind != 'w' || prepared[token.start] == CONF_MARK[0]) {
            token = token.kind == 'w' ? next_token(prepared, name_extent(prepared, token).end)
                                      : next_token(prepared, token.end);
            continue;
        }
        struct extent extent = name_extent(prepared, token);
        if (extent.end == 0 || !read_name(prepared, token, name, sizeof(name))) {
            return;
        }
        if (!is_allowed(open[depth], name)) {
            if (reported++ < REPORTED_MAX) {
                report_unknown(messages, line, open[depth], name);
            }
            blank(prepared, token.start, extent.end);
            token = next_token(prepared, extent.end);
            continue;
        }
        if (extent.inside != extent.end) {
            enum conf_section kind = conf_schema_section(open[depth], name);
            if (kind == SECTION_COUNT || depth + 1 == DEPTH_MAX) {
                return;
            }
            open[++depth] = kind;
        }
        token = next_token(prepared, extent.inside);
    }
}

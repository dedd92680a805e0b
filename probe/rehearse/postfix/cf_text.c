#include "probe/rehearse/postfix/cf_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char octet)
{
    return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

/* Behind the newline of the physical line at `at`; the length at the last one. */
static size_t after_line(const char *text, size_t length, size_t at)
{
    const char *end = memchr(text + at, '\n', length - at);

    return end == NULL ? length : (size_t)(end - text) + 1;
}

/* Whether the physical line at `at` is empty or a comment. */
static bool is_passed_over(const char *text, size_t length, size_t at)
{
    while (at < length && text[at] != '\n' && is_space(text[at])) {
        at++;
    }
    return at == length || text[at] == '\n' || text[at] == '#';
}

bool cf_next_line(const char *text, size_t length, size_t *place, struct cf_line *line)
{
    size_t at = *place;

    while (at < length && is_passed_over(text, length, at)) {
        at = after_line(text, length, at);
    }
    if (at >= length) {
        *place = length;
        return false;
    }
    line->begin = at;
    for (;;) {
        at = after_line(text, length, at);
        line->end = at > line->begin && text[at - 1] == '\n' ? at - 1 : at;
        *place = at;
        /* Comments between belong to the line only if it goes on behind them. */
        while (at < length && is_passed_over(text, length, at)) {
            at = after_line(text, length, at);
        }
        if (at >= length || !is_space(text[at])) {
            return true;
        }
    }
}

bool cf_join(const char *text, const struct cf_line *line, struct cf_joined *out)
{
    size_t room = line->end - line->begin + 1;
    struct cf_joined joined = {.text = malloc(room), .place = malloc(room * sizeof(size_t))};
    size_t at = line->begin;

    if (joined.text == NULL || joined.place == NULL || room > SIZE_MAX / sizeof(size_t)) {
        cf_joined_free(&joined);
        return false;
    }
    while (at < line->end) {
        size_t next = after_line(text, line->end, at);
        /* The first piece may begin in the middle of a line. */
        if (at == line->begin || !is_passed_over(text, line->end, at)) {
            for (; at < next && text[at] != '\n'; at++) {
                joined.text[joined.length] = text[at] == '\0' ? ' ' : text[at];
                joined.place[joined.length++] = at;
            }
        }
        at = next;
    }
    joined.text[joined.length] = '\0';
    joined.place[joined.length] = line->end;
    *out = joined;
    return true;
}

void cf_joined_free(struct cf_joined *joined)
{
    free(joined->text);
    free(joined->place);
    *joined = (struct cf_joined){0};
}

bool cf_next_word(const char *text, size_t *at, const char *separators, size_t *begin, size_t *end)
{
    size_t depth = 0;
    size_t here = *at + strspn(text + *at, separators);

    *begin = here;
    for (; text[here] != '\0' && (depth > 0 || strchr(separators, text[here]) == NULL); here++) {
        if (text[here] == '{') {
            depth++;
        } else if (text[here] == '}' && depth > 0) {
            depth--;
        }
    }
    *end = here;
    *at = here;
    return here > *begin;
}

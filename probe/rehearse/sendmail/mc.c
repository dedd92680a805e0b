#include "probe/rehearse/sendmail/mc.h"

#include <ctype.h>
#include <string.h>

static bool is_word(char octet)
{
    return isalnum((unsigned char)octet) || octet == '_';
}

/* One behind the bracket that closes the one before `at`; `length` if none does. */
static size_t find_end(const char *text, size_t length, size_t at)
{
    unsigned int brackets = 1;
    unsigned int quotes = 0;

    for (; at < length; at++) {
        if (text[at] == '`') {
            quotes++;
        } else if (text[at] == '\'' && quotes > 0) {
            quotes--;
        } else if (quotes == 0 && text[at] == '(') {
            brackets++;
        } else if (quotes == 0 && text[at] == ')' && --brackets == 0) {
            return at + 1;
        }
    }
    return length;
}

static void read_first(const char *text, struct mc_statement *out)
{
    size_t used = 0;
    size_t at = out->arguments;

    while (at < out->arguments_end && isspace((unsigned char)text[at])) {
        at++;
    }
    for (; at < out->arguments_end && text[at] != ',' && text[at] != '\''; at++) {
        if (text[at] != '`' && used + 1 < sizeof(out->first)) {
            out->first[used++] = text[at];
        }
    }
    out->first[used] = '\0';
}

/* Where the next line begins. */
static size_t next_line(const char *text, size_t length, size_t at)
{
    const char *newline = at < length ? memchr(text + at, '\n', length - at) : NULL;

    return newline != NULL ? (size_t)(newline - text) + 1 : length;
}

bool mc_next(const char *text, size_t length, size_t *at, struct mc_statement *out)
{
    while (*at < length) {
        size_t begin = *at;
        while (begin < length && (text[begin] == ' ' || text[begin] == '\t')) {
            begin++;
        }
        size_t end = begin;
        while (end < length && is_word(text[end])) {
            end++;
        }
        if (end == begin || end - begin >= MC_NAME_SIZE || end == length || text[end] != '(') {
            *at = next_line(text, length, *at);
            continue;
        }
        *out = (struct mc_statement){.begin = begin, .arguments = end + 1};
        memcpy(out->name, text + begin, end - begin);
        out->end = find_end(text, length, end + 1);
        out->arguments_end = out->end > out->arguments ? out->end - 1 : out->end;
        read_first(text, out);
        *at = out->end; /* another may follow on its line */
        return true;
    }
    return false;
}

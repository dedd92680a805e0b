#include "probe/rehearse/sendmail/cf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool add_line(struct cf *cf, size_t *room, const struct cf_line *line, const char *text)
{
    if (cf->count == *room) {
        size_t more = *room == 0 ? 256 : *room * 2;
        struct cf_line *lines = reallocarray(cf->lines, more, sizeof(*lines));
        if (lines == NULL) {
            return false;
        }
        cf->lines = lines;
        *room = more;
    }
    struct cf_line *added = &cf->lines[cf->count];
    *added = *line;
    added->text = strndup(text + line->begin, line->end - line->begin);
    if (added->text == NULL) {
        return false;
    }
    for (char *at = added->text; *at != '\0'; at++) {
        *at = *at == '\n' ? ' ' : *at;
    }
    cf->count++;
    return true;
}

static size_t line_end(const char *text, size_t length, size_t at)
{
    const char *newline = memchr(text + at, '\n', length - at);

    return newline != NULL ? (size_t)(newline - text) : length;
}

bool cf_read(const char *text, size_t length, struct cf *out)
{
    size_t room = 0;
    unsigned int number = 1;

    *out = (struct cf){.lines = NULL};
    for (size_t at = 0; at < length;) {
        struct cf_line line = {.type = text[at], .number = number, .begin = at};
        line.end = line_end(text, length, at);
        number++;
        while (line.end + 1 < length && (text[line.end + 1] == ' ' || text[line.end + 1] == '\t')) {
            line.end = line_end(text, length, line.end + 1);
            number++;
        }
        if (isalpha((unsigned char)line.type) && !add_line(out, &room, &line, text)) {
            cf_free(out);
            return false;
        }
        at = line.end + 1;
    }
    return true;
}

void cf_free(struct cf *cf)
{
    for (size_t i = 0; i < cf->count; i++) {
        free(cf->lines[i].text);
    }
    free(cf->lines);
    *cf = (struct cf){.lines = NULL};
}

const char *cf_option(const struct cf_line *line, const char *name)
{
    size_t length = strlen(name);

    if (line->type != 'O' || line->text[1] != ' ') {
        return NULL;
    }
    const char *at = line->text + 1 + strspn(line->text + 1, " \t");
    if (strncasecmp(at, name, length) != 0) {
        return NULL;
    }
    at += length + strspn(at + length, " \t");
    return *at == '=' ? at + 1 + strspn(at + 1, " \t") : NULL;
}

/* "{name}" or one letter; returns what is behind. */
static const char *read_name(const char *at, char name[CF_NAME_SIZE])
{
    size_t length = *at == '{' ? strcspn(at + 1, "}") : *at != '\0';
    const char *from = *at == '{' ? at + 1 : at;

    if (length == 0 || length >= CF_NAME_SIZE) {
        return NULL;
    }
    memcpy(name, from, length);
    name[length] = '\0';
    return from + length + (*at == '{' && from[length] == '}');
}

const char *cf_class(const struct cf_line *line, char name[CF_NAME_SIZE])
{
    return line->type == 'C' ? read_name(line->text + 1, name) : NULL;
}

bool cf_class_file(const struct cf_line *line, char name[CF_NAME_SIZE], char path[PATH_MAX],
                   bool *is_file)
{
    const char *at = line->type == 'F' ? read_name(line->text + 1, name) : NULL;

    if (at == NULL) {
        return false;
    }
    at += strspn(at, " \t");
    if (strncmp(at, "-o", 2) == 0) {
        at += 2 + strspn(at + 2, " \t");
    }
    size_t length = strcspn(at, " \t");
    snprintf(path, PATH_MAX, "%.*s", (int)(length < PATH_MAX ? length : PATH_MAX - 1), at);
    *is_file = path[0] == '/';
    return true;
}

static void cut_suffix(char *path)
{
    static const char *const suffixes[] = {".db", ".cdb", ".pag", ".dir"};
    size_t length = strlen(path);

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t suffix = strlen(suffixes[i]);
        if (length > suffix && strcmp(path + length - suffix, suffixes[i]) == 0) {
            path[length - suffix] = '\0';
            return;
        }
    }
}

bool cf_map(const struct cf_line *line, struct cf_map *out)
{
    *out = (struct cf_map){.path = ""};
    if (line->type != 'K') {
        return false;
    }
    char *words = strdup(line->text + 1);
    char *rest = NULL;
    size_t count = 0;
    for (const char *word = words != NULL ? strtok_r(words, " \t", &rest) : NULL; word != NULL;
         word = strtok_r(NULL, " \t", &rest)) {
        if (count == 0) {
            snprintf(out->name, sizeof(out->name), "%.63s", word);
        } else if (count == 1) {
            snprintf(out->type, sizeof(out->type), "%.63s", word);
        } else {
            snprintf(out->path, sizeof(out->path), "%s", word[0] == '/' ? word : "");
        }
        count++;
    }
    free(words);
    cut_suffix(out->path);
    return count > 1;
}

bool cf_ruleset(const struct cf_line *line, char name[CF_NAME_SIZE])
{
    const char *at = line->text + 1 + strspn(line->text + 1, " \t");
    size_t length = strcspn(at, " \t=");

    if (line->type != 'S' || length == 0 || length >= CF_NAME_SIZE) {
        return false;
    }
    memcpy(name, at, length);
    name[length] = '\0';
    return true;
}

bool cf_rule(const char *text, char out[CF_RULE_SIZE])
{
    size_t used = 0;
    unsigned int field = 0;

    if (text[0] != 'R') {
        return false;
    }
    /* Tabs, and nothing else, part the sides; behind the second there is a comment. */
    for (const char *at = text + 1; *at != '\0' && field < 2; at++) {
        if (*at == '\t') {
            at += strspn(at, "\t") - 1;
            field++;
            if (field == 1) {
                out[used++] = '\t';
            }
        } else if (*at != ' ') {
            out[used++] = *at;
        }
        if (used + 2 >= CF_RULE_SIZE) {
            return false;
        }
    }
    out[used] = '\0';
    return field > 0;
}

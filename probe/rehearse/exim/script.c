#include "probe/rehearse/exim/script.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const verbs[] = {"accept", "defer",   "deny", "discard",
                                    "drop",   "require", "warn"};

static bool is_space(char octet)
{
    return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

static bool is_word(char octet)
{
    return isalnum((unsigned char)octet) != 0 || octet == '_';
}

/* ---- lines ---- */

struct reader {
    const char *text;
    size_t length;
    size_t at; /* where the next physical line begins */
    unsigned int number;
};

/* The next physical line without its newline and the white space at its ends. */
static bool read_physical(struct reader *reader, size_t *begin, size_t *end)
{
    if (reader->at >= reader->length) {
        return false;
    }
    const char *newline = memchr(reader->text + reader->at, '\n', reader->length - reader->at);
    size_t stop = newline == NULL ? reader->length : (size_t)(newline - reader->text);
    *begin = reader->at;
    *end = stop;
    while (*begin < stop && is_space(reader->text[*begin])) {
        (*begin)++;
    }
    while (*end > *begin && is_space(reader->text[*end - 1])) {
        (*end)--;
    }
    reader->at = newline == NULL ? reader->length : stop + 1;
    reader->number++;
    return true;
}

static bool append(struct script_line *line, const char *text, size_t begin, size_t end)
{
    size_t length = end - begin;
    size_t room = line->length + length + 1;
    char *grown = room > length ? realloc(line->text, room) : NULL;

    if (grown == NULL) {
        return false;
    }
    line->text = grown;
    if (line->length + length + 1 > SIZE_MAX / sizeof(size_t)) {
        return false;
    }
    size_t *places = realloc(line->place, (line->length + length + 1) * sizeof(*places));
    if (places == NULL) {
        return false;
    }
    line->place = places;
    for (size_t i = 0; i < length; i++) {
        /* A NUL would end what everybody else reads. */
        line->text[line->length] = text[begin + i] == '\0' ? ' ' : text[begin + i];
        line->place[line->length++] = begin + i;
    }
    line->text[line->length] = '\0';
    line->place[line->length] = end;
    return true;
}

/* One logical line; 0: there is no more, 1: there is one, -1: memory is out. */
static int read_logical(struct reader *reader, struct script_line *out)
{
    struct script_line line = {0};
    bool goes_on = false;
    size_t begin;
    size_t end;

    while (read_physical(reader, &begin, &end)) {
        bool passed_over = begin == end || reader->text[begin] == '#';
        if (passed_over) {
            if (goes_on && begin == end) {
                break; /* an empty line ends what was continued */
            }
            continue;
        }
        if (!goes_on) {
            line.number = reader->number;
            line.begin = begin;
        }
        line.end = end;
        goes_on = reader->text[end - 1] == '\\';
        if (!append(&line, reader->text, begin, goes_on ? end - 1 : end)) {
            free(line.text);
            free(line.place);
            return -1;
        }
        if (!goes_on) {
            break;
        }
    }
    *out = line;
    return line.text != NULL;
}

bool script_read(const char *text, size_t length, struct script *out)
{
    struct reader reader = {.text = text, .length = length};
    struct script script = {0};
    struct script_line line;
    size_t room = 0;
    int got;

    while ((got = read_logical(&reader, &line)) > 0) {
        if (script.count == room) {
            room = room == 0 ? 64 : room * 2;
            struct script_line *grown = reallocarray(script.lines, room, sizeof(*grown));
            if (grown == NULL) {
                free(line.text);
                free(line.place);
                got = -1;
                break;
            }
            script.lines = grown;
        }
        script.lines[script.count++] = line;
    }
    if (got < 0) {
        script_free(&script);
        return false;
    }
    *out = script;
    return true;
}

void script_free(struct script *script)
{
    for (size_t i = 0; i < script->count; i++) {
        free(script->lines[i].text);
        free(script->lines[i].place);
    }
    free(script->lines);
    *script = (struct script){0};
}

size_t script_find(const struct script *script, unsigned int number)
{
    size_t found = script->count;

    for (size_t i = 0; i < script->count && script->lines[i].number <= number; i++) {
        found = i;
    }
    return found;
}

/* ---- what a line is ---- */

bool script_is_label(const struct script_line *line)
{
    size_t length = strspn(line->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_");
    const char *rest = line->text + length;

    rest += strspn(rest, " \t");
    return length > 0 && rest[0] == ':' && rest[1] == '\0';
}

bool script_is_directive(const struct script_line *line)
{
    return line->text[0] == '.' && isalpha((unsigned char)line->text[1]) != 0;
}

const char *script_section(const struct script_line *line)
{
    if (strncmp(line->text, "begin", 5) != 0 || !is_space(line->text[5])) {
        return NULL;
    }
    return line->text + 5 + strspn(line->text + 5, " \t");
}

static size_t verb_length(const struct script_line *line)
{
    size_t length = 0;

    while (is_word(line->text[length])) {
        length++;
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strlen(verbs[i]) == length && strncmp(line->text, verbs[i], length) == 0) {
            /* A condition of such a name would have its "=". */
            return line->text[length + strspn(line->text + length, " \t")] == '=' ? 0 : length;
        }
    }
    return 0;
}

bool script_is_verb(const struct script_line *line)
{
    return verb_length(line) > 0;
}

const char *script_unhidden(const struct script_line *line)
{
    bool is_hidden = strncmp(line->text, "hide", 4) == 0 && isspace((unsigned char)line->text[4]);

    return is_hidden ? line->text + 4 + strspn(line->text + 4, " \t") : line->text;
}

bool script_setting(const struct script_line *line, struct script_setting *out)
{
    struct script_setting setting = {0};
    size_t at = verb_length(line);

    at += strspn(line->text + at, " \t");
    setting.is_negated = line->text[at] == '!';
    at += setting.is_negated ? 1 + strspn(line->text + at + 1, " \t") : 0;
    setting.name = at;
    while (is_word(line->text[at])) {
        at++;
    }
    setting.name_end = at;
    at += strspn(line->text + at, " \t");
    /* The last word counts: "hostlist relay_from_hosts = ...", "hide mysql_servers = ...". */
    while (is_word(line->text[at])) {
        setting.name = at;
        while (is_word(line->text[at])) {
            at++;
        }
        setting.name_end = at;
        at += strspn(line->text + at, " \t");
    }
    if (line->text[at] != '=' || setting.name == setting.name_end) {
        return false;
    }
    at += line->text[at + 1] == '=' ? 2 : 1; /* "==" defines a macro anew */
    setting.value = at + strspn(line->text + at, " \t");
    *out = setting;
    return true;
}

bool script_is_named(const struct script_line *line, const struct script_setting *setting,
                     const char *name)
{
    size_t length = strlen(name);

    return setting->name_end - setting->name == length &&
           strncasecmp(line->text + setting->name, name, length) == 0;
}

/* ---- statements ---- */

/* How a directive changes the depth of conditions. */
static int depth_of(const struct script_line *line)
{
    if (strncmp(line->text, ".ifdef", 6) == 0 || strncmp(line->text, ".ifndef", 7) == 0) {
        return 1;
    }
    return strncmp(line->text, ".endif", 6) == 0 ? -1 : 0;
}

size_t script_statement_end(const struct script *script, size_t first)
{
    size_t end = first + 1;
    int depth = 0;

    for (size_t i = first + 1; i < script->count; i++) {
        const struct script_line *line = &script->lines[i];
        if (!script_is_directive(line)) {
            if (script_is_verb(line) || script_is_label(line) || script_section(line) != NULL) {
                break;
            }
            if (depth == 0) {
                end = i + 1;
            }
            continue;
        }
        depth += depth_of(line);
        if (depth < 0) {
            break; /* it ends what began before */
        }
        if (depth == 0 && depth_of(line) < 0) {
            end = i + 1;
        }
    }
    return end;
}

/* ---- lists ---- */

void script_list_begin(struct script_list *list, const char *text, size_t begin, size_t end,
                       const char *separators)
{
    *list = (struct script_list){.text = text, .end = end, .own = ":", .separators = separators};
    size_t at = begin;
    while (at < end && is_space(text[at])) {
        at++;
    }
    if (at + 1 < end && text[at] == '<' && ispunct((unsigned char)text[at + 1]) != 0) {
        list->own[0] = text[at + 1];
        at += 2;
    }
    list->at = at;
    list->begin = at;
}

static bool is_separator(const struct script_list *list, char octet)
{
    return list->separators != NULL ? octet != '\0' && strchr(list->separators, octet) != NULL
                                    : octet == list->own[0];
}

/* Reads octets up to a separator, or the end, at which it stops. */
static size_t read_item(const struct script_list *list, struct script_item *out)
{
    size_t at = list->at;
    size_t used = 0;

    while (at < list->end) {
        if (is_separator(list, list->text[at])) {
            bool doubled = at + 1 < list->end && list->text[at + 1] == list->text[at];
            if (!doubled || list->separators != NULL) {
                break;
            }
            at++;
        }
        if (used + 1 < sizeof(out->text)) {
            out->text[used++] = list->text[at];
        }
        at++;
    }
    while (used > 0 && is_space(out->text[used - 1])) {
        used--;
    }
    out->text[used] = '\0';
    return at;
}

bool script_list_next(struct script_list *list, struct script_item *out)
{
    while (list->at < list->end && is_space(list->text[list->at])) {
        list->at++;
    }
    if (list->at >= list->end) {
        return false;
    }
    out->begin = list->at;
    size_t stop = read_item(list, out);
    out->end = stop;
    while (out->end > out->begin && is_space(list->text[out->end - 1])) {
        out->end--;
    }
    out->cut_begin = out->begin;
    out->cut_end = out->end;
    if (stop < list->end) {
        out->cut_end = stop + 1;
    } else {
        /* The last one: the separator in front of it. */
        size_t before = out->begin;
        while (before > list->begin && is_space(list->text[before - 1])) {
            before--;
        }
        if (before > list->begin) {
            out->cut_begin = before - 1;
        }
    }
    list->at = stop + 1;
    return true;
}

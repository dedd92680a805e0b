#include "probe/rehearse/postfix/table_lines.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/rehearse/postfix/cf_text.h"
#include "probe/rehearse/postfix/reading.h"
#include "probe/rehearse/postfix/tables.h"

/* ---- lines ---- */

static char *unquoted_key(const char *text, size_t *at)
{
    size_t begin = *at;
    char *key = NULL;

    /* postmap(1) since Postfix 3.2: "a key", with \ before a quote or another \. */
    if (text[begin] == '"') {
        size_t used = 0;
        size_t here = begin + 1;
        key = malloc(strlen(text + begin) + 1);
        while (key != NULL && text[here] != '\0' && text[here] != '"') {
            here += text[here] == '\\' && text[here + 1] != '\0';
            key[used++] = text[here++];
        }
        if (key != NULL) {
            key[used] = '\0';
        }
        *at = here + (text[here] == '"');
        return key;
    }
    size_t length = strcspn(text + begin, CF_WORD_SEPARATORS);
    *at = begin + length;
    return strndup(text + begin, length);
}

bool table_walk(const char *text, size_t length, bool (*see)(void *own, const struct table_line *),
                void *own)
{
    struct cf_line line;
    size_t place = 0;
    bool going = true;

    while (going && cf_next_line(text, length, &place, &line)) {
        struct cf_joined joined;
        if (!cf_join(text, &line, &joined)) {
            return false;
        }
        size_t at = strspn(joined.text, CF_WORD_SEPARATORS);
        char *key = unquoted_key(joined.text, &at);
        at += strspn(joined.text + at, CF_WORD_SEPARATORS);
        size_t end = joined.length;
        while (end > at && isspace((unsigned char)joined.text[end - 1])) {
            end--;
        }
        joined.text[end] = '\0';
        const struct table_line seen = {line.begin, line.end, key, joined.text + at};
        going = key != NULL && see(own, &seen);
        free(key);
        cf_joined_free(&joined);
        if (key == NULL) {
            return false;
        }
    }
    return true;
}

/* One search. */
struct search {
    struct candidate *candidate;
    const char *reference;
    const char *key;
    size_t file;
    size_t table;
    size_t *out;
    size_t room;
    size_t found;
};

static size_t add_line(struct search *search, const struct cf_line *line)
{
    const struct candidate_file *file = candidate_file(search->candidate, search->file);
    struct cf_joined joined;

    if (search->found == search->room || !cf_join(file->text, line, &joined)) {
        return CANDIDATE_NO_ELEMENT;
    }
    const struct rehearse_element element = {
        .kind = REHEARSE_TABLE_LINE,
        .file = search->file,
        .begin = line->begin,
        .end = line->end,
        .text = joined.text,
        .parameter = search->reference,
        .key = search->key,
        .table = search->table,
    };
    size_t index = candidate_add_element(search->candidate, &element);
    cf_joined_free(&joined);
    if (index != CANDIDATE_NO_ELEMENT) {
        search->out[search->found++] = index;
    }
    return index;
}

static bool see_key(void *own, const struct table_line *line)
{
    struct search *search = own;

    /* Keys are folded when a map is made, and when they are looked up. */
    if (strcasecmp(line->key, search->key) == 0) {
        add_line(search, &(struct cf_line){line->begin, line->end});
    }
    return search->found < search->room;
}

/* ---- patterns ---- */

struct lines {
    struct cf_line *all;
    size_t count;
};

static bool read_lines(const char *text, size_t length, struct lines *out)
{
    struct cf_line line;
    size_t place = 0;
    size_t room = 0;

    while (cf_next_line(text, length, &place, &line)) {
        if (out->count == room) {
            room = room == 0 ? 64 : room * 2;
            struct cf_line *more = reallocarray(out->all, room, sizeof(*more));
            if (more == NULL) {
                return false;
            }
            out->all = more;
        }
        out->all[out->count++] = line;
    }
    return true;
}

/* Whether a line of a table begins with this word, as Postfix's pattern tables know "if" and
 * "endif": in any case of letters, and not as the beginning of a longer word. */
static bool begins_with(const char *line, const char *word)
{
    size_t length = strlen(word);

    return strncasecmp(line, word, length) == 0 && !isalnum((unsigned char)line[length]);
}

/* How many "if" the first `length` octets leave open: Postfix refuses a table that does. */
static size_t count_open_ifs(const char *text, size_t length)
{
    struct cf_line line;
    size_t place = 0;
    size_t open = 0;

    while (cf_next_line(text, length, &place, &line)) {
        if (begins_with(text + line.begin, "if")) {
            open++;
        } else if (begins_with(text + line.begin, "endif") && open > 0) {
            open--;
        }
    }
    return open;
}

/* Whether the first `length` octets of a table answer for the key. */
static bool beginning_answers(const struct search *search, const char *type, size_t length)
{
    const struct candidate_file *file = candidate_file(search->candidate, search->file);
    char path[PATH_MAX];
    char *map = NULL;

    snprintf(path, sizeof(path), "%s/beginning", candidate_scratch(search->candidate));
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        return false;
    }
    bool written = fwrite(file->text, 1, length, out) == length && fputc('\n', out) != EOF;
    for (size_t open = count_open_ifs(file->text, length); open > 0; open--) {
        written = fputs("endif\n", out) != EOF && written;
    }
    const struct timespec old = {.tv_sec = 1};
    written = fflush(out) == 0 && written &&
              futimens(fileno(out), (const struct timespec[]){old, old}) == 0;
    if (fclose(out) != 0 || !written || asprintf(&map, "%s:%s", type, path) < 0) {
        unlink(path);
        return false;
    }
    const char *const words[] = {"-q", search->key, map, NULL};
    char *answer = reading_postmap(search->candidate, words);
    free(map);
    unlink(path);
    bool answers = answer != NULL && answer[0] != '\0';
    free(answer);
    return answers;
}

/* The first rule that matches wins, so that beginnings answer from one length on. */
static void find_pattern(struct search *search, const char *type)
{
    const struct candidate_file *file = candidate_file(search->candidate, search->file);
    struct lines lines = {0};

    if (!read_lines(file->text, file->length, &lines) || lines.count == 0 ||
        !beginning_answers(search, type, file->length)) {
        free(lines.all);
        return;
    }
    size_t low = 0;
    size_t high = lines.count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (beginning_answers(search, type, lines.all[middle].end)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    add_line(search, &lines.all[low]);
    free(lines.all);
}

/* ---- inline ---- */

/* The entries of "{ a=OK, b=OK }", looked for in the text of the reference's own element, whose
 * place is known. The last one stays: Postfix takes no inline table without an entry. */
static void find_inline(struct search *search, size_t reference)
{
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(search->candidate, &count);
    struct cf_joined joined;
    struct cf_line hit = {0, 0};
    size_t entries = 0;

    if (reference >= count) {
        return;
    }
    const struct cf_line span = {elements[reference].begin, elements[reference].end};
    search->file = elements[reference].file;
    if (!cf_join(candidate_file(search->candidate, search->file)->text, &span, &joined)) {
        return;
    }
    const char *open = strstr(joined.text, "inline:");
    open = open == NULL ? NULL : strchr(open, '{');
    const char *close = open == NULL ? NULL : strrchr(open, '}');
    if (close != NULL) {
        size_t at = (size_t)(open - joined.text) + 1;
        size_t begin = 0;
        size_t end = 0;
        joined.text[close - joined.text] = '\0';
        while (cf_next_word(joined.text, &at, CF_LIST_SEPARATORS, &begin, &end)) {
            size_t from = begin;
            from += joined.text[begin] == '{';
            from += strspn(joined.text + from, CF_WORD_SEPARATORS);
            size_t length = strcspn(joined.text + from, "= \t\r\n");
            entries++;
            if (strlen(search->key) == length &&
                strncasecmp(joined.text + from, search->key, length) == 0) {
                hit = (struct cf_line){joined.place[begin], joined.place[end - 1] + 1};
            }
        }
    }
    cf_joined_free(&joined);
    if (entries > 1 && hit.end > hit.begin) {
        add_line(search, &hit);
    }
}

/* ---- finding ---- */

static size_t find_in(struct search *search, size_t element, int depth);

static void find_members(struct search *search, const char *name, size_t element, int depth)
{
    const char *reference = search->reference;
    char *members = strdup(name);
    size_t at = 0;
    size_t begin = 0;
    size_t end = 0;

    if (members == NULL) {
        return;
    }
    for (char *brace = members; *brace != '\0'; brace++) {
        /* Only the outer pair: members in braces have their own. */
        if (brace == members && *brace == '{') {
            *brace = ' ';
        }
    }
    size_t length = strlen(members);
    if (length > 0 && members[length - 1] == '}') {
        members[length - 1] = '\0';
    }
    while (cf_next_word(members, &at, CF_LIST_SEPARATORS, &begin, &end)) {
        char *member = strndup(members + begin, end - begin);
        if (member != NULL) {
            search->reference = member;
            find_in(search, element, depth + 1);
        }
        free(member);
    }
    search->reference = reference;
    free(members);
}

static size_t find_in(struct search *search, size_t element, int depth)
{
    char type[32];
    const char *name = NULL;
    size_t count = 0;
    const struct candidate_table *tables = candidate_tables(search->candidate, &count);

    if (depth > TABLE_NESTING_MAX || !table_split(search->reference, type, sizeof(type), &name)) {
        return search->found;
    }
    enum table_way way = table_way_of(type);
    search->table = REHEARSE_NO_TABLE;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tables[i].reference, search->reference) == 0) {
            search->table = i;
        }
    }
    if (way == TABLE_MEMBERS) {
        find_members(search, name, element, depth);
        return search->found;
    }
    if (way == TABLE_INLINE) {
        find_inline(search, element);
        return search->found;
    }
    if (way == TABLE_CONSTANT || way == TABLE_REMOTE) {
        return search->found;
    }
    search->file = candidate_add_file(search->candidate, name);
    if (search->file == CANDIDATE_NO_FILE) {
        return search->found;
    }
    if (way == TABLE_PATTERN) {
        find_pattern(search, type);
    } else {
        const struct candidate_file *file = candidate_file(search->candidate, search->file);
        table_walk(file->text, file->length, see_key, search);
    }
    return search->found;
}

size_t table_find(struct candidate *candidate, const char *reference, const char *key,
                  size_t element, size_t *out, size_t room)
{
    struct search search = {
        .candidate = candidate, .reference = reference, .key = key, .out = out, .room = room};

    return find_in(&search, element, 0);
}

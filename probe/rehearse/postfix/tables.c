#include "probe/rehearse/postfix/tables.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/rehearse/postfix/cf_text.h"
#include "probe/rehearse/postfix/reading.h"

#define NESTING_MAX 8

/* How a type of table is read. */
enum way {
    WAY_MAP,     /* a map beside a text of keys */
    WAY_KEYS,    /* a text of keys */
    WAY_PATTERN, /* a text of patterns, the first that matches answers */
    WAY_INLINE,
    WAY_MEMBERS, /* other tables, in braces */
    WAY_CONSTANT,
    WAY_REMOTE,
};

struct table_type {
    const char *name;
    enum way way;
    const char *suffix; /* of its map */
};

static const struct table_type types[] = {
    {"hash", WAY_MAP, ".db"},        {"btree", WAY_MAP, ".db"},
    {"cdb", WAY_MAP, ".cdb"},        {"lmdb", WAY_MAP, ".lmdb"},
    {"dbm", WAY_MAP, ".pag"},        {"sdbm", WAY_MAP, ".pag"},
    {"texthash", WAY_KEYS, NULL},    {"regexp", WAY_PATTERN, NULL},
    {"pcre", WAY_PATTERN, NULL},     {"cidr", WAY_PATTERN, NULL},
    {"inline", WAY_INLINE, NULL},    {"unionmap", WAY_MEMBERS, NULL},
    {"pipemap", WAY_MEMBERS, NULL},  {"randmap", WAY_MEMBERS, NULL},
    {"static", WAY_CONSTANT, NULL},  {"fail", WAY_CONSTANT, NULL},
    {"environ", WAY_CONSTANT, NULL}, {"unix", WAY_CONSTANT, NULL},
    {"mysql", WAY_REMOTE, NULL},     {"pgsql", WAY_REMOTE, NULL},
    {"sqlite", WAY_REMOTE, NULL},    {"ldap", WAY_REMOTE, NULL},
    {"memcache", WAY_REMOTE, NULL},  {"socketmap", WAY_REMOTE, NULL},
    {"tcp", WAY_REMOTE, NULL},       {"mongodb", WAY_REMOTE, NULL},
    {"nis", WAY_REMOTE, NULL},       {"nisplus", WAY_REMOTE, NULL},
};

static const struct table_type *type_of(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].name, name) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

bool table_split(const char *reference, char *type, size_t type_size, const char **name)
{
    static const char *const through[] = {"proxy:", "proxywrite:"};

    for (size_t i = 0; i < sizeof(through) / sizeof(through[0]); i++) {
        if (strncmp(reference, through[i], strlen(through[i])) == 0) {
            reference += strlen(through[i]);
        }
    }
    size_t length = strcspn(reference, ":");
    if (reference[length] != ':' || length == 0 || length >= type_size) {
        return false;
    }
    memcpy(type, reference, length);
    type[length] = '\0';
    *name = reference + length + 1;
    return type_of(type) != NULL;
}

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

    if (depth > NESTING_MAX || !table_split(search->reference, type, sizeof(type), &name)) {
        return search->found;
    }
    enum way way = type_of(type)->way;
    search->table = REHEARSE_NO_TABLE;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tables[i].reference, search->reference) == 0) {
            search->table = i;
        }
    }
    if (way == WAY_MEMBERS) {
        find_members(search, name, element, depth);
        return search->found;
    }
    if (way == WAY_INLINE) {
        find_inline(search, element);
        return search->found;
    }
    if (way == WAY_CONSTANT || way == WAY_REMOTE) {
        return search->found;
    }
    search->file = candidate_add_file(search->candidate, name);
    if (search->file == CANDIDATE_NO_FILE) {
        return search->found;
    }
    if (way == WAY_PATTERN) {
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

/* ---- which there are ---- */

static void note(struct candidate *candidate, const struct candidate_table *table, const char *why,
                 bool (*add)(struct candidate *candidate, const struct candidate_note *note))
{
    size_t count = 0;
    const struct rehearse_element *elements = candidate_elements(candidate, &count);
    char text[512];

    snprintf(text, sizeof(text), "%.100s: %.400s", table->parameter, table->reference);
    const struct candidate_note made = {
        .file = table->element < count
                    ? candidate_file(candidate, elements[table->element].file)->path
                    : "main.cf",
        .line = table->element < count ? elements[table->element].line : 0,
        .text = text,
        .why = why,
    };
    (void)add(candidate, &made);
}

static bool modified(const char *path, struct timespec *out)
{
    struct stat about;

    if (stat(path, &about) != 0) {
        return false;
    }
    *out = about.st_mtim;
    return true;
}

static void look_at_map(struct candidate *candidate, const struct table_type *type,
                        struct candidate_table *table)
{
    char source[PATH_MAX];
    char map[PATH_MAX];
    struct timespec of_text;
    struct timespec of_map;

    candidate_source(candidate, table->name, source, sizeof(source));
    table->indexed = true;
    if ((size_t)snprintf(map, sizeof(map), "%s%s", source, type->suffix) >= sizeof(map) ||
        !modified(map, &of_map)) {
        table->map_missing = table->file != CANDIDATE_NO_FILE;
        return;
    }
    if (table->file != CANDIDATE_NO_FILE && modified(source, &of_text)) {
        table->text_newer = of_text.tv_sec > of_map.tv_sec;
        table->text_older = !table->text_newer;
    }
}

static void add_members(struct candidate *candidate, const struct candidate_table *table,
                        bool decides, int depth);

static void add_table(struct candidate *candidate, const struct candidate_table *wanted,
                      bool decides, int depth)
{
    struct candidate_table table = *wanted;
    char name[32];
    const char *rest = NULL;

    if (depth > NESTING_MAX || !table_split(table.reference, name, sizeof(name), &rest)) {
        return;
    }
    const struct table_type *type = type_of(name);
    table.type = name;
    table.name = rest;
    table.file = CANDIDATE_NO_FILE;
    table.remote = type->way == WAY_REMOTE;
    bool has_text = type->way == WAY_MAP || type->way == WAY_KEYS || type->way == WAY_PATTERN;
    if (has_text) {
        table.file = candidate_add_file(candidate, rest);
    }
    if (type->way == WAY_MAP) {
        look_at_map(candidate, type, &table);
    }
    size_t before = 0;
    size_t after = 0;
    (void)candidate_tables(candidate, &before);
    candidate_add_table(candidate, &table);
    (void)candidate_tables(candidate, &after);
    if (after > before && decides && has_text && table.file == CANDIDATE_NO_FILE) {
        note(candidate, &table,
             "Its text cannot be read, or is not everybody's to read and lies outside of the "
             "folder: whom it lets in was not asked.",
             candidate_add_unknown);
    }
    if (after > before && decides && table.remote) {
        note(candidate, &table, "The table is on another server, which is not asked.",
             candidate_add_unknown);
    } else if (after > before && decides && !reading_has_type(candidate, name)) {
        note(candidate, &table, "This Postfix has no such type of table.", candidate_add_unknown);
    } else if (after > before && table.text_newer) {
        note(
            candidate, &table,
            "The text is younger than its map. The rehearsal made the map anew: run postmap before "
            "you reload.",
            candidate_add_warning);
    }
    if (type->way == WAY_MEMBERS) {
        add_members(candidate, &table, decides, depth);
    }
}

static void add_members(struct candidate *candidate, const struct candidate_table *table,
                        bool decides, int depth)
{
    char *members = strdup(table->name);
    size_t at = 0;
    size_t begin = 0;
    size_t end = 0;

    if (members == NULL || members[0] != '{') {
        free(members);
        return;
    }
    members[0] = ' ';
    size_t length = strlen(members);
    if (members[length - 1] == '}') {
        members[length - 1] = '\0';
    }
    while (cf_next_word(members, &at, CF_LIST_SEPARATORS, &begin, &end)) {
        struct candidate_table member = *table;
        char *reference = strndup(members + begin, end - begin);
        member.reference = reference;
        if (reference != NULL) {
            add_table(candidate, &member, decides, depth + 1);
        }
        free(reference);
    }
    free(members);
}

void table_add(struct candidate *candidate, const char *reference, const char *parameter,
               size_t element, bool decides)
{
    const struct candidate_table table = {
        .reference = reference, .parameter = parameter, .element = element};

    add_table(candidate, &table, decides, 0);
}

/* ---- the maps of a copy ---- */

/* Where a table's text lies in the copy; false: its file did not change and is not in the copy. */
static bool copied_text(const struct candidate *candidate,
                        const struct candidate_settling *settling, size_t file, char *out)
{
    const struct candidate_file *text = candidate_file(candidate, file);

    if (text->inside != NULL) {
        return snprintf(out, PATH_MAX, "%s/%s", settling->destination, text->inside) < PATH_MAX;
    }
    for (size_t i = 0; i < *settling->used; i++) {
        if (strcmp(settling->overlays[i].path, text->path) == 0) {
            snprintf(out, PATH_MAX, "%s", settling->overlays[i].copy);
            return true;
        }
    }
    return false;
}

/* The map of a text outside of the folder is laid over the real one, too. */
static bool overlay_map(const struct candidate *candidate,
                        const struct candidate_settling *settling,
                        const struct candidate_table *table, const char *text)
{
    const char *suffix = type_of(table->type)->suffix;
    const struct candidate_file *file = candidate_file(candidate, table->file);

    if (file->inside != NULL) {
        return true;
    }
    if (*settling->used == settling->room) {
        return false;
    }
    struct candidate_overlay *overlay = &settling->overlays[(*settling->used)++];
    return snprintf(overlay->path, sizeof(overlay->path), "%s%s", file->path, suffix) <
               (int)sizeof(overlay->path) &&
           snprintf(overlay->copy, sizeof(overlay->copy), "%s%s", text, suffix) <
               (int)sizeof(overlay->copy);
}

/* A map that said the same as its text is made anew from the copy's text. One that is older keeps
 * saying what it says, but for the key that is out. */
static bool make_map(const struct candidate *candidate, const struct candidate_settling *settling,
                     const struct candidate_table *table)
{
    char text[PATH_MAX];
    char *map = NULL;

    if (!copied_text(candidate, settling, table->file, text) ||
        asprintf(&map, "%s:%s", table->type, text) < 0) {
        return false;
    }
    const char *const anew[] = {map, NULL};
    char *said = reading_postmap(candidate, anew);
    bool made = said != NULL;
    free(said);
    free(map);
    return made && overlay_map(candidate, settling, table, text);
}

bool table_settle(const struct candidate *candidate, const struct candidate_settling *settling,
                  char why[CANDIDATE_WHY_SIZE])
{
    size_t count = 0;
    size_t tables_count = 0;
    const struct rehearse_element *elements = candidate_elements(candidate, &count);
    const struct candidate_table *tables = candidate_tables(candidate, &tables_count);

    for (size_t i = 0; i < tables_count; i++) {
        const struct candidate_table *table = &tables[i];
        bool made = false;
        /* A text that is younger is what the operator is about to make live. */
        bool changed = (table->map_missing || table->text_newer) &&
                       table->file != CANDIDATE_NO_FILE &&
                       candidate_file(candidate, table->file)->inside != NULL;
        for (size_t k = 0; table->indexed && k < settling->count; k++) {
            const struct rehearse_element *element = &elements[settling->without[k]];
            if (element->kind == REHEARSE_TABLE_LINE && element->file == table->file) {
                made = true;
                if (!make_map(candidate, settling, table)) {
                    snprintf(why, CANDIDATE_WHY_SIZE, "postmap cannot make %.400s",
                             table->reference);
                    return false;
                }
            }
        }
        /* That one cannot be made says Postfix itself, as it would of the candidate. */
        if (changed && !made) {
            (void)make_map(candidate, settling, table);
        }
    }
    return true;
}

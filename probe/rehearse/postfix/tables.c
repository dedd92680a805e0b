#include "probe/rehearse/postfix/tables.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/rehearse/postfix/cf_text.h"
#include "probe/rehearse/postfix/reading.h"

struct table_type {
    const char *name;
    enum table_way way;
    const char *suffix; /* of its map */
};

static const struct table_type types[] = {
    {"hash", TABLE_MAP, ".db"},        {"btree", TABLE_MAP, ".db"},
    {"cdb", TABLE_MAP, ".cdb"},        {"lmdb", TABLE_MAP, ".lmdb"},
    {"dbm", TABLE_MAP, ".pag"},        {"sdbm", TABLE_MAP, ".pag"},
    {"texthash", TABLE_KEYS, NULL},    {"regexp", TABLE_PATTERN, NULL},
    {"pcre", TABLE_PATTERN, NULL},     {"cidr", TABLE_PATTERN, NULL},
    {"inline", TABLE_INLINE, NULL},    {"unionmap", TABLE_MEMBERS, NULL},
    {"pipemap", TABLE_MEMBERS, NULL},  {"randmap", TABLE_MEMBERS, NULL},
    {"static", TABLE_CONSTANT, NULL},  {"fail", TABLE_CONSTANT, NULL},
    {"environ", TABLE_CONSTANT, NULL}, {"unix", TABLE_CONSTANT, NULL},
    {"mysql", TABLE_REMOTE, NULL},     {"pgsql", TABLE_REMOTE, NULL},
    {"sqlite", TABLE_REMOTE, NULL},    {"ldap", TABLE_REMOTE, NULL},
    {"memcache", TABLE_REMOTE, NULL},  {"socketmap", TABLE_REMOTE, NULL},
    {"tcp", TABLE_REMOTE, NULL},       {"mongodb", TABLE_REMOTE, NULL},
    {"nis", TABLE_REMOTE, NULL},       {"nisplus", TABLE_REMOTE, NULL},
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

enum table_way table_way_of(const char *type)
{
    return type_of(type)->way;
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

    if (depth > TABLE_NESTING_MAX || !table_split(table.reference, name, sizeof(name), &rest)) {
        return;
    }
    const struct table_type *type = type_of(name);
    table.type = name;
    table.name = rest;
    table.file = CANDIDATE_NO_FILE;
    table.remote = type->way == TABLE_REMOTE;
    bool has_text = type->way == TABLE_MAP || type->way == TABLE_KEYS || type->way == TABLE_PATTERN;
    if (has_text) {
        table.file = candidate_add_file(candidate, rest);
    }
    if (type->way == TABLE_MAP) {
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
        note(
            candidate, &table,
            "The table is on another server, which is not asked; --tables FILE takes what it would "
            "answer.",
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
    if (type->way == TABLE_MEMBERS) {
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

enum instance_fault table_settle(const struct candidate *candidate,
                                 const struct candidate_settling *settling,
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
                    return INSTANCE_FAULT_OF_GUEST;
                }
            }
        }
        /* That one cannot be made says Postfix itself, as it would of the candidate. */
        if (changed && !made) {
            (void)make_map(candidate, settling, table);
        }
    }
    return INSTANCE_NO_FAULT;
}

#include "probe/rehearse/exim/places.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probe/rehearse/exim/reading.h"

#define DEEP_MAX 8
#define TEXT_MAX 1024

/* One search for items. */
struct search {
    struct candidate *candidate;
    const char *matched; /* NULL: all */
    bool whole;          /* not items: the values of the lists that they are of */
    size_t *out;
    size_t room;
    size_t count;
};

static const struct script_line *line_at(const struct candidate *candidate, size_t source,
                                         size_t line)
{
    return &reading_exim_of(candidate)->sources[source].script.lines[line];
}

/* ---- statements and blocks ---- */

size_t place_statement(struct candidate *candidate, size_t source, size_t line)
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    const struct script *script = &reading->sources[source].script;
    size_t end = script_statement_end(script, line);
    char text[TEXT_MAX] = "";
    size_t used = 0;
    bool logs_in = false;

    for (size_t i = line; i < end; i++) {
        struct script_setting setting;
        if (script_is_directive(&script->lines[i])) {
            continue;
        }
        logs_in = logs_in || (script_setting(&script->lines[i], &setting) && !setting.is_negated &&
                              script_is_named(&script->lines[i], &setting, "authenticated"));
        int put = snprintf(text + used, sizeof(text) - used, "%s%.500s", used > 0 ? "  " : "",
                           script->lines[i].text);
        used += put > 0 ? (size_t)put : 0;
        used = used < sizeof(text) ? used : sizeof(text) - 1;
    }
    const struct rehearse_element element = {
        .kind = script_is_label(&script->lines[line]) ? REHEARSE_DRIVER : REHEARSE_ACL_STATEMENT,
        .file = reading->sources[source].file,
        .begin = script->lines[line].begin,
        .end = script->lines[end - 1].end,
        .text = text,
        .parameter = "",
        .table = REHEARSE_NO_TABLE,
        .is_protected = logs_in,
    };
    return candidate_add_element(candidate, &element);
}

size_t place_setting(struct candidate *candidate, const char *name)
{
    const struct exim_reading *reading = reading_exim_of(candidate);

    for (size_t i = 0; i < reading->source_count; i++) {
        const struct script *script = &reading->sources[i].script;
        for (size_t k = 0; k < script->count; k++) {
            const struct script_line *line = &script->lines[k];
            struct script_setting setting;
            if (script_setting(line, &setting) && setting.name == 0 &&
                script_is_named(line, &setting, name)) {
                const struct rehearse_element element = {.kind = REHEARSE_SETTING,
                                                         .file = reading->sources[i].file,
                                                         .begin = line->begin,
                                                         .end = line->end,
                                                         .text = line->text,
                                                         .parameter = name,
                                                         .table = REHEARSE_NO_TABLE};
                return candidate_add_element(candidate, &element);
            }
        }
    }
    return CANDIDATE_NO_ELEMENT;
}

size_t place_driver(struct candidate *candidate, const char *name)
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    size_t length = strlen(name);

    for (size_t i = 0; i < reading->source_count; i++) {
        const struct script *script = &reading->sources[i].script;
        for (size_t k = 0; k < script->count; k++) {
            if (script_is_label(&script->lines[k]) &&
                strncmp(script->lines[k].text, name, length) == 0 &&
                (script->lines[k].text[length] == ':' || script->lines[k].text[length] == ' ')) {
                return place_statement(candidate, i, k);
            }
        }
    }
    return CANDIDATE_NO_ELEMENT;
}

size_t place_authenticator(struct candidate *candidate, const char *public_name)
{
    const struct exim_reading *reading = reading_exim_of(candidate);

    for (size_t i = 0; i < reading->source_count; i++) {
        const struct script *script = &reading->sources[i].script;
        size_t label = script->count;
        for (size_t k = 0; k < script->count; k++) {
            const struct script_line *line = &script->lines[k];
            struct script_setting setting;
            label = script_is_label(line) ? k : label;
            if (label < script->count && script_setting(line, &setting) &&
                script_is_named(line, &setting, "public_name") &&
                strcasecmp(line->text + setting.value, public_name) == 0) {
                return place_statement(candidate, i, label);
            }
        }
    }
    return CANDIDATE_NO_ELEMENT;
}

/* ---- items ---- */

/* Within what the site trusts, or its own domain: right as it is. */
static bool is_right(const struct candidate *candidate, const char *item)
{
    const struct site *site = candidate_site(candidate);
    struct network network;
    enum network_error error = network_parse(item, &network);

    if (site == NULL) {
        return false;
    }
    if (error != NETWORK_OK && error != NETWORK_HOST_BITS_SET) {
        return strcmp(item, "@") == 0 || site_owns_domain(site, item, strlen(item));
    }
    struct address last = network.base;
    unsigned int bits = last.family == ADDRESS_IPV4 ? 32 : 128;
    for (unsigned int bit = network.prefix; bit < bits; bit++) {
        last.octets[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
    }
    return site_trusts(site, &network.base) && site_trusts(site, &last);
}

static void keep(struct search *search, size_t element)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->out[i] == element) {
            return;
        }
    }
    if (element != CANDIDATE_NO_ELEMENT && search->count < search->room) {
        search->out[search->count++] = element;
    }
}

/* With its separator, where that is on the same line of the file: a backslash between would go, and
 * with it the rest of the list. */
static void find_span(const struct candidate_file *file, const struct script_line *line,
                      const struct script_item *item, size_t *begin, size_t *end)
{
    *begin = line->place[item->begin];
    *end = item->end > item->begin ? line->place[item->end - 1] + 1 : *begin;
    size_t wide_begin = line->place[item->cut_begin];
    size_t wide_end = item->cut_end > item->cut_begin ? line->place[item->cut_end - 1] + 1 : *end;

    if (memchr(file->text + wide_begin, '\n', wide_end - wide_begin) == NULL) {
        *begin = wide_begin;
        *end = wide_end;
    }
}

static void add_item(struct search *search, const struct reading_source *source,
                     const struct script_line *line, const char *parameter,
                     const struct script_item *item, bool keep_separator)
{
    const struct candidate_file *file = candidate_file(search->candidate, source->file);
    struct rehearse_element element = {.kind = REHEARSE_LIST_ITEM,
                                       .file = source->file,
                                       .text = item->text,
                                       .parameter = parameter,
                                       .table = REHEARSE_NO_TABLE,
                                       .is_protected = is_right(search->candidate, item->text)};
    struct script_item alone = *item;

    if (search->count == search->room || item->begin == item->end) {
        return;
    }
    if (keep_separator) {
        alone.cut_begin = item->begin;
        alone.cut_end = item->end;
    }
    find_span(file, line, &alone, &element.begin, &element.end);
    keep(search, candidate_add_element(search->candidate, &element));
}

/* All that is behind the "=". */
static void add_whole(struct search *search, const struct reading_source *source,
                      const struct reading_definition *where, const char *parameter)
{
    const struct script_line *line = &source->script.lines[where->line];
    char text[TEXT_MAX];

    if (where->value >= where->value_end) {
        return;
    }
    snprintf(text, sizeof(text), "%.*s", (int)(where->value_end - where->value),
             line->text + where->value);
    const struct rehearse_element element = {.kind = REHEARSE_LIST_ITEM,
                                             .file = source->file,
                                             .begin = line->place[where->value],
                                             .end = line->place[where->value_end - 1] + 1,
                                             .text = text,
                                             .parameter = parameter,
                                             .table = REHEARSE_NO_TABLE};
    keep(search, candidate_add_element(search->candidate, &element));
}

/* The value that Exim has of a macro. */
static const char *macro_value(const struct exim_reading *reading, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < reading->flat_script.count; i++) {
        const struct script_line *line = &reading->flat_script.lines[i];
        struct script_setting setting;
        if (isupper((unsigned char)line->text[0]) != 0 && script_setting(line, &setting) &&
            setting.name == 0 && script_is_named(line, &setting, name)) {
            value = line->text + setting.value;
        }
    }
    return value;
}

/* An item such as "lsearch;CONFDIR/hosts" as Exim reads it; false if no macro is in it. */
static bool expand(const struct exim_reading *reading, const char *item, char out[TEXT_MAX])
{
    bool any = false;

    snprintf(out, TEXT_MAX, "%s", item);
    for (size_t i = 0; i < reading->definition_count; i++) {
        const struct reading_definition *definition = &reading->definitions[i];
        const char *at = definition->kind == READING_LIST ? NULL : strstr(out, definition->name);
        const char *value = at != NULL ? macro_value(reading, definition->name) : NULL;
        if (value != NULL) {
            char whole[TEXT_MAX];
            snprintf(whole, sizeof(whole), "%.*s%.300s%.300s", (int)(at - out), out, value,
                     at + strlen(definition->name));
            snprintf(out, TEXT_MAX, "%s", whole);
            any = true;
        }
    }
    return any;
}

/* "\N^x\.test$\N" is told as "^x\.test$": between two \N nothing is expanded, and they go;
 * elsewhere a doubled backslash is one. */
static void unprotect(const char *item, char out[TEXT_MAX])
{
    bool is_protected = false;
    size_t used = 0;

    for (const char *at = item; *at != '\0' && used + 1 < TEXT_MAX; at++) {
        if (at[0] == '\\' && at[1] == 'N') {
            is_protected = !is_protected;
            at++;
            continue;
        }
        out[used++] = *at;
        at += !is_protected && at[0] == '\\' && at[1] == '\\';
    }
    out[used] = '\0';
}

/* Whether Exim means this item by what it says has matched. */
static bool is_same(const char *item, const char *matched)
{
    char bare[TEXT_MAX];

    unprotect(item, bare);
    return strcasecmp(item, matched) == 0 || strcasecmp(bare, matched) == 0;
}

static void search_list(struct search *search, const struct reading_definition *where,
                        const char *parameter, int depth);

/* Lists and macros whose name stands in an item. */
static void follow(struct search *search, const char *item, int depth)
{
    const struct exim_reading *reading = reading_exim_of(search->candidate);
    const char *name = item[0] == '!' ? item + 1 + strspn(item + 1, " \t") : item;

    for (size_t i = 0; depth < DEEP_MAX && i < reading->definition_count; i++) {
        const struct reading_definition *definition = &reading->definitions[i];
        bool is_of = definition->kind == READING_LIST
                         ? name[0] == '+' && strcmp(name + 1, definition->name) == 0
                         : strstr(item, definition->name) != NULL;
        if (is_of) {
            search_list(search, definition, definition->name, depth + 1);
        }
    }
}

/* Variables of update-exim4.conf.conf: what they are called there, and how they are separated. The
 * script makes of a semicolon anywhere that it separates. */
static const char *variable_separators(const struct script_line *line,
                                       const struct reading_definition *where, bool *keep)
{
    const char *value = line->text + where->value;
    bool semicolons = memchr(value, ';', where->value_end - where->value) != NULL;

    if (strcmp(where->name, "MAIN_LOCAL_DOMAINS") == 0) {
        return ";:";
    }
    *keep = semicolons;
    return semicolons && value[0] != '<' ? ";" : NULL;
}

static void search_list(struct search *search, const struct reading_definition *where,
                        const char *parameter, int depth)
{
    const struct exim_reading *reading = reading_exim_of(search->candidate);
    const struct reading_source *source = &reading->sources[where->source];
    const struct script_line *line = &source->script.lines[where->line];
    const char *separators = NULL;
    struct script_list list;
    struct script_item item;
    char expanded[TEXT_MAX];
    char name[128];
    bool keep_separator = false;
    size_t found = search->count;

    if (where->kind == READING_VARIABLE) {
        struct script_setting setting;
        separators = variable_separators(line, where, &keep_separator);
        if (script_setting(line, &setting)) {
            snprintf(name, sizeof(name), "%.*s", (int)(setting.name_end - setting.name),
                     line->text + setting.name);
            parameter = name;
        }
    }
    script_list_begin(&list, line->text, where->value, where->value_end, separators);
    while (script_list_next(&list, &item)) {
        bool has_macro = expand(reading, item.text, expanded);
        bool is_name = item.text[0] == '+' || (item.text[0] == '!' && strchr(item.text, '+'));
        size_t before = search->count;
        follow(search, item.text, depth);
        if (is_name || search->whole || search->count > before) {
            continue; /* it is written elsewhere */
        }
        if (search->matched == NULL ? !has_macro && item.text[0] != '!'
                                    : is_same(item.text, search->matched) ||
                                          (has_macro && is_same(expanded, search->matched))) {
            add_item(search, source, line, parameter, &item, keep_separator);
        }
    }
    if (search->whole && depth > 0 && search->count == found) {
        add_whole(search, source, where, parameter);
    }
}

/* The list of a condition or a definition. */
static size_t search_condition(struct search *search, size_t source, size_t line)
{
    const struct script_line *of = line_at(search->candidate, source, line);
    struct script_setting setting;
    char name[128];

    if (!script_setting(of, &setting)) {
        return 0;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(setting.name_end - setting.name),
             of->text + setting.name);
    const struct reading_definition where = {.kind = READING_LIST,
                                             .name = name,
                                             .source = source,
                                             .line = line,
                                             .value = setting.value,
                                             .value_end = of->length};
    search_list(search, &where, name, 0);
    return search->count;
}

size_t place_item(struct candidate *candidate, size_t source, size_t line, const char *matched,
                  size_t out[PLACES_MAX])
{
    struct search search = {
        .candidate = candidate, .matched = matched, .out = out, .room = PLACES_MAX};

    return search_condition(&search, source, line);
}

size_t place_all_items(struct candidate *candidate, size_t source, size_t line, size_t *out,
                       size_t room)
{
    struct search search = {.candidate = candidate, .out = out, .room = room};

    return search_condition(&search, source, line);
}

size_t place_lists(struct candidate *candidate, size_t source, size_t line, size_t out[PLACES_MAX])
{
    struct search search = {.candidate = candidate, .whole = true, .out = out, .room = PLACES_MAX};

    return search_condition(&search, source, line);
}

bool place_is_single(const struct script_line *line, const struct script_setting *setting)
{
    struct script_list list;
    struct script_item item;
    size_t count = 0;

    script_list_begin(&list, line->text, setting->value, line->length, NULL);
    while (script_list_next(&list, &item)) {
        count++;
    }
    return count == 1 && item.text[0] != '+' && isupper((unsigned char)item.text[0]) == 0 &&
           item.text[0] != '/' && strchr(item.text, ';') == NULL;
}

/* ---- lines of files ---- */

static bool is_regex(const char *pattern, const char *key)
{
    regex_t compiled;
    bool found = false;

    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB) == 0) {
        found = regexec(&compiled, key, 0, NULL, 0) == 0;
        regfree(&compiled);
    }
    return found;
}

/* Whether a file's key is what was looked up: as it is, as a network, or as a pattern. */
static bool is_key(const char *text, const struct acl_fact *fact)
{
    struct network network;
    struct address address;
    const char *type = fact->type != NULL ? fact->type : "";

    if (strcasecmp(text, fact->item) == 0) {
        return true;
    }
    if (strcmp(type, "iplsearch") == 0) {
        enum network_error error = network_parse(text, &network);
        return (error == NETWORK_OK || error == NETWORK_HOST_BITS_SET) &&
               address_parse(fact->item, &address) && address.family == network.base.family &&
               address_in_prefix(&address, network.base.octets, network.prefix);
    }
    if (strstr(type, "wildlsearch") == NULL) {
        return false;
    }
    size_t length = strlen(fact->item);
    size_t suffix = strlen(text) - (text[0] == '*');
    if (text[0] == '*') {
        return suffix <= length && strcasecmp(fact->item + length - suffix, text + 1) == 0;
    }
    return text[0] == '^' && is_regex(text, fact->item);
}

/* The key of a line "key: data" or "key data"; of a list's file the whole line. */
static bool read_key(const struct acl_fact *fact, const char *line, size_t length,
                     char out[TEXT_MAX])
{
    size_t end = length;
    size_t begin = 0;

    while (end > 0 && isspace((unsigned char)line[end - 1]) != 0) {
        end--;
    }
    if (end == 0 || line[0] == '#' ||
        (fact->type != NULL && isspace((unsigned char)line[0]) != 0)) {
        return false;
    }
    if (fact->type != NULL && line[0] == '"') {
        const char *quote = memchr(line + 1, '"', end - 1);
        begin = 1;
        end = quote != NULL ? (size_t)(quote - line) : end;
    } else if (fact->type != NULL) {
        bool is_address = strcmp(fact->type, "iplsearch") == 0;
        size_t at = 0;
        /* An IPv6 address ends with a colon that is followed by white space. */
        while (at < end && isspace((unsigned char)line[at]) == 0 &&
               (line[at] != ':' ||
                (is_address && at + 1 < end && isspace((unsigned char)line[at + 1]) == 0))) {
            at++;
        }
        end = at;
    } else {
        while (begin < end && isspace((unsigned char)line[begin]) != 0) {
            begin++;
        }
    }
    snprintf(out, TEXT_MAX, "%.*s", (int)(end - begin < TEXT_MAX ? end - begin : TEXT_MAX - 1),
             line + begin);
    return true;
}

size_t place_line(struct candidate *candidate, const struct acl_fact *fact)
{
    size_t index = fact->file != NULL && fact->file[0] == '/'
                       ? candidate_add_file(candidate, fact->file)
                       : CANDIDATE_NO_FILE;
    const struct candidate_file *file =
        index != CANDIDATE_NO_FILE ? candidate_file(candidate, index) : NULL;
    char key[TEXT_MAX];
    char text[TEXT_MAX];

    for (size_t at = 0; file != NULL && at < file->length;) {
        const char *line = file->text + at;
        const char *newline = memchr(line, '\n', file->length - at);
        size_t length = newline != NULL ? (size_t)(newline - line) : file->length - at;
        if (read_key(fact, line, length, key) && is_key(key, fact)) {
            snprintf(text, sizeof(text), "%.*s",
                     (int)(length < sizeof(text) ? length : sizeof(text) - 1), line);
            const struct rehearse_element element = {.kind = REHEARSE_TABLE_LINE,
                                                     .file = index,
                                                     .begin = at,
                                                     .end = at + length,
                                                     .text = text,
                                                     .parameter = file->path,
                                                     .key = key,
                                                     .table = REHEARSE_NO_TABLE,
                                                     .is_protected = is_right(candidate, key)};
            return candidate_add_element(candidate, &element);
        }
        at += length + 1;
    }
    return CANDIDATE_NO_ELEMENT;
}

#include "probe/rehearse/exim/items.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/rehearse/exim/reading.h"
#include "probe/rehearse/exim/script.h"
#include "probe/rehearse/pattern_word.h"

#define DEEP      6 /* files and named lists in lists in ... */
#define ITEMS_MAX ((size_t)2 * QUESTIONS_MAX)

static void see_item(struct items *items, const char *item, int depth);

/* ---- what is found -------------------------------------------------------------------------- */

static void leave(struct items *items, const char *text)
{
    if (items->left++ == 0) {
        snprintf(items->first_left, sizeof(items->first_left), "%.300s", text);
    }
}

static void leave_key(struct items *items, const struct item_key *key)
{
    char text[NETWORK_TEXT_SIZE];

    leave(items, key->kind == QUESTION_CLIENT ? network_format(&key->network, text) : key->text);
}

static void add_key(struct items *items, const struct item_key *key)
{
    if (items->count == ITEMS_MAX) {
        leave_key(items, key);
        return;
    }
    if (items->count == items->room) {
        size_t room = items->room == 0 ? 16 : items->room * 2;
        struct item_key *more = reallocarray(items->keys, room, sizeof(*more));
        if (more == NULL) {
            leave_key(items, key);
            return;
        }
        items->keys = more;
        items->room = room;
    }
    items->keys[items->count++] = *key;
}

void items_free(struct items *items)
{
    free(items->keys);
    free(items->excluded.networks);
}

/* ---- items ---------------------------------------------------------------------------------- */

static bool is_name(const char *text)
{
    return text[0] != '\0' &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789-._")] == '\0';
}

/* "*.example.net" is matched by "host.example.net"; what has no such shape says no name. */
static bool fill_in(const char *item, char out[QUESTION_TEXT_MAX])
{
    const char *rest = item[0] == '*' ? item + 1 : item;
    const char *first = rest[0] == '.' ? "host" : item[0] == '*' ? "x" : "";

    if (!is_name(rest) || strlen(rest) + 8 > QUESTION_TEXT_MAX || strchr(rest, '.') == NULL) {
        return false;
    }
    snprintf(out, QUESTION_TEXT_MAX, "%s%.300s", first, rest);
    return true;
}

/* Of nobody outside, or told to be so by Exim itself. */
static bool is_own(const char *item)
{
    static const char *const own[] = {"localhost", "$primary_hostname", "$qualify_domain",
                                      "${primary_hostname}", "${qualify_domain}"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(item, own[i]) == 0) {
            return true;
        }
    }
    return item[0] == '\0' || item[0] == '@' || item[0] == '#';
}

static void add_client(struct items *items, const char *item, bool by_pattern)
{
    struct item_key key = {.kind = QUESTION_CLIENT, .by_pattern = by_pattern};
    enum network_error error = network_parse(item, &key.network);
    struct address stranger;

    /* Of a site's thousand networks no stranger is in any. */
    if (error == NETWORK_OK && questions_find_client(candidate_site(items->candidate), &key.network,
                                                     NULL, &stranger) == QUESTION_NETWORK_NOBODYS) {
        return;
    }
    if (error != NETWORK_OK && error != NETWORK_HOST_BITS_SET) {
        key.kind = QUESTION_NAME;
        if (!fill_in(item, key.text)) {
            leave(items, item);
            return;
        }
    }
    add_key(items, &key);
}

static void add_mailbox(struct items *items, const char *item, bool by_pattern)
{
    const struct site *site = candidate_site(items->candidate);
    struct item_key key = {.kind = items->kind, .by_pattern = by_pattern};
    const char *at = strrchr(item, '@');
    const char *of = at != NULL ? at + 1 : item;
    bool whole = at != NULL && at > item && item[0] != '*' && item[0] != '^';
    char domain[QUESTION_TEXT_MAX] = "";

    if (at != NULL && strcmp(of, "*") == 0 && item[0] == '*') {
        items->everybody = true;
        return;
    }
    if (strcmp(of, "*") != 0 && !fill_in(of, domain)) {
        leave(items, item);
        return;
    }
    if (items->kind == QUESTION_RECIPIENT && site != NULL && domain[0] != '\0' &&
        site_owns_domain(site, domain, strlen(domain))) {
        return;
    }
    int length = snprintf(key.text, sizeof(key.text), "%.*s@%s", whole ? (int)(at - item) : 7,
                          whole ? item : "someone", domain);
    if (length < 0 || (size_t)length >= sizeof(key.text)) {
        leave(items, item);
        return;
    }
    add_key(items, &key);
}

/* Of any domain: the question has the canary's. */
static void add_local_part(struct items *items, const char *item, bool by_pattern)
{
    struct item_key key = {.kind = items->kind, .by_pattern = by_pattern};

    if (!is_name(item) || strlen(item) > 64) {
        leave(items, item);
        return;
    }
    snprintf(key.text, sizeof(key.text), "%s@", item);
    add_key(items, &key);
}

static void add_text(struct items *items, const char *item, bool by_pattern)
{
    struct item_key key = {.kind = items->kind, .by_pattern = by_pattern};

    if (items->kind == QUESTION_CLIENT || items->kind == QUESTION_NAME) {
        add_client(items, item, by_pattern);
    } else if (items->local_parts) {
        add_local_part(items, item, by_pattern);
    } else if (items->kind != QUESTION_HELO) {
        add_mailbox(items, item, by_pattern);
    } else if (!questions_are_sayable(item) || strchr(item, '$') != NULL ||
               strlen(item) >= sizeof(key.text)) {
        leave(items, item);
    } else {
        snprintf(key.text, sizeof(key.text), "%s", item);
        add_key(items, &key);
    }
}

/* "^.*@partner\\.test\$", "\N^.*@partner\.test$\N": a text that it is likely to match. */
static bool word_of(const char *item, char out[QUESTION_TEXT_MAX])
{
    const char delimiter = '\001';
    const bool verbatim = strncmp(item, "\\N", 2) == 0;
    char pattern[QUESTION_TEXT_MAX + 3];
    size_t used = 0;

    item += verbatim ? 2 : 0;
    pattern[used++] = delimiter;
    for (; item[0] != '\0' && !(verbatim && strncmp(item, "\\N", 2) == 0); item++) {
        /* Exim expands the text first, which takes one of these away. */
        if (!verbatim && item[0] == '\\' && (item[1] == '\\' || item[1] == '$')) {
            item++;
        }
        if (used + 2 >= sizeof(pattern)) {
            return false;
        }
        pattern[used++] = item[0];
    }
    pattern[used++] = delimiter;
    pattern[used] = '\0';
    return pattern_word(pattern, out, QUESTION_TEXT_MAX) && out[0] != '\0';
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Keys of a file of lines, "key: data", or of a list's items. */
static void see_file(struct items *items, const char *path, int depth)
{
    size_t index = candidate_add_file(items->candidate, path);

    if (index == CANDIDATE_NO_FILE) {
        leave(items, path);
        return;
    }
    char *text = strdup(candidate_file(items->candidate, index)->text);
    if (text == NULL) {
        leave(items, path);
    }
    for (char *at = text; at != NULL && *at != '\0';) {
        if (items->count == ITEMS_MAX) {
            leave(items, path);
            break;
        }
        char *end = at + strcspn(at, "\n");
        char *next = *end == '\n' ? end + 1 : end;
        *end = '\0';
        char *key = at + strspn(at, "\"");
        if (!isspace((unsigned char)at[0])) {
            size_t key_length = strcspn(key, " \t\"#\r");
            while (key_length > 0 && key[key_length - 1] == ':') {
                key_length--;
            }
            key[key_length] = '\0';
            see_item(items, key, depth + 1);
        }
        at = next;
    }
    free(text);
}

/* The names of files are the keys. */
static void see_folder(struct items *items, const char *path)
{
    char source[4096];
    DIR *folder = opendir(candidate_source(items->candidate, path, source, sizeof(source)));

    if (folder == NULL || !candidate_may_read(items->candidate, dirfd(folder))) {
        leave(items, path);
    }
    for (struct dirent *entry;
         folder != NULL && items->left == 0 && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            add_text(items, entry->d_name, false);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* "+relay_from_hosts": the named list of that kind. */
static void see_named(struct items *items, const char *name, int depth)
{
    static const char *const words[] = {"hostlist", "addresslist", "domainlist", "localpartlist"};
    const struct script *script = &reading_exim_of(items->candidate)->flat_script;
    struct script_setting setting;
    bool is_found = false;

    /* Of how names are compared, and no list; who has none is let by with the "include" ones. */
    if (strcmp(name, "caseful") == 0 || strcmp(name, "ignore_unknown") == 0 ||
        strcmp(name, "ignore_defer") == 0) {
        return;
    }

    for (size_t i = 0; i < script->count; i++) {
        const struct script_line *line = &script->lines[i];
        bool is_list = false;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
            is_list = is_list || strncmp(script_unhidden(line), words[k], strlen(words[k])) == 0;
        }
        if (is_list && script_setting(line, &setting) && script_is_named(line, &setting, name)) {
            struct script_list list;
            struct script_item item;
            is_found = true;
            script_list_begin(&list, line->text, setting.value, line->length, NULL);
            while (script_list_next(&list, &item)) {
                see_item(items, item.text, depth + 1);
            }
        }
    }
    if (!is_found) {
        leave(items, name);
    }
}

/* "lsearch;/etc/exim4/hosts", "net-iplsearch;/x", "cdb;/x": a look-up's type ends at a semicolon,
 * and no name and no network has one. */
static bool see_lookup(struct items *items, const char *item, int depth)
{
    const char *semicolon = strchr(item, ';');
    const char *search = strstr(item, "search");

    if (item[0] == '/') {
        see_file(items, item, depth);
        return true;
    }
    if (semicolon == NULL) {
        return false;
    }
    const char *path = semicolon + 1 + strspn(semicolon + 1, " \t");
    if (search == NULL || search > semicolon || path[0] != '/') {
        leave(items, item);
    } else if (search > item && search[-1] == 'd') {
        see_folder(items, path);
    } else {
        see_file(items, path, depth);
    }
    return true;
}

/* "${if exists{FILE}{FILE}{}}": the file's lines, if there is one, as Debian has it. */
static bool see_file_that_exists(struct items *items, const char *item, int depth)
{
    static const char begin[] = "${if exists{";
    char source[4096];
    char path[1024];
    const char *from = item + sizeof(begin) - 1;

    if (strncmp(item, begin, sizeof(begin) - 1) != 0) {
        return false;
    }
    size_t length = strcspn(from, "}");
    const char *yes = from + length;
    snprintf(path, sizeof(path), "%.*s", (int)length, from);
    if (path[0] != '/' || strlen(path) != length || strncmp(yes, "}{", 2) != 0 ||
        strncmp(yes + 2, path, length) != 0 || strncmp(yes + 2 + length, "}{}}", 4) != 0) {
        return false;
    }
    if (access(candidate_source(items->candidate, path, source, sizeof(source)), F_OK) == 0) {
        see_file(items, path, depth);
    }
    return true;
}

static void see_item(struct items *items, const char *item, int depth)
{
    char word[QUESTION_TEXT_MAX];
    const bool is_negated = item[0] == '!';
    struct network network;

    item += is_negated;
    item += strspn(item, " \t");
    if (depth == 0 && is_negated != items->want_negated) {
        if (network_parse(item, &network) == NETWORK_OK) {
            (void)questions_add_hole(&items->excluded, &network);
        }
        return;
    }
    if (is_own(item)) {
        return;
    }
    if (strcmp(item, "*") == 0) {
        items->everybody = true;
    } else if (depth > DEEP) {
        leave(items, item);
    } else if (item[0] == '+') {
        see_named(items, item + 1, depth);
    } else if (item[0] == '^' || strncmp(item, "\\N^", 3) == 0) {
        if (word_of(item, word)) {
            add_text(items, word, true);
        } else {
            leave(items, item);
        }
    } else if (!see_file_that_exists(items, item, depth) && !see_lookup(items, item, depth)) {
        add_text(items, item, false);
    }
}

void items_read(struct items *items, const char *value, enum items_form form)
{
    struct script_list list;
    struct script_item item;
    char word[QUESTION_TEXT_MAX];
    bool last_is_negated = false;

    if (form == ITEMS_ONE) {
        add_text(items, value, false);
    } else if (form == ITEMS_PATTERN) {
        if (word_of(value, word)) {
            add_text(items, word, true);
        } else {
            leave(items, value);
        }
    } else {
        script_list_begin(&list, value, 0, strlen(value), NULL);
        while (script_list_next(&list, &item)) {
            see_item(items, item.text, 0);
            last_is_negated = item.text[0] == '!';
        }
        /* "!192.0.2.1": all others. */
        items->everybody = items->everybody || (last_is_negated && !items->want_negated);
    }
}

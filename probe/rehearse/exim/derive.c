#include "probe/rehearse/exim/derive.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/exim/reading.h"
#include "probe/rehearse/exim/script.h"
#include "probe/rehearse/making.h"
#include "probe/rehearse/pattern_word.h"

#define FILES_DEEP 4 /* files in lists in files */

/* Which lists are of what. */
static const struct {
    const char *name;
    enum question_kind kind;
} conditions[] = {
    {"hosts", QUESTION_CLIENT},          {"senders", QUESTION_SENDER},
    {"sender_domains", QUESTION_SENDER}, {"recipients", QUESTION_RECIPIENT},
    {"domains", QUESTION_RECIPIENT},     {"local_parts", QUESTION_RECIPIENT},
};
static const struct {
    const char *word;
    enum question_kind kind;
} lists[] = {
    {"hostlist", QUESTION_CLIENT},
    {"addresslist", QUESTION_SENDER},
    {"domainlist", QUESTION_RECIPIENT},
};

struct derivation {
    struct candidate *candidate;
    struct questions *questions;
    enum question_kind kind;
    bool local_parts; /* the items are local parts, of whatever domain */
    int depth;
};

static void add_item(struct derivation *derivation, const char *item);

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

static void add_client(const struct derivation *derivation, const char *item)
{
    struct network network;
    char text[QUESTION_TEXT_MAX];
    enum network_error error = network_parse(item, &network);

    if (error == NETWORK_OK || error == NETWORK_HOST_BITS_SET) {
        questions_add_network(derivation->questions, candidate_site(derivation->candidate),
                              &network);
    } else if (fill_in(item, text)) {
        questions_add_text(derivation->questions, QUESTION_NAME, text, strlen(text));
    }
}

static void add_mailbox(const struct derivation *derivation, const char *item)
{
    const struct site *site = candidate_site(derivation->candidate);
    const char *at = strrchr(item, '@');
    char domain[QUESTION_TEXT_MAX];
    char text[QUESTION_TEXT_MAX + 32];

    if (!fill_in(at != NULL ? at + 1 : item, domain) ||
        (derivation->kind == QUESTION_RECIPIENT && site != NULL &&
         site_owns_domain(site, domain, strlen(domain)))) {
        return;
    }
    bool whole = at != NULL && at > item && item[0] != '*' && item[0] != '^';
    snprintf(text, sizeof(text), "%.*s@%.300s", whole ? (int)(at - item) : 7,
             whole ? item : "someone", domain);
    questions_add_text(derivation->questions, derivation->kind, text, strlen(text));
}

/* Of any domain: the question has the canary's. */
static void add_local_part(const struct derivation *derivation, const char *item)
{
    char text[QUESTION_TEXT_MAX];

    if (is_name(item) && strlen(item) < 65) {
        snprintf(text, sizeof(text), "%.64s@", item);
        questions_add_text(derivation->questions, QUESTION_RECIPIENT, text, strlen(text));
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

/* Keys of a file of lines, "key: data", or of a list's items. */
static void add_file(struct derivation *derivation, const char *path)
{
    size_t length = 0;
    char source[4096];
    char *text =
        making_read(candidate_source(derivation->candidate, path, source, sizeof(source)), &length);

    for (char *at = text; at != NULL && *at != '\0';) {
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
            add_item(derivation, key);
        }
        if (derivation->questions->left_out >= QUESTIONS_MAX) {
            break;
        }
        at = next;
    }
    free(text);
}

/* "lsearch;/etc/exim4/hosts", "net-iplsearch;/x", "/etc/exim4/relay": what a list looks up there.
 */
static const char *file_of(const char *item)
{
    const char *search = strstr(item, "search");

    if (item[0] == '/') {
        return item;
    }
    if (search == NULL || strncmp(item, "dsearch", 7) == 0) {
        return NULL;
    }
    const char *semicolon = strchr(search, ';');
    semicolon = semicolon != NULL ? semicolon + 1 + strspn(semicolon + 1, " \t") : NULL;
    return semicolon != NULL && semicolon[0] == '/' ? semicolon : NULL;
}

static void add_item(struct derivation *derivation, const char *item)
{
    const char *file = file_of(item);

    char word[QUESTION_TEXT_MAX];

    if (item[0] == '^' || strncmp(item, "\\N^", 3) == 0) {
        if (!word_of(item, word)) {
            return;
        }
        item = word;
        file = NULL;
    }
    if (item[0] == '\0' || item[0] == '!' || item[0] == '+' || item[0] == '#') {
        return;
    }
    if (file != NULL) {
        if (derivation->depth < FILES_DEEP) {
            derivation->depth++;
            add_file(derivation, file);
            derivation->depth--;
        }
    } else if (derivation->kind == QUESTION_CLIENT) {
        add_client(derivation, item);
    } else if (derivation->local_parts) {
        add_local_part(derivation, item);
    } else {
        add_mailbox(derivation, item);
    }
}

static void add_list(struct derivation *derivation, const char *text)
{
    struct script_list list;
    struct script_item item;

    script_list_begin(&list, text, 0, strlen(text), NULL);
    while (script_list_next(&list, &item)) {
        add_item(derivation, item.text);
    }
}

/* ${if eq{$sender_helo_name}{gw.partner.test}}: whoever knows the name is let in. */
static void add_greeting(struct derivation *derivation, const char *text)
{
    static const char variable[] = "$sender_helo_name}";
    const char *at = strstr(text, variable);
    char word[QUESTION_TEXT_MAX];

    if (at == NULL) {
        return;
    }
    at += sizeof(variable) - 1;
    at += strspn(at, " \t");
    size_t length = at[0] == '{' ? strcspn(at + 1, "}") : 0;
    if (length > 0 && length < sizeof(word)) {
        snprintf(word, sizeof(word), "%.*s", (int)length, at + 1);
        if (is_name(word)) {
            questions_add_text(derivation->questions, QUESTION_HELO, word, strlen(word));
        }
    }
}

static void derive_line(struct derivation *derivation, const struct script_line *line)
{
    struct script_setting setting;

    if (!script_setting(line, &setting)) {
        return;
    }
    const char *value = line->text + setting.value;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strncmp(line->text, lists[i].word, strlen(lists[i].word)) == 0) {
            derivation->kind = lists[i].kind;
            add_list(derivation, value);
            return;
        }
    }
    if (script_is_named(line, &setting, "condition")) {
        add_greeting(derivation, value);
    }
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        /* "deny !senders = ..." lets those by that an "accept" would let in. */
        if (script_is_named(line, &setting, conditions[i].name)) {
            derivation->kind = conditions[i].kind;
            derivation->local_parts = strcmp(conditions[i].name, "local_parts") == 0;
            add_list(derivation, value);
            derivation->local_parts = false;
        }
    }
}

/* A reverse name is what the client's network says: it may be one of the site's. */
static void derive_claimed_name(const struct candidate *candidate, struct questions *questions)
{
    const struct site *site = candidate_site(candidate);
    char text[QUESTION_TEXT_MAX];

    if (site != NULL && site_main_domain(site) != NULL) {
        snprintf(text, sizeof(text), "claimed.%.300s", site_main_domain(site));
        questions_add_text(questions, QUESTION_NAME, text, strlen(text));
    }
}

void derive_exim(struct candidate *candidate, struct questions *questions)
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    struct derivation derivation = {.candidate = candidate, .questions = questions};
    bool in_acl = true; /* the main section's lists count, too */

    derive_claimed_name(candidate, questions);
    for (size_t i = 0; i < reading->flat_script.count; i++) {
        const struct script_line *line = &reading->flat_script.lines[i];
        const char *section = script_section(line);
        if (section != NULL) {
            in_acl = strncmp(section, "acl", 3) == 0;
        }
        if (in_acl) {
            derive_line(&derivation, line);
        }
    }
    /* Whose second MX we are: "@mx_any" and the like in a list of domains. */
    if (reading->flat != NULL && strstr(reading->flat, "@mx_") != NULL) {
        questions_add_text(questions, QUESTION_MX_BACKUP, "", 0);
    }
}

#include "probe/rehearse/postfix/derive_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probe/rehearse/postfix/cf_text.h"
#include "probe/rehearse/postfix/derive_patterns.h"
#include "probe/rehearse/postfix/table_lines.h"
#include "probe/rehearse/postfix/tables.h"

/* ---- keys ---- */

/* access(5): the first octets of an address stand for all that begin with them. */
static bool partial_network(const char *key, struct network *out)
{
    char text[112];
    unsigned int parts = 1;
    bool is_v4 = key[strspn(key, "0123456789.")] == '\0';
    bool is_v6 = !is_v4 && strchr(key, ':') != NULL &&
                 key[strspn(key, "0123456789abcdefABCDEF:")] == '\0' && strstr(key, "::") == NULL;

    if (key[0] == '\0' || (!is_v4 && !is_v6) || strlen(key) > 40) {
        return false;
    }
    for (const char *at = key; *at != '\0'; at++) {
        parts += *at == (is_v4 ? '.' : ':');
    }
    if (is_v4) {
        static const char *const rests[] = {"", ".0.0.0", ".0.0", ".0", ""};
        if (parts > 3) {
            return false;
        }
        (void)snprintf(text, sizeof(text), "%s%s/%u", key, rests[parts], parts * 8);
    } else {
        if (parts > 7) {
            return false;
        }
        (void)snprintf(text, sizeof(text), "%s::/%u", key, parts * 16);
    }
    return network_parse(text, out) == NETWORK_OK;
}

bool derive_network(const char *key, struct network *out)
{
    char text[80];
    const char *close = strchr(key, ']');

    /* mynetworks has "[::1]/128", cidr tables "::1/128". */
    if (key[0] == '[' && close != NULL && strlen(key) < sizeof(text)) {
        (void)snprintf(text, sizeof(text), "%.*s%s", (int)(close - key - 1), key + 1, close + 1);
        key = text;
    }
    enum network_error error = network_parse(key, out);
    return error == NETWORK_OK || error == NETWORK_HOST_BITS_SET || partial_network(key, out);
}

/* ---- values ---- */

enum derive_value derive_value(const char *value)
{
    static const struct {
        const char *word;
        enum derive_value is;
    } words[] = {{"OK", DERIVE_PERMITS},
                 {"REJECT", DERIVE_REFUSES},
                 {"DEFER", DERIVE_REFUSES},
                 {"DISCARD", DERIVE_REFUSES},
                 {"DUNNO", DERIVE_PASSES},
                 {"HOLD", DERIVE_PASSES},
                 {"FILTER", DERIVE_PASSES},
                 {"INFO", DERIVE_PASSES},
                 {"REDIRECT", DERIVE_PASSES},
                 {"PREPEND", DERIVE_PASSES},
                 {"WARN", DERIVE_PASSES},
                 {"BCC", DERIVE_PASSES},
                 {"DEFER_IF_PERMIT", DERIVE_REFUSES},
                 {"DEFER_IF_REJECT", DERIVE_PASSES}};

    /* "reject_unknown_client_hostname, permit" is a list of restrictions, and info_desk may be a
     * class of them (access(5), RESTRICTION_CLASS_README). */
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t length = strlen(words[i].word);
        if (strncasecmp(value, words[i].word, length) == 0 &&
            (value[length] == '\0' || isspace((unsigned char)value[length]))) {
            return words[i].is;
        }
    }
    /* "550 no", "4.7.1 later": codes are followed by a text; a number alone permits. */
    size_t number = strspn(value, "0123456789.");
    if ((value[0] == '4' || value[0] == '5') && value[number] != '\0') {
        return DERIVE_REFUSES;
    }
    if (value[0] == '\0') {
        return DERIVE_PASSES;
    }
    return value[strspn(value, "0123456789")] == '\0' ? DERIVE_PERMITS : DERIVE_CHECKS;
}

bool derive_permits(const char *value)
{
    enum derive_value is = derive_value(value);

    return is == DERIVE_PERMITS || is == DERIVE_CHECKS;
}

static bool passes(const char *value)
{
    return derive_value(value) != DERIVE_REFUSES;
}

static bool counts(const struct derive_keys_of *of, const char *value)
{
    return of->is_list || (of->passes_count ? passes(value) : derive_permits(value));
}

/* ---- one key ---- */

/* "postmaster@" is one of any domain. False: it is one of the site's own recipients. */
static bool write_mailbox(const struct derive_keys_of *of, const char *key,
                          char out[QUESTION_TEXT_MAX])
{
    const char *at = strrchr(key, '@');
    const char *domain = at == NULL ? key : at + 1;
    const struct site *site = candidate_site(of->candidate);

    if (domain[0] != '\0' && of->kind == QUESTION_RECIPIENT && site != NULL &&
        site_owns_domain(site, domain, strlen(domain))) {
        return false;
    }
    if (at != NULL && at != key) {
        snprintf(out, QUESTION_TEXT_MAX, "%s", key);
    } else if (domain[0] != '\0') {
        snprintf(out, QUESTION_TEXT_MAX, "someone@%s%s", domain[0] == '.' ? "host" : "", domain);
    } else {
        return false;
    }
    return true;
}

static bool see_key(const struct derive_keys_of *of, const char *text, const char *value,
                    const struct question_holes *holes)
{
    struct derive_key key = {.kind = of->kind, .holes = holes};

    if (text[0] == '\0') {
        return true;
    }
    if (strlen(text) + 16 > sizeof(key.text)) {
        questions_leave(of->questions, text);
        return true;
    }
    if (of->kind == QUESTION_SENDER || of->kind == QUESTION_RECIPIENT) {
        /* "<>" is the null sender, which the battery asks as. */
        if (strcmp(text, "<>") == 0 || !write_mailbox(of, text, key.text)) {
            return true;
        }
    } else if (of->kind == QUESTION_CLIENT && derive_network(text, &key.network)) {
        return of->see(of->own, &key, value);
    } else if (of->kind == QUESTION_CLIENT && strpbrk(text, "/:") != NULL) {
        questions_leave(of->questions, text);
        return true;
    } else {
        key.kind = of->kind == QUESTION_CLIENT ? QUESTION_NAME : of->kind;
        snprintf(key.text, sizeof(key.text), "%s%s", text[0] == '.' ? "host" : "", text);
    }
    return of->see(of->own, &key, value);
}

void derive_one_key(const struct derive_keys_of *of, const char *key)
{
    (void)see_key(of, key, "", of->holes);
}

/* ---- tables of keys ---- */

struct line {
    char *key;
    char *value;
    struct network network;
    bool is_network;
};

/* All lines of a table that say something. */
struct lines {
    struct line *all;
    size_t count;
    size_t room;
    bool no_memory;
};

static bool keep_line(void *own, const struct table_line *line)
{
    struct lines *lines = own;

    if (lines->count == lines->room) {
        size_t room = lines->room == 0 ? 64 : lines->room * 2;
        struct line *more = reallocarray(lines->all, room, sizeof(*more));
        if (more == NULL) {
            lines->no_memory = true;
            return false;
        }
        lines->all = more;
        lines->room = room;
    }
    struct line *kept = &lines->all[lines->count];
    *kept = (struct line){.key = strdup(line->key), .value = strdup(line->value)};
    lines->no_memory = lines->no_memory || kept->key == NULL || kept->value == NULL;
    kept->is_network = kept->key != NULL && derive_network(kept->key, &kept->network);
    lines->count++;
    return !lines->no_memory;
}

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->all[i].key);
        free(lines->all[i].value);
    }
    free(lines->all);
}

static bool is_part(const struct network *inner, const struct network *outer)
{
    return inner->base.family == outer->base.family && inner->prefix > outer->prefix &&
           address_in_prefix(&inner->base, outer->base.octets, outer->prefix);
}

/* The others' word on a network: of a table in order the lines before, else those that are more
 * exact. */
static bool find_holes(const struct derive_keys_of *of, const struct lines *lines, size_t at,
                       bool ordered, struct question_holes *out)
{
    const size_t end = ordered ? at : lines->count;
    bool good = true;

    out->count = 0;
    for (size_t i = 0; of->holes != NULL && i < of->holes->count && good; i++) {
        good = questions_add_hole(out, &of->holes->networks[i]);
    }
    for (size_t i = 0; i < end && good; i++) {
        if (lines->all[i].is_network &&
            (ordered || is_part(&lines->all[i].network, &lines->all[at].network))) {
            good = questions_add_hole(out, &lines->all[i].network);
        }
    }
    return good;
}

static void see_lines(const struct derive_keys_of *of, const struct lines *lines, bool ordered)
{
    struct question_holes holes = {0};
    bool going = true;

    for (size_t i = 0; i < lines->count && going; i++) {
        const struct line *line = &lines->all[i];
        /* cidr tables have conditions, too; what stands in them is asked as if they were met. */
        if (!counts(of, line->value) || strcasecmp(line->key, "if") == 0 ||
            strcasecmp(line->key, "endif") == 0) {
            continue;
        }
        if (line->is_network && !find_holes(of, lines, i, ordered, &holes)) {
            questions_leave(of->questions, line->key);
            break;
        }
        going = see_key(of, line->key, line->value, &holes);
        /* A list of 100,000 need not be read to its end to say that it is too long to be asked. */
        going = going && of->questions->left_out < QUESTIONS_MAX;
    }
    for (size_t i = 0; i < lines->count && !of->is_list && of->holes != NULL; i++) {
        if (lines->all[i].is_network && derive_value(lines->all[i].value) == DERIVE_REFUSES) {
            (void)questions_add_hole(of->holes, &lines->all[i].network);
        }
    }
    free(holes.networks);
}

/* "{ a=OK, { b = OK } }" */
static void read_inline(const char *name, struct lines *lines)
{
    char *text = strdup(name);
    size_t at = 0;
    size_t begin = 0;
    size_t end = 0;

    if (text == NULL || text[0] != '{') {
        lines->no_memory = true; /* or it is none that can be read: nothing is known of it */
        free(text);
        return;
    }
    text[0] = ' ';
    size_t length = strlen(text);
    text[length - 1] = text[length - 1] == '}' ? '\0' : text[length - 1];
    while (cf_next_word(text, &at, CF_LIST_SEPARATORS, &begin, &end)) {
        char *entry = strndup(text + begin, end - begin);
        char *equals = entry == NULL ? NULL : strchr(entry, '=');
        if (equals != NULL) {
            char *key = entry + strspn(entry, "{ \t");
            char *value = equals + 1 + strspn(equals + 1, " \t");
            value[strcspn(value, "}")] = '\0';
            key[strcspn(key, "= \t")] = '\0';
            (void)keep_line(lines, &(struct table_line){.key = key, .value = value});
        }
        lines->no_memory = lines->no_memory || entry == NULL;
        free(entry);
    }
    free(text);
}

/* ---- tables ---- */

static bool is_pattern_type(const char *type)
{
    return strcmp(type, "regexp") == 0 || strcmp(type, "pcre") == 0;
}

struct guessing {
    const struct derive_keys_of *of;
};

static bool see_guess(void *own, const char *text, const char *value)
{
    const struct derive_keys_of *of = ((struct guessing *)own)->of;
    struct derive_key key = {.kind = of->kind, .by_pattern = true};
    struct address client;
    const struct site *site = candidate_site(of->candidate);
    const char *at = strrchr(text, '@');

    if (of->kind == QUESTION_CLIENT && address_parse(text, &client)) {
        key.network =
            (struct network){.base = client, .prefix = client.family == ADDRESS_IPV4 ? 32 : 128};
        return of->see(of->own, &key, value);
    }
    if (of->kind == QUESTION_RECIPIENT && at != NULL && site != NULL &&
        site_owns_domain(site, at + 1, strlen(at + 1))) {
        return true;
    }
    key.kind = of->kind == QUESTION_CLIENT ? QUESTION_NAME : of->kind;
    snprintf(key.text, sizeof(key.text), "%s", text);
    return of->see(of->own, &key, value);
}

static void see_members(const struct derive_keys_of *of, const struct candidate_table *table)
{
    char *members = strdup(table->name);
    size_t at = 0;
    size_t begin = 0;
    size_t end = 0;

    /* The keys of one are values of another. */
    if (members == NULL || members[0] != '{' || strcmp(table->type, "pipemap") == 0) {
        questions_leave(of->questions, table->reference);
        free(members);
        return;
    }
    members[0] = ' ';
    size_t length = strlen(members);
    members[length - 1] = members[length - 1] == '}' ? '\0' : members[length - 1];
    while (cf_next_word(members, &at, CF_LIST_SEPARATORS, &begin, &end)) {
        char *member = strndup(members + begin, end - begin);
        if (member != NULL) {
            derive_keys(of, member);
        } else {
            questions_leave(of->questions, table->reference);
        }
        free(member);
    }
    free(members);
}

static void see_table(const struct derive_keys_of *of, size_t index)
{
    size_t count = 0;
    const struct candidate_table *table = &candidate_tables(of->candidate, &count)[index];
    enum table_way way = table_way_of(table->type);
    struct lines lines = {0};
    struct guessing guessing = {of};

    if (way == TABLE_MEMBERS) {
        see_members(of, table);
        return;
    }
    if (way == TABLE_CONSTANT) {
        if (strcmp(table->type, "static") != 0 && strcmp(table->type, "fail") != 0) {
            questions_leave(of->questions, table->reference);
        }
        return; /* static: of whoever asks, whom the battery has */
    }
    if (way == TABLE_REMOTE || (way != TABLE_INLINE && table->file == CANDIDATE_NO_FILE)) {
        questions_leave(of->questions, table->reference);
        return;
    }
    if (is_pattern_type(table->type)) {
        derive_patterns(&(struct derive_patterns_of){.candidate = of->candidate,
                                                     .questions = of->questions,
                                                     .kind = of->kind,
                                                     .permits = of->is_list        ? NULL
                                                                : of->passes_count ? passes
                                                                                   : derive_permits,
                                                     .see = see_guess,
                                                     .own = &guessing},
                        index);
        return;
    }
    if (way == TABLE_INLINE) {
        read_inline(table->name, &lines);
    } else {
        const struct candidate_file *file = candidate_file(of->candidate, table->file);
        lines.no_memory = !table_walk(file->text, file->length, keep_line, &lines);
    }
    if (lines.no_memory) {
        questions_leave(of->questions, table->reference);
    } else {
        see_lines(of, &lines, strcmp(table->type, "cidr") == 0);
    }
    free_lines(&lines);
}

static size_t find_table(const struct candidate *candidate, const char *reference)
{
    size_t count = 0;
    const struct candidate_table *tables = candidate_tables(candidate, &count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(tables[i].reference, reference) == 0) {
            return i;
        }
    }
    return REHEARSE_NO_TABLE;
}

void derive_keys(const struct derive_keys_of *of, const char *reference)
{
    size_t table = find_table(of->candidate, reference);

    if (table == REHEARSE_NO_TABLE) {
        /* One that a value of another names. */
        table_add(of->candidate, reference, "", CANDIDATE_NO_ELEMENT, true);
        table = find_table(of->candidate, reference);
    }
    if (table == REHEARSE_NO_TABLE) {
        questions_leave(of->questions, reference);
    } else {
        see_table(of, table);
    }
}

/* ---- the rest ---- */

struct rest {
    const struct candidate *candidate;
    bool is_cidr;
    struct derive_rest *out;
};

/* Lets by, in the families that the key can be of; passing counts where the rest is refused. */
static void note_let_by(struct rest *rest, const struct table_line *line)
{
    const struct site *site = candidate_site(rest->candidate);
    enum derive_value is = derive_value(line->value);
    struct network network;
    struct address client;
    bool is_network = derive_network(line->key, &network);

    if (is_network &&
        questions_find_client(site, &network, NULL, &client) == QUESTION_NETWORK_NOBODYS) {
        return; /* trusted */
    }
    for (size_t family = 0; family < 2; family++) {
        bool is_of = !is_network || (network.base.family == ADDRESS_IPV6) == (family == 1);
        if (is_of && !rest->out->refused[family]) {
            rest->out->passes[family] = true;
            rest->out->lets_by[family] = rest->out->lets_by[family] || is != DERIVE_PASSES;
        }
    }
}

static bool see_rest(void *own, const struct table_line *line)
{
    static const char *const all[] = {"/./",  "/^/",   "/.*/",   "/^.*/", "/^.*$/", "/.*$/", "/^.*",
                                      "/.+/", "/^.+/", "/^.+$/", "/@/",   "/$/",    "/^./",  "//"};
    struct rest *rest = own;
    struct network network;

    if (derive_value(line->value) != DERIVE_REFUSES) {
        note_let_by(rest, line);
        return true;
    }
    if (rest->is_cidr) {
        if (derive_network(line->key, &network) && network.prefix == 0) {
            rest->out->refused[network.base.family == ADDRESS_IPV6] = true;
        }
        return true;
    }
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strncmp(line->key, all[i], strlen(all[i])) == 0 &&
            line->key[strlen(all[i]) + strspn(line->key + strlen(all[i]), "imsxUXAED")] == '\0') {
            rest->out->refused[0] = rest->out->refused[1] = true;
        }
    }
    return true;
}

void derive_rest(const struct candidate *candidate, const char *reference, struct derive_rest *out)
{
    size_t count = 0;
    const struct candidate_table *tables = candidate_tables(candidate, &count);
    size_t index = find_table(candidate, reference);

    *out = (struct derive_rest){.lets_by = {true, true}, .passes = {true, true}};
    if (index == REHEARSE_NO_TABLE) {
        return;
    }
    const struct candidate_table *table = &tables[index];
    bool has_order = strcmp(table->type, "cidr") == 0 || is_pattern_type(table->type);
    struct rest rest = {
        .candidate = candidate, .is_cidr = !is_pattern_type(table->type), .out = out};
    if (strcmp(table->type, "static") == 0) {
        bool refuses = derive_value(table->name) == DERIVE_REFUSES;
        bool permits = derive_permits(table->name);
        *out = (struct derive_rest){.refused = {refuses, refuses}, .lets_by = {permits, permits}};
    } else if (table->file != CANDIDATE_NO_FILE) {
        const struct candidate_file *file = candidate_file(candidate, table->file);
        *out = (struct derive_rest){.refused = {false, false}};
        (void)table_walk(file->text, file->length, see_rest, &rest);
        out->refused[0] = out->refused[0] && has_order;
        out->refused[1] = out->refused[1] && has_order;
    }
}

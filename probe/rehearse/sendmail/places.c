#include "probe/rehearse/sendmail/places.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probe/rehearse/sendmail/mc.h"

#define TEXT_MAX 256

/* Macros of sendmail.mc that let somebody in, the worst first: their first argument, or "" for any.
 */
static const struct {
    const char *name;
    const char *first;
} features[] = {
    {"FEATURE", "promiscuous_relay"},
    {"FEATURE", "relay_local_from"},
    {"FEATURE", "relay_mail_from"},
    {"FEATURE", "relay_based_on_MX"},
    {"FEATURE", "relay_entire_domain"},
    {"FEATURE", "loose_relay_check"},
    {"FEATURE", "virtuser_entire_domain"},
    {"FEATURE", "bestmx_is_local"},
    {"RELAY_DOMAIN_FILE", ""},
    {"VIRTUSER_DOMAIN_FILE", ""},
    {"HACK", ""},
    {"FEATURE", "ldap_routing"},
    {"FEATURE", "nullclient"},
    {"FEATURE", "access_db"},
    {"FEATURE", "virtusertable"},
    {"FEATURE", "domaintable"},
    {"FEATURE", "use_cw_file"},
};

/* Classes, and the macros by which their words are written in a sendmail.mc. */
static const struct {
    const char *name;
    const char *macro;
} classes[] = {
    {"R", "RELAY_DOMAIN"},
    {"w", "LOCAL_DOMAIN"},
    {"VirtHost", "VIRTUSER_DOMAIN"},
    {"TrustAuthMech", "TRUST_AUTH_MECH"},
};

static const struct candidate_file *main_file(const struct candidate *candidate)
{
    return candidate_file(candidate, reading_sendmail_of(candidate)->main);
}

static size_t add(struct candidate *candidate, const struct rehearse_element *element)
{
    const struct candidate_file *file = candidate_file(candidate, element->file);
    struct rehearse_element whole = *element;
    char text[TEXT_MAX];

    if (file == NULL) {
        return CANDIDATE_NO_ELEMENT;
    }
    if (whole.text == NULL) {
        size_t length = whole.end - whole.begin;
        snprintf(text, sizeof(text), "%.*s", (int)(length < TEXT_MAX ? length : TEXT_MAX - 1),
                 file->text + whole.begin);
        whole.text = text;
    }
    whole.table = REHEARSE_NO_TABLE;
    return candidate_add_element(candidate, &whole);
}

/* ---- what is right as it is --------------------------------------------------------------- */

bool place_network(const char *text, struct network *out)
{
    char whole[TEXT_MAX];
    bool is_ipv6 = strncasecmp(text, "ipv6:", 5) == 0;
    unsigned int groups = 1;

    text += is_ipv6 ? 5 : 0;
    if (text[0] == '\0' || strlen(text) > 64 ||
        text[strspn(text, is_ipv6 ? "0123456789abcdefABCDEF:" : "0123456789.")] != '\0') {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        groups += (*at == (is_ipv6 ? ':' : '.')) && at[1] != '\0';
    }
    if (is_ipv6 && strstr(text, "::") != NULL) {
        snprintf(whole, sizeof(whole), "%s/128", text);
    } else if (is_ipv6) {
        snprintf(whole, sizeof(whole), "%s%s/%u", text, groups < 8 ? "::" : "",
                 groups < 8 ? groups * 16 : 128);
    } else {
        int length = (int)strlen(text) - (text[strlen(text) - 1] == '.');
        snprintf(whole, sizeof(whole), "%.*s%s/%u", length, text,
                 groups == 1   ? ".0.0.0"
                 : groups == 2 ? ".0.0"
                 : groups == 3 ? ".0"
                               : "",
                 groups * 8);
    }
    return network_parse(whole, out) == NETWORK_OK;
}

/* A network that the site declares, or a domain of its own. */
static bool is_right(const struct candidate *candidate, const char *word)
{
    const struct site *site = candidate_site(candidate);
    struct network network;
    const char *at = strrchr(word, '@');

    if (site == NULL) {
        return false;
    }
    if (!place_network(word, &network)) {
        const char *domain = at != NULL ? at + 1 : word;
        return domain[0] != '\0' && site_owns_domain(site, domain, strlen(domain));
    }
    struct address last = network.base;
    for (unsigned int bit = network.prefix; bit < (last.family == ADDRESS_IPV4 ? 32U : 128U);
         bit++) {
        last.octets[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
    }
    return site_trusts(site, &network.base) && site_trusts(site, &last);
}

/* ---- words of classes --------------------------------------------------------------------- */

static const char *class_of(const char *name)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(classes[i].name, name) == 0) {
            return classes[i].name;
        }
    }
    return NULL;
}

static bool is_boundary(char octet)
{
    return octet == '\0' || isspace((unsigned char)octet) || strchr("`',()", octet) != NULL;
}

/* Where a statement of that macro, or a line of a local section, has the word. */
static void find_in_mc(const struct candidate *candidate, struct place_word *word)
{
    const struct candidate_file *file = main_file(candidate);
    struct mc_statement statement;
    size_t length = strlen(word->text);
    size_t at = 0;

    while (mc_next(file->text, file->length, &at, &statement)) {
        bool is_one = false;
        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
            is_one = is_one || (strcmp(classes[i].name, word->class) == 0 &&
                                strcmp(classes[i].macro, statement.name) == 0);
        }
        for (size_t k = statement.arguments; is_one && k + length <= statement.arguments_end; k++) {
            if (strncasecmp(file->text + k, word->text, length) == 0 &&
                is_boundary(file->text[k - 1]) && is_boundary(file->text[k + length])) {
                word->file = reading_sendmail_of(candidate)->main;
                word->begin = k;
                word->end = k + length;
                return;
            }
        }
    }
}

/* Splits a span of a text at white space. */
static bool split(const char *text, size_t *at, size_t end, struct place_word *word)
{
    while (*at < end && isspace((unsigned char)text[*at])) {
        (*at)++;
    }
    word->begin = *at;
    while (*at < end && !isspace((unsigned char)text[*at])) {
        (*at)++;
    }
    word->end = *at;
    size_t length = word->end - word->begin;
    snprintf(word->text, sizeof(word->text), "%.*s",
             (int)(length < sizeof(word->text) ? length : sizeof(word->text) - 1),
             text + word->begin);
    return length > 0;
}

typedef bool each_word(void *user, struct candidate *candidate, const struct place_word *word);

static bool words_of_line(struct candidate *candidate, const struct cf_line *line,
                          const char *class, size_t from, each_word *each, void *user)
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    struct place_word word = {.class = class};

    for (size_t at = from; split(line->text, &at, strlen(line->text), &word);) {
        word.file = CANDIDATE_NO_FILE;
        if (!reading->is_made) {
            word.file = reading->main;
            word.begin += line->begin;
            word.end += line->begin;
        } else {
            find_in_mc(candidate, &word);
        }
        if (!each(user, candidate, &word)) {
            return false;
        }
    }
    return true;
}

static bool words_of_file(struct candidate *candidate, const char *path, const char *class,
                          each_word *each, void *user)
{
    struct place_word word = {.class = class};

    word.file = candidate_add_file(candidate, path);
    const struct candidate_file *file = candidate_file(candidate, word.file);
    for (size_t at = 0; file != NULL && at < file->length;) {
        size_t end = at + strcspn(file->text + at, "\n");
        size_t comment = at + strcspn(file->text + at, "#\n");
        size_t begin = at;
        while (split(file->text, &at, comment, &word)) {
            size_t rest = at;
            struct place_word ignored = word;
            word.is_line = word.begin == begin + strspn(file->text + begin, " \t") &&
                           !split(file->text, &rest, comment, &ignored);
            if (!each(user, candidate, &word)) {
                return false;
            }
        }
        at = end + 1;
    }
    return true;
}

void place_words(struct candidate *candidate, each_word *each, void *user)
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    char name[CF_NAME_SIZE];
    char path[PATH_MAX];
    bool is_file = false;

    for (size_t i = 0; i < reading->cf.count; i++) {
        const struct cf_line *line = &reading->cf.lines[i];
        const char *words = cf_class(line, name);
        if (words != NULL && class_of(name) != NULL) {
            if (!words_of_line(candidate, line, class_of(name), (size_t)(words - line->text), each,
                               user)) {
                return;
            }
        } else if (cf_class_file(line, name, path, &is_file) && is_file && class_of(name) != NULL &&
                   !words_of_file(candidate, path, class_of(name), each, user)) {
            return;
        }
    }
}

size_t place_word_element(struct candidate *candidate, const struct place_word *word)
{
    char parameter[TEXT_MAX];
    const struct rehearse_element element = {.kind = word->is_line ? REHEARSE_DOMAIN_LINE
                                                                   : REHEARSE_LIST_ENTRY,
                                             .file = word->file,
                                             .begin = word->begin,
                                             .end = word->end,
                                             .text = word->text,
                                             .parameter = parameter,
                                             .is_protected = is_right(candidate, word->text)};

    snprintf(parameter, sizeof(parameter), "class %s", word->class);
    return add(candidate, &element);
}

/* ---- lines of maps ------------------------------------------------------------------------ */

bool place_next_line(const struct candidate_file *file, size_t *at, struct place_line *out)
{
    while (*at < file->length) {
        const char *line = file->text + *at;
        size_t length = strcspn(line, "\n");
        size_t key = strcspn(line, " \t\n");
        out->begin = *at;
        out->end = *at + length;
        *at += length + 1;
        if (key == 0 || line[0] == '#' || key >= sizeof(out->key)) {
            continue;
        }
        for (size_t i = 0; i < key; i++) {
            out->key[i] = (char)tolower((unsigned char)line[i]);
        }
        out->key[key] = '\0';
        key += strspn(line + key, " \t");
        snprintf(out->value, sizeof(out->value), "%.*s", (int)(length > key ? length - key : 0),
                 line + key);
        return true;
    }
    return false;
}

size_t place_line_element(struct candidate *candidate, const struct sendmail_table *table,
                          const struct place_line *line)
{
    char tag[16] = "";
    const char *rest = line->key;
    bool is_access = strcmp(table->name, "access") == 0;

    /* A sender can be claimed by anybody: that it is the site's makes it no better. */
    bool right = is_access && place_access_key(line->key, tag, &rest) && strcmp(tag, "from") != 0 &&
                 is_right(candidate, rest);
    const struct rehearse_element element = {.kind = is_access ? REHEARSE_ACCESS_LINE
                                                               : REHEARSE_TABLE_LINE,
                                             .file = table->file,
                                             .begin = line->begin,
                                             .end = line->end,
                                             .parameter = table->name,
                                             .key = line->key,
                                             .is_protected = right};
    return table->file == CANDIDATE_NO_FILE ? CANDIDATE_NO_ELEMENT : add(candidate, &element);
}

bool place_access_key(const char *key, char tag[16], const char **rest)
{
    static const char *const tags[] = {"connect", "from", "to"};

    tag[0] = '\0';
    *rest = key;
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        size_t length = strlen(tags[i]);
        if (strncasecmp(key, tags[i], length) == 0 && key[length] == ':') {
            snprintf(tag, 16, "%s", tags[i]);
            *rest = key + length + 1;
            return true;
        }
    }
    return strchr(key, ':') == NULL || strncasecmp(key, "ipv6:", 5) == 0;
}

bool place_lets_in(const char *value)
{
    static const char *const refusals[] = {"REJECT", "DISCARD", "ERROR",  "QUARANTINE", "SKIP",
                                           "TEMP",   "FRIEND",  "HATER",  "NO",         "VERIFY",
                                           "ENCR",   "PERM",    "SUBJECT"};

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (strncasecmp(value, refusals[i], strlen(refusals[i])) == 0) {
            return false;
        }
    }
    return value[0] != '\0' && !isdigit((unsigned char)value[0]);
}

/* ---- statements --------------------------------------------------------------------------- */

static size_t statements(struct candidate *candidate, size_t *out, size_t room)
{
    const struct candidate_file *file = main_file(candidate);
    size_t count = 0;

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        struct mc_statement statement;
        for (size_t at = 0; mc_next(file->text, file->length, &at, &statement);) {
            if (strcmp(statement.name, features[i].name) != 0 ||
                (features[i].first[0] != '\0' && strcmp(statement.first, features[i].first) != 0)) {
                continue;
            }
            const struct rehearse_element element = {.kind = REHEARSE_FEATURE,
                                                     .file = reading_sendmail_of(candidate)->main,
                                                     .begin = statement.begin,
                                                     .end = statement.end,
                                                     .parameter = ""};
            if (count < room) {
                out[count++] = add(candidate, &element);
            }
        }
    }
    return count;
}

/* m4 leaves "#####  $Id: promiscuous_relay.m4,v ..." where a FEATURE has left rules out. */
static size_t marks(struct candidate *candidate, size_t *out, size_t room)
{
    const struct candidate_file *file = main_file(candidate);
    const char *mark = strstr(file->text, "promiscuous_relay.m4");
    size_t begin = mark != NULL ? (size_t)(mark - file->text) : 0;

    while (begin > 0 && file->text[begin - 1] != '\n') {
        begin--;
    }
    if (mark == NULL || room == 0 || file->text[begin] != '#') {
        return 0;
    }
    const struct rehearse_element element = {.kind = REHEARSE_FEATURE,
                                             .file = reading_sendmail_of(candidate)->main,
                                             .begin = begin,
                                             .end = begin + strcspn(file->text + begin, "\n"),
                                             .text = "FEATURE(`promiscuous_relay')",
                                             .parameter = ""};
    out[0] = add(candidate, &element);
    return 1;
}

size_t place_features(struct candidate *candidate, size_t *out, size_t room)
{
    return reading_sendmail_of(candidate)->is_made ? statements(candidate, out, room)
                                                   : marks(candidate, out, room);
}

/* ---- rules -------------------------------------------------------------------------------- */

static size_t add_rule(struct candidate *candidate, const struct cf_line *line)
{
    const struct rehearse_element element = {.kind = REHEARSE_RULE,
                                             .file = reading_sendmail_of(candidate)->main,
                                             .begin = line->begin,
                                             .end = line->end,
                                             .text = line->text,
                                             .parameter = ""};

    return add(candidate, &element);
}

/* Each rule of the candidate's own file; in a sendmail.mc the local sections have them. */
static bool for_rules(struct candidate *candidate,
                      bool (*take)(void *user, struct candidate *candidate,
                                   const struct cf_line *line),
                      void *user)
{
    const struct candidate_file *file = main_file(candidate);
    struct cf cf;

    if (!cf_read(file->text, file->length, &cf)) {
        return false;
    }
    for (size_t i = 0; i < cf.count; i++) {
        if (cf.lines[i].type == 'R' && strchr(cf.lines[i].text, '\t') != NULL &&
            !take(user, candidate, &cf.lines[i])) {
            break;
        }
    }
    cf_free(&cf);
    return true;
}

struct rule_search {
    const char *rule; /* NULL: all that let somebody in */
    size_t *out;
    size_t room;
    size_t count;
};

static bool grants(const char *rule)
{
    const char *right = strchr(rule, '\t');

    return right != NULL &&
           (strncmp(right, "\t$@RELAY", 8) == 0 || strncmp(right, "\t$#RELAY", 8) == 0 ||
            strncasecmp(right, "\t$#OK", 5) == 0 || strncasecmp(right, "\t$@OK", 5) == 0);
}

static bool take_rule(void *user, struct candidate *candidate, const struct cf_line *line)
{
    struct rule_search *search = user;
    char rule[CF_RULE_SIZE];

    if (cf_rule(line->text, rule) && search->count < search->room &&
        (search->rule == NULL ? grants(rule) : strcmp(rule, search->rule) == 0)) {
        search->out[search->count++] = add_rule(candidate, line);
    }
    return search->count < search->room;
}

size_t place_rule(struct candidate *candidate, const char *rule)
{
    size_t found = CANDIDATE_NO_ELEMENT;
    struct rule_search search = {.rule = rule, .out = &found, .room = 1};

    if (grants(rule)) {
        (void)for_rules(candidate, take_rule, &search);
    }
    return found;
}

size_t place_rules(struct candidate *candidate, size_t *out, size_t room)
{
    struct rule_search search = {.out = out, .room = room};

    if (room > 0) {
        (void)for_rules(candidate, take_rule, &search);
    }
    return search.count;
}

unsigned int place_cf_line(struct candidate *candidate, const struct cf_line *line)
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    const struct candidate_file *file = main_file(candidate);
    const char *options = cf_option(line, "DaemonPortOptions");
    struct mc_statement statement;

    if (!reading->is_made) {
        return line->number;
    }
    for (size_t at = 0; options != NULL && mc_next(file->text, file->length, &at, &statement);) {
        size_t length = statement.arguments_end - statement.arguments;
        if (strcmp(statement.name, "DAEMON_OPTIONS") == 0 &&
            memmem(file->text + statement.arguments, length, options, strlen(options)) != NULL) {
            unsigned int number = 1;
            for (size_t i = 0; i < statement.begin; i++) {
                number += file->text[i] == '\n';
            }
            return number;
        }
    }
    return 1;
}

#include "probe/rehearse/postfix/derive.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probe/rehearse/postfix/cf_text.h"
#include "probe/rehearse/postfix/derive_patterns.h"
#include "probe/rehearse/postfix/lists.h"
#include "probe/rehearse/postfix/tables.h"

/* ---- keys and values ---- */

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

bool derive_permits(const char *value)
{
    static const char *const others[] = {
        "REJECT",   "DEFER",   "DUNNO", "HOLD", "DISCARD",         "FILTER",         "INFO",
        "REDIRECT", "PREPEND", "WARN",  "BCC",  "DEFER_IF_PERMIT", "DEFER_IF_REJECT"};

    /* "reject_unknown_client_hostname, permit" is a list of restrictions, and info_desk may be a
     * class of them (access(5), RESTRICTION_CLASS_README). */
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        size_t length = strlen(others[i]);
        if (strncasecmp(value, others[i], length) == 0 &&
            (value[length] == '\0' || isspace((unsigned char)value[length]))) {
            return false;
        }
    }
    /* "550 no", "4.7.1 later": codes are followed by a text; a number alone permits. */
    if ((value[0] == '4' || value[0] == '5') && value[strspn(value, "0123456789.")] != '\0') {
        return false;
    }
    return value[0] != '\0';
}

/* ---- one key ---- */

struct derivation {
    struct candidate *candidate;
    struct questions *questions;
    enum question_kind kind;
    bool permits_all; /* every key counts, whatever its value: a list of networks */
    bool claims;      /* somebody may claim to be another client */
};

static void add_mailbox(const struct derivation *derivation, const char *key)
{
    char text[QUESTION_TEXT_MAX];
    const char *at = strrchr(key, '@');
    const char *domain = at == NULL ? key : at + 1;
    const struct site *site = candidate_site(derivation->candidate);

    if (domain[0] != '\0' && derivation->kind == QUESTION_RECIPIENT && site != NULL &&
        site_owns_domain(site, domain, strlen(domain))) {
        return;
    }
    if (at != NULL && at != key) {
        (void)snprintf(text, sizeof(text), "%s", key); /* "postmaster@" is one of any domain */
    } else if (domain[0] != '\0') {
        (void)snprintf(text, sizeof(text), "someone@%s%s", domain[0] == '.' ? "host" : "", domain);
    } else {
        return;
    }
    questions_add_text(derivation->questions, derivation->kind, text, strlen(text));
}

static void add_name(const struct derivation *derivation, const char *key)
{
    char text[QUESTION_TEXT_MAX];

    snprintf(text, sizeof(text), "%s%s", key[0] == '.' ? "host" : "", key);
    questions_add_text(derivation->questions, derivation->kind, text, strlen(text));
}

static void add_key(struct derivation *derivation, const char *key)
{
    struct network network;
    struct derivation by_name = *derivation;

    if (key[0] == '\0') {
        return;
    }
    switch (derivation->kind) {
    case QUESTION_SENDER:
    case QUESTION_RECIPIENT:
        add_mailbox(derivation, key);
        break;
    case QUESTION_CLIENT:
        if (derive_network(key, &network)) {
            questions_add_network(derivation->questions, candidate_site(derivation->candidate),
                                  &network);
            if (derivation->claims) {
                questions_add_claim(derivation->questions, &network);
            }
        } else if (strpbrk(key, "/:") == NULL) {
            by_name.kind = QUESTION_NAME;
            add_name(&by_name, key);
        }
        break;
    default:
        add_name(derivation, key);
        break;
    }
}

static bool see_line(void *own, const struct table_line *line)
{
    struct derivation *derivation = own;

    /* cidr tables have conditions, too; what stands in them is asked as if they were met. */
    if ((!derivation->permits_all && !derive_permits(line->value)) ||
        strcasecmp(line->key, "if") == 0 || strcasecmp(line->key, "endif") == 0) {
        return true;
    }
    add_key(derivation, line->key);
    /* A list of 100,000 need not be read to its end to say that it is too long to be asked. */
    return derivation->questions->left_out < QUESTIONS_MAX;
}

/* ---- tables ---- */

/* "{ a=OK, { b = OK } }" */
static void derive_inline(struct derivation *derivation, const char *name)
{
    char *text = strdup(name);
    size_t at = 0;
    size_t begin = 0;
    size_t end = 0;

    if (text == NULL || text[0] != '{') {
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
            const struct table_line line = {.key = key, .value = value};
            see_line(derivation, &line);
        }
        free(entry);
    }
    free(text);
}

/* Whether the table's keys stand in a text, which may be missing, or nobody's to read. */
static bool is_text(const char *type)
{
    static const char *const types[] = {"hash", "btree",    "cdb",  "lmdb",   "dbm",
                                        "sdbm", "texthash", "cidr", "regexp", "pcre"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i], type) == 0) {
            return true;
        }
    }
    return false;
}

/* Every table of a reference: itself, or its members. */
static void derive_table(struct derivation *derivation, const char *reference, size_t element)
{
    size_t count = 0;
    const struct candidate_table *tables = candidate_tables(derivation->candidate, &count);

    for (size_t i = 0; i < count; i++) {
        const struct candidate_table *table = &tables[i];
        if (strcmp(table->reference, reference) != 0 &&
            (element == CANDIDATE_NO_ELEMENT || table->element != element)) {
            continue;
        }
        bool is_pattern = strcmp(table->type, "regexp") == 0 || strcmp(table->type, "pcre") == 0;
        if (is_pattern && table->file != CANDIDATE_NO_FILE) {
            derive_patterns(&(struct derive_patterns_of){.candidate = derivation->candidate,
                                                         .questions = derivation->questions,
                                                         .kind = derivation->kind,
                                                         .permits = derivation->permits_all
                                                                        ? NULL
                                                                        : derive_permits},
                            i);
            tables = candidate_tables(derivation->candidate, &count);
        } else if (strcmp(table->type, "inline") == 0) {
            derive_inline(derivation, table->name);
        } else if (table->file == CANDIDATE_NO_FILE && is_text(table->type)) {
            derivation->questions->unasked++;
        } else if (table->file != CANDIDATE_NO_FILE) {
            const struct candidate_file *file = candidate_file(derivation->candidate, table->file);
            table_walk(file->text, file->length, see_line, derivation);
        }
    }
}

/* ---- lists ---- */

/* Whether a listener takes somebody's word for who asks. */
static bool has_claims(struct candidate *candidate)
{
    size_t count = 0;
    const struct candidate_listener *listeners = candidate_listeners(candidate, &count);
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        any = any || listeners[i].proxy || listeners[i].xclient;
    }
    return any;
}

static void derive_networks(struct candidate *candidate, const struct candidate_listener *listener,
                            struct questions *questions)
{
    struct derivation derivation = {.candidate = candidate,
                                    .questions = questions,
                                    .kind = QUESTION_CLIENT,
                                    .permits_all = true,
                                    .claims = has_claims(candidate)};
    struct list list = {0};

    if (list_read(candidate, listener, "mynetworks", false, &list)) {
        for (size_t i = 0; i < list.count; i++) {
            char type[32];
            const char *name = NULL;
            const char *text = list.entries[i].text;
            if (table_split(text, type, sizeof(type), &name)) {
                derive_table(&derivation, text, list.entries[i].element);
            } else if (text[0] == '/') {
                questions->unasked++; /* a list that may not be read, though the server may */
            } else if (text[0] != '!') {
                add_key(&derivation, text);
            }
        }
    }
    list_free(&list);
}

/* The thing whose name a check looks up. */
static bool kind_of_check(const char *check, enum question_kind *kind)
{
    static const struct {
        const char *check;
        enum question_kind kind;
    } checks[] = {
        {"check_client_access", QUESTION_CLIENT},
        {"check_helo_access", QUESTION_HELO},
        {"check_sender_access", QUESTION_SENDER},
        {"check_recipient_access", QUESTION_RECIPIENT},
    };

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (strcasecmp(check, checks[i].check) == 0) {
            *kind = checks[i].kind;
            return true;
        }
    }
    return false;
}

/* Without an authority no certificate is trusted. */
static bool trusts_authorities(const struct candidate *candidate,
                               const struct candidate_listener *listener)
{
    static const char *const names[] = {"smtpd_tls_CAfile", "smtpd_tls_CApath",
                                        "tls_append_default_CA"};
    bool any = false;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !any; i++) {
        char *value = candidate_value(candidate, listener, names[i]);
        any = value != NULL && value[0] != '\0' && strcasecmp(value, "no") != 0;
        free(value);
    }
    return any;
}

static void derive_check(struct candidate *candidate, const struct candidate_listener *listener,
                         const struct list_entry *entry, struct questions *questions)
{
    struct derivation derivation = {
        .candidate = candidate, .questions = questions, .claims = has_claims(candidate)};

    if (entry->argument != NULL && kind_of_check(entry->text, &derivation.kind)) {
        derive_table(&derivation, entry->argument, entry->element);
    } else if (strcasecmp(entry->text, "permit_mx_backup") == 0) {
        questions_add_text(questions, QUESTION_MX_BACKUP, "", 0);
    } else if (strcasecmp(entry->text, "permit_tls_all_clientcerts") == 0 &&
               trusts_authorities(candidate, listener)) {
        questions_add_text(questions, QUESTION_CERTIFICATE, "", 0);
    } else if (strcasecmp(entry->text, "permit_tls_clientcerts") == 0) {
        questions_add_text(questions, QUESTION_OWN_CERTIFICATE, "", 0);
    } else if (strcasecmp(entry->text, "check_policy_service") == 0) {
        questions_add_text(questions, QUESTION_POLICY, "", 0);
    }
}

/* No foreign destination passes by it: what stands behind it lets nobody relay. */
static bool is_end(const struct list *list, size_t at)
{
    static const char *const ends[] = {"reject_unauth_destination", "defer_unauth_destination",
                                       "reject", "defer"};

    if (at > 0 && strcasecmp(list->entries[at - 1].text, "warn_if_reject") == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcasecmp(list->entries[at].text, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Returns whether the list has such an end. */
static bool derive_list(struct candidate *candidate, const struct candidate_listener *listener,
                        const char *name, struct questions *questions)
{
    struct list list = {0};
    bool ends = false;

    if (list_read(candidate, listener, name, true, &list)) {
        for (size_t i = 0; i < list.count && !ends; i++) {
            derive_check(candidate, listener, &list.entries[i], questions);
            ends = is_end(&list, i);
        }
    }
    list_free(&list);
    return ends;
}

/* A recipient must pass both lists: where the first has an end, the second cannot let it relay. The
 * checks of classes are asked about wherever these are used. */
static void derive_restrictions(struct candidate *candidate,
                                const struct candidate_listener *listener,
                                struct questions *questions)
{
    struct list classes = {0};

    if (!derive_list(candidate, listener, "smtpd_relay_restrictions", questions)) {
        (void)derive_list(candidate, listener, "smtpd_recipient_restrictions", questions);
    }
    if (list_read(candidate, listener, "smtpd_restriction_classes", false, &classes)) {
        for (size_t i = 0; i < classes.count; i++) {
            (void)derive_list(candidate, listener, classes.entries[i].text, questions);
        }
    }
    list_free(&classes);
}

/* A reverse name is what the client's network says: it may be one of the site's. */
static void derive_claimed_name(const struct candidate *candidate, struct questions *questions)
{
    const struct site *site = candidate_site(candidate);
    char text[QUESTION_TEXT_MAX];

    if (site != NULL && site_main_domain(site) != NULL) {
        (void)snprintf(text, sizeof(text), "claimed.%s", site_main_domain(site));
        questions_add_text(questions, QUESTION_NAME, text, strlen(text));
    }
}

void derive_questions(struct candidate *candidate, struct questions *questions)
{
    size_t count = 0;

    derive_claimed_name(candidate, questions);
    derive_networks(candidate, NULL, questions);
    derive_restrictions(candidate, NULL, questions);
    (void)candidate_listeners(candidate, &count);
    for (size_t i = 0; i < count; i++) {
        const struct candidate_listener *listener = candidate_listener_at(candidate, i);
        if (listener->override_count > 0) {
            derive_networks(candidate, listener, questions);
            derive_restrictions(candidate, listener, questions);
        }
    }
}

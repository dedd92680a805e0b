#include "probe/rehearse/sendmail/derive.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probe/rehearse/sendmail/places.h"
#include "probe/rehearse/sendmail/reading.h"

struct derivation {
    struct candidate *candidate;
    struct questions *questions;
};

/* Maps whose keys let nobody in: they say where mail goes, and what senders look like. */
static const char *const harmless[] = {"mailertable", "domaintable", "generics",
                                       "bitdomain",   "uudomain",    "authinfo"};

static bool is_name(const char *text)
{
    return text[0] != '\0' && strlen(text) < 200 &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789-._")] == '\0';
}

static bool is_own(const struct derivation *derivation, const char *domain)
{
    const struct site *site = candidate_site(derivation->candidate);

    return site != NULL && site_owns_domain(site, domain, strlen(domain));
}

static void add_text(const struct derivation *derivation, enum question_kind kind, const char *text)
{
    questions_add_text(derivation->questions, kind, text, strlen(text));
}

/* Nobody outside is called so (RFC 6761 section 6.3). */
static bool is_this_host(const char *word)
{
    return strcasecmp(word, "localhost") == 0 || strcasecmp(word, "localhost.localdomain") == 0 ||
           strcasecmp(word, "localdomain") == 0;
}

/* ---- who -------------------------------------------------------------------------------- */

/* A client that is called so, and one below it. Of the site's own names nobody else has a say. */
static void add_client(const struct derivation *derivation, const char *word)
{
    struct network network;
    char name[QUESTION_TEXT_MAX];

    if (place_network(word, &network)) {
        questions_add_network(derivation->questions, candidate_site(derivation->candidate),
                              &network, NULL);
    } else if (is_name(word) && !is_own(derivation, word) && !is_this_host(word)) {
        word += word[0] == '.';
        if (strchr(word, '.') != NULL) {
            add_text(derivation, QUESTION_NAME, word);
        }
        snprintf(name, sizeof(name), "host.%.200s", word);
        add_text(derivation, QUESTION_NAME, name);
    }
}

/* "user@domain", "domain", "user@": whoever calls himself so. */
static void add_mailbox(const struct derivation *derivation, enum question_kind kind,
                        const char *word)
{
    const char *at = strrchr(word, '@');
    const char *domain = at != NULL ? at + 1 : word;
    char text[QUESTION_TEXT_MAX];
    int user = at != NULL ? (int)(at - word) : 0;
    struct network network;

    if (place_network(word, &network) || user > 64 || (domain[0] != '\0' && !is_name(domain)) ||
        (domain[0] == '\0' && user == 0) ||
        (kind == QUESTION_RECIPIENT && domain[0] != '\0' &&
         (is_own(derivation, domain) || is_this_host(domain)))) {
        return;
    }
    snprintf(text, sizeof(text), "%.*s@%s%.200s", user > 0 ? user : 7, user > 0 ? word : "someone",
             domain[0] != '\0' && strchr(domain, '.') == NULL ? "host." : "", domain);
    add_text(derivation, kind, text);
}

static void add_anything(const struct derivation *derivation, const char *word)
{
    add_client(derivation, word);
    add_mailbox(derivation, QUESTION_SENDER, word);
    add_mailbox(derivation, QUESTION_RECIPIENT, word);
}

/* ---- maps --------------------------------------------------------------------------------- */

static void add_access(struct derivation *derivation, const char *key, const char *value)
{
    struct sendmail_reading *reading = candidate_reading(derivation->candidate);
    char tag[16];
    const char *rest;

    if (strncasecmp(key, "certissuer:", 11) == 0 || strncasecmp(key, "certsubject:", 12) == 0) {
        bool grants = strncasecmp(value, "RELAY", 5) == 0 || strncasecmp(value, "SUBJECT", 7) == 0;
        reading->unasked += grants && reading->checks_clients;
        return;
    }
    if (!place_lets_in(value) || !place_access_key(key, tag, &rest) || rest[0] == '\0') {
        return;
    }
    if (tag[0] == '\0' || strcmp(tag, "connect") == 0) {
        add_client(derivation, rest);
    }
    if (tag[0] == '\0' || strcmp(tag, "from") == 0) {
        add_mailbox(derivation, QUESTION_SENDER, rest);
    }
    if (tag[0] == '\0' || strcmp(tag, "to") == 0) {
        add_mailbox(derivation, QUESTION_RECIPIENT, rest);
    }
}

/* The lines that count: of the map where there is one, else of the text. */
static void derive_table(struct derivation *derivation, const struct sendmail_table *table)
{
    const struct candidate_file *text = candidate_file(derivation->candidate, table->file);
    const struct candidate_file dump = {.text = table->dump,
                                        .length = table->dump != NULL ? strlen(table->dump) : 0};
    const struct candidate_file *file = table->dump != NULL ? &dump : text;
    struct place_line line;

    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        if (strcmp(table->name, harmless[i]) == 0) {
            return;
        }
    }
    for (size_t at = 0; file != NULL && place_next_line(file, &at, &line);) {
        if (strcmp(table->name, "access") == 0) {
            add_access(derivation, line.key, line.value);
        } else if (strcmp(table->name, "virtuser") == 0) {
            add_mailbox(derivation, QUESTION_RECIPIENT, line.key);
        } else {
            add_anything(derivation, line.key);
        }
    }
}

static bool take_word(void *user, struct candidate *candidate, const struct place_word *word)
{
    struct derivation *derivation = user;

    (void)candidate;
    if (strcmp(word->class, "TrustAuthMech") == 0 || word->text[0] == '[') {
        return true;
    }
    if (strcmp(word->class, "VirtHost") != 0) {
        add_client(derivation, word->text);
    }
    if (strcmp(word->class, "w") == 0) {
        add_mailbox(derivation, QUESTION_SENDER, word->text);
    }
    add_mailbox(derivation, QUESTION_RECIPIENT, word->text);
    return true;
}

/* ---- rules of its own --------------------------------------------------------------------- */

static bool is_local(const char *ruleset)
{
    return strncmp(ruleset, "Local_", 6) == 0;
}

/* The words that stand in it: whoever greets, writes or is called so. */
static void add_words(struct derivation *derivation, const char *rule)
{
    size_t end = strcspn(rule, "\t");
    char word[QUESTION_TEXT_MAX];

    for (size_t at = 0; at < end;) {
        size_t length = 0;
        while (at + length < end &&
               (isalnum((unsigned char)rule[at + length]) || strchr(".-_", rule[at + length]))) {
            length++;
        }
        bool is_macro = at > 0 && (rule[at - 1] == '$' || rule[at - 1] == '&');
        if (!is_macro && length > 2 && length < 200 && memchr(rule + at, '.', length) != NULL) {
            snprintf(word, sizeof(word), "%.*s", (int)length, rule + at);
            add_anything(derivation, word);
            if (is_name(word)) {
                add_text(derivation, QUESTION_HELO, word);
            }
        }
        at += length > 0 ? length : 1;
    }
}

static void derive_rules(struct derivation *derivation)
{
    const struct sendmail_reading *reading = reading_sendmail_of(derivation->candidate);
    char ruleset[CF_NAME_SIZE] = "";

    for (size_t i = 0; i < reading->cf.count; i++) {
        const struct cf_line *line = &reading->cf.lines[i];
        (void)cf_ruleset(line, ruleset);
        if (line->type == 'R' && is_local(ruleset)) {
            add_words(derivation, line->text + 1);
        }
    }
}

/* ---- all of them -------------------------------------------------------------------------- */

/* A reverse name is what the client's network says: it may be one of the site's. */
static void derive_claimed_name(const struct derivation *derivation)
{
    const struct site *site = candidate_site(derivation->candidate);
    char text[QUESTION_TEXT_MAX];

    if (site != NULL && site_main_domain(site) != NULL) {
        snprintf(text, sizeof(text), "claimed.%.300s", site_main_domain(site));
        add_text(derivation, QUESTION_NAME, text);
    }
}

static void tell_certificates(const struct derivation *derivation, size_t lines)
{
    const struct sendmail_reading *reading = reading_sendmail_of(derivation->candidate);
    const struct candidate_note note = {
        .file = candidate_file(derivation->candidate, reading->main)->path,
        .line = 1,
        .text = "CertIssuer",
        .why = "Lines of the access map let clients with certificates relay; no certificate is "
               "shown in a rehearsal: whom they let in is not known."};

    if (lines > 0) {
        (void)candidate_add_unknown(derivation->candidate, &note);
    }
}

void derive_sendmail(struct candidate *candidate, struct questions *questions)
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    struct derivation derivation = {.candidate = candidate, .questions = questions};
    char sender[QUESTION_TEXT_MAX];

    derive_claimed_name(&derivation);
    snprintf(sender, sizeof(sender), "someone@%.250s", reading->host);
    add_text(&derivation, QUESTION_SENDER, sender);
    /* A domain that names this host as its MX, as FEATURE(relay_based_on_MX) and others ask. */
    questions_add_text(questions, QUESTION_MX_BACKUP, "", 0);
    size_t before = reading->unasked;
    for (size_t i = 0; i < reading->table_count; i++) {
        derive_table(&derivation, &reading->tables[i]);
    }
    tell_certificates(&derivation, reading->unasked - before);
    place_words(candidate, take_word, &derivation);
    derive_rules(&derivation);
    questions->unasked += reading->unasked;
}

#include "probe/smtp/reply/scope.h"

#include <stddef.h>

/* Who writes. */
static const char senders[] =
    "sender sender's senders senders' originator* from-address* mailfrom return-path* absender* "
    "expéditeur* expediteur* remitente* remetente* mittent* afzender* avsändar* nadawc* "
    "отправител* Отправител*";

/* Who may be many, and are not all. */
static const char parties[] =
    "user users users' customer* client clients host hosts network networks account* address* "
    "guest* "
    "subscriber* member* machine* people domain domains employee* student* staff mailbox* "
    "benutzer* kunden utilisateur* usuario* usuári* utent* gebruiker*";

/* Those of them that no stranger is. */
static const char insiders[] =
    "customer* guest* subscriber* member* employee* student* staff kunden";

/* In front of these, or behind: "of our domain", "local users". */
static const char narrow[] = "local our own internal private inner inside new newly registered "
                             "these those certain some forged this that such lokale* eigene*";

/* A stranger is one of these. */
static bool is_wide(const struct clause *clause, size_t at)
{
    return clause_means_at(clause, at, WORD_NEG | WORD_AUTH | WORD_FOREIGN) ||
           clause_is_at(clause, at,
                        "unknown anonymous unauthori* unregistered untrusted unlisted unspecified "
                        "other all any every public strange* your");
}

/* "for", "on behalf of", "in the name of": the words between these and their noun are few. */
static bool is_preposition(const struct clause *clause, size_t at)
{
    return clause_is_at(clause, at,
                        "for from by of to with as für fuer von pour de des par para por per da "
                        "voor van för från dla для от");
}

/* Where the noun phrase that ends with the noun at `noun` begins. */
static size_t phrase_begin(const struct clause *clause, size_t noun)
{
    size_t begin = noun;

    while (begin > 0 && noun - begin < 4 && !is_preposition(clause, begin - 1) &&
           !clause_means_at(clause, begin - 1, WORD_DENY | WORD_RELAY) &&
           !clause_is_at(clause, begin - 1, "not no may is are permitted allowed")) {
        begin--;
    }
    return begin;
}

/* "hosts outside our network", "users who are not logged in", "clients without authentication":
 * what is said of the noun widens it, unless the refusal itself stands there. */
static bool is_widened(const struct clause *clause, size_t begin, size_t noun)
{
    bool refused =
        clause_refuses(clause, 0, begin) || clause_find(clause, WORD_NEG, 0, begin) < clause->count;

    for (size_t i = begin; i < noun; i++) {
        if (is_wide(clause, i)) {
            return true;
        }
    }
    for (size_t i = noun + 1; i < noun + 5 && i < clause->count; i++) {
        if (clause_means_at(clause, i, WORD_FOREIGN) || clause_is_at(clause, i, "without") ||
            (clause_is_at(clause, i, "with") && clause_means_at(clause, i + 1, WORD_AUTH)) ||
            (refused && clause_means_at(clause, i, WORD_NEG))) {
            return true;
        }
    }
    return false;
}

/* "in example.org", "of our domain": but not at the recipient's, which is a destination. */
static bool is_placed(const struct clause *clause, size_t noun)
{
    size_t at = noun + 1;

    if (!clause_is_at(clause, at, "in of at from on within with inside aus von in de di da")) {
        return false;
    }
    do {
        at++;
    } while (clause_is_at(clause, at, "the a an domain domains host network"));
    return clause_is_at(clause, at, narrow) || (clause_means_at(clause, at, WORD_NAME) &&
                                                (clause_is_at(clause, noun + 1, "in within") ||
                                                 !clause_means_at(clause, at, WORD_CLIENT)));
}

/* "local users", "example.org users" */
static bool has_narrow(const struct clause *clause, size_t begin, size_t noun)
{
    return clause_has_word(clause, narrow, begin, noun) ||
           clause_find(clause, WORD_SENDER | WORD_HOST, begin, noun) < noun;
}

/* "not a local user", "none of our domains", "not a domain on this system". */
static bool is_negated(const struct clause *clause, size_t begin)
{
    while (clause_is_at(clause, begin - 1, "a an one of in the list")) {
        begin--;
    }
    return clause_means_at(clause, begin - 1, WORD_NEG) && !clause_is_at(clause, begin - 1, "no");
}

/* "this user", "that network": who asks, and not a class. */
static bool is_asker(const struct clause *clause, size_t begin, size_t noun)
{
    return clause_has_word(clause, "this that such", begin, noun) &&
           !clause_has_word(clause, "local own internal private", begin, noun);
}

static bool names_recipient_at(const struct clause *clause, size_t noun)
{
    size_t at = noun + 1;

    while (clause_is_at(clause, at, "in of at the domain")) {
        at++;
    }
    return at < clause->count && clause_means_at(clause, at, WORD_NAME) &&
           !clause_means_at(clause, at, WORD_SENDER | WORD_HOST | WORD_CLIENT);
}

/* "Sender is not allowed to relay" says it of whoever writes; "this sender" and "a sender in
 * example.org" are some. */
static bool is_of_senders(const struct clause *clause, size_t noun)
{
    size_t begin = phrase_begin(clause, noun);

    if (is_widened(clause, begin, noun)) {
        return false;
    }
    return (begin > 0 && is_preposition(clause, begin - 1)) || is_placed(clause, noun) ||
           has_narrow(clause, begin, noun) || clause_means_at(clause, noun + 1, WORD_NAME);
}

static bool is_of_party(const struct clause *clause, size_t noun)
{
    size_t begin = phrase_begin(clause, noun);
    bool target = begin > 0 && clause_is_at(clause, begin - 1, "to for");

    if (is_widened(clause, begin, noun) || is_negated(clause, begin) ||
        is_asker(clause, begin, noun) || (target && names_recipient_at(clause, noun))) {
        return false;
    }
    /* "relaying to local addresses is denied" is said of where mail goes */
    if (target && clause_is_at(clause, noun, "address* domain domains mailbox*")) {
        return is_placed(clause, noun);
    }
    return is_placed(clause, noun) || has_narrow(clause, begin, noun) ||
           (begin > 0 && is_preposition(clause, begin - 1) && clause_is_at(clause, noun, insiders));
}

/* "relaying from example.org", "on behalf of example.org"; with the recipient named, too, it tells
 * what was asked for, as does Zoho's "relaying disallowed as joe@example.org". */
static bool is_of_name(const struct clause *clause, size_t name)
{
    size_t before = name;

    if (clause_means_at(clause, name, WORD_CLIENT)) {
        return false;
    }
    while (clause_is_at(clause, before - 1, "the domain domains host in at")) {
        before--;
    }
    if (clause_is_at(clause, before - 1, "of") && clause_is_at(clause, before - 2, "behalf name")) {
        return true;
    }
    if (!clause_is_at(clause, before - 1, "from")) {
        return false;
    }
    for (size_t i = 1; i < clause->count; i++) {
        if (clause_means_at(clause, i, WORD_NAME) && clause_is_at(clause, i - 1, "to for")) {
            return false;
        }
    }
    return true;
}

/* "only", "but for", "except": all others are refused. */
static bool is_of_the_rest(const struct clause *clause)
{
    if (clause_has(clause, "except excepting besides unless restricted limited reserved") ||
        (clause_has(clause, "but") && clause_has(clause, "for"))) {
        return true;
    }
    return (clause->has & WORD_AUTH) == 0 &&
           clause_has(clause, "only nur seulement solo sólo somente alleen") &&
           !clause_refuses(clause, 0, clause->count);
}

bool scope_names_senders(const struct clause *clause)
{
    for (size_t i = 0; (clause->has & WORD_AUTH) == 0 && i < clause->count; i++) {
        if (clause_is_at(clause, i, senders)) {
            return !is_widened(clause, phrase_begin(clause, i), i);
        }
    }
    return false;
}

enum scope scope_of(const struct clause *clause)
{
    enum scope scope = SCOPE_EVERYBODY;

    if (is_of_the_rest(clause)) {
        return SCOPE_EVERYBODY;
    }
    if (clause_has_senders_domain(clause)) {
        return SCOPE_SENDERS;
    }
    for (size_t i = 0; i < clause->count; i++) {
        if (clause_means_at(clause, i, WORD_NAME)
                ? is_of_name(clause, i)
                : clause_is_at(clause, i, senders) && is_of_senders(clause, i)) {
            return SCOPE_SENDERS;
        }
        if (clause_is_at(clause, i, parties) && is_of_party(clause, i)) {
            scope = SCOPE_PARTY;
        }
    }
    return scope;
}

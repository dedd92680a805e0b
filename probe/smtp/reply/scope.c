#include "probe/smtp/reply/scope.h"

#include <stddef.h>

#define REACH 12 /* words behind a negation that it is said of */

/* Who writes. */
static const char senders[] =
    "sender sender's senders senders' originator* from-address* mailfrom return-path* absender* "
    "expéditeur* expediteur* remitente* remetente* mittent* afzender* avsändar* nadawc* "
    "отправител* Отправител*";

/* Who may be many, and are not all. */
static const char parties[] =
    "user users users' customer* client clients host hosts network networks account* address* "
    "guest* visitor* contractor* faculty pupil* "
    "subscriber* member* machine* people domain domains employee* student* staff mailbox* "
    "benutzer* kunden utilisateur* usuario* usuári* utent* gebruiker*";

/* Those of them that no stranger is. */
static const char insiders[] =
    "customer* guest* visitor* contractor* faculty pupil* subscriber* member* employee* student* "
    "staff kunden";

/* Of some place these are some, and else they are all. */
static const char everybody[] = "everyone everybody anyone anybody nobody all";

/* In front of these, or behind: "of our domain", "local users". */
static const char narrow[] = "local our own internal private inner inside new newly registered "
                             "these those certain some forged this that such restricted limited "
                             "reserved null empty blank trial lokale* eigene*";

/* Mail of a kind that others need not send, and forms of addresses. */
static const char kinds[] = "bounce bounces dsn dsns newsletter* uucp percent bang";

static const char verbs[] = "may can cannot can't must need needs should shall will won't is isn't "
                            "are aren't was were do don't does doesn't has have";

/* In front of a destination, of which nothing follows for who may send there. */
static const char whither[] = "to into towards toward";

/* A stranger is one of these. */
static bool is_wide(const struct clause *clause, size_t at)
{
    return clause_means_at(clause, at, WORD_NEG | WORD_AUTH | WORD_FOREIGN) ||
           clause_is_at(clause, at,
                        "unknown anonymous unauthori* unregistered untrusted unlisted unspecified "
                        "other strange*");
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
           (!clause_means_at(clause, begin - 1, WORD_DENY | WORD_RELAY) ||
            clause_is_at(clause, begin - 1, "restricted")) &&
           !clause_is_at(clause, begin - 1, "not no may is are permitted allowed")) {
        begin--;
    }
    return begin;
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

/* "users of this service": whoever uses it */
static bool is_of_service(const struct clause *clause, size_t noun)
{
    return clause_is_at(clause, noun + 1, "of") && clause_is_at(clause, noun + 2, "this our") &&
           clause_is_at(clause, noun + 3, "service server system host machine relay gateway");
}

/* "all hosts", "your host"; but "all hosts in example.org" are some, and so are "all local hosts".
 */
static bool is_quantified(const struct clause *clause, size_t begin, size_t noun)
{
    return clause_has_word(clause, "all any every public your", begin, noun) &&
           !has_narrow(clause, begin, noun) &&
           (!is_placed(clause, noun) || is_of_service(clause, noun));
}

/* "hosts outside our network", "users who are not logged in", "clients without authentication":
 * what is said of the noun, up to the verb that says what they do or what is refused to them. */
static bool is_widened_behind(const struct clause *clause, size_t begin, size_t noun)
{
    bool refused =
        clause_refuses(clause, 0, begin) || clause_find(clause, WORD_NEG, 0, begin) < clause->count;
    bool relative = refused;

    for (size_t i = noun + 1; i < noun + 5 && i < clause->count; i++) {
        relative = relative || clause_is_at(clause, i, "who that which whose");
        if (!relative && (clause_is_at(clause, i, verbs) || clause_is_at(clause, i, whither) ||
                          clause_means_at(clause, i, WORD_DENY))) {
            return false;
        }
        if (clause_means_at(clause, i, WORD_FOREIGN) || clause_is_at(clause, i, "without") ||
            (clause_is_at(clause, i, "with") && clause_means_at(clause, i + 1, WORD_AUTH)) ||
            (refused && clause_means_at(clause, i, WORD_NEG))) {
            return true;
        }
    }
    return false;
}

/* "this user", "that network": who asks, and not a class. */
static bool is_asker(const struct clause *clause, size_t begin, size_t noun)
{
    return clause_has_word(clause, "this that such", begin, noun) &&
           !clause_has_word(clause, "local own internal private", begin, noun);
}

static bool is_widened(const struct clause *clause, size_t begin, size_t noun)
{
    for (size_t i = begin; i < noun; i++) {
        if (is_wide(clause, i)) {
            return true;
        }
    }
    return is_quantified(clause, begin, noun) ||
           (!is_placed(clause, noun) && !has_narrow(clause, begin, noun) &&
            is_widened_behind(clause, begin, noun));
}

/* "not a local user", "none of our domains", "not a domain on this system". */
static bool is_negated(const struct clause *clause, size_t begin)
{
    while (clause_is_at(clause, begin - 1, "a an one of in the list")) {
        begin--;
    }
    return clause_means_at(clause, begin - 1, WORD_NEG) && !clause_is_at(clause, begin - 1, "no");
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
    if (clause_is_at(clause, noun, everybody)) {
        return is_placed(clause, noun);
    }
    /* "relaying to local addresses is denied" is said of where mail goes */
    if (target && clause_is_at(clause, noun, "address* domain domains mailbox*")) {
        return is_placed(clause, noun);
    }
    return is_placed(clause, noun) || has_narrow(clause, begin, noun) ||
           (clause_is_at(clause, noun, insiders) &&
            (clause_is_at(clause, noun + 1, verbs) || clause_is_at(clause, noun + 1, "relaying") ||
             (begin > 0 && is_preposition(clause, begin - 1))));
}

/* "bounces may not be relayed", "IPv6 relaying is denied" */
static bool is_of_kind(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        if (clause_is_at(clause, i, kinds) ||
            (clause_is_at(clause, i, "ipv4 ipv6") && clause_means_at(clause, i + 1, WORD_RELAY))) {
            return true;
        }
    }
    return false;
}

static bool names_client(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        if (clause_means_at(clause, i, WORD_CLIENT) && !clause_means_at(clause, i, WORD_ELSE)) {
            return true;
        }
    }
    return false;
}

/* "198.51.100.4 may not relay", "relaying denied to 192.0.2.0/24"; with our own address named, too,
 * it is where we wanted to go. */
static bool is_of_network(const struct clause *clause, size_t name)
{
    return clause_means_at(clause, name, WORD_ELSE) && !names_client(clause) &&
           (clause_is_at(clause, name - 1, "to from") || clause_is_at(clause, name + 1, verbs) ||
            clause->words[name].text[0] == CLAUSE_NETWORK);
}

/* "a@nowhere.test may not relay", "relaying denied for nowhere.test"; but "I do not relay for
 * nowhere.test" answers a stranger. */
static bool is_of_sender(const struct clause *clause, size_t name)
{
    return clause_means_at(clause, name, WORD_SENDER) && !clause_names_recipient(clause) &&
           !(clause_is_at(clause, name - 2, "relay") && clause_has(clause, "i we")) &&
           (clause_is_at(clause, name - 1, "for to by") || clause_is_at(clause, name + 1, verbs));
}

/* "relaying from example.org", "on behalf of example.org"; with the recipient named, too, it tells
 * what was asked for, as does Zoho's "relaying disallowed as joe@example.org". */
static bool is_of_name(const struct clause *clause, size_t name)
{
    size_t before = name;

    if (clause_means_at(clause, name, WORD_CLIENT)) {
        return false;
    }
    if (is_of_sender(clause, name)) {
        return true;
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

/* Whether relaying is refused to those that the clause names: "only guests may not relay". */
static bool refuses_them(const struct clause *clause)
{
    size_t not = clause_find(clause, WORD_NEG, 0, clause->count);

    return clause_refuses(clause, 0, clause->count) ||
           clause_find(clause, WORD_RELAY, not +1, not +REACH) < clause->count;
}

/* "only", "restricted to", "only ... without authentication": all others are refused. */
static bool is_of_the_rest(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        if (clause_is_at(clause, i, "restricted limited reserved") &&
            clause_is_at(clause, i + 1, "to for")) {
            return !clause_refuses(clause, 0, i) && !clause_refuses(clause, i + 1, clause->count) &&
                   (clause_is_at(clause, i + 1, "to") || clause_is_at(clause, i, "reserved"));
        }
    }
    return ((clause->has & WORD_AUTH) == 0 || clause_has(clause, "without")) &&
           clause_has(clause, "only nur seulement solo sólo somente alleen") &&
           !refuses_them(clause);
}

/* Where an exception begins: what is behind it is said of those who are not refused. */
static size_t exception(const struct clause *clause)
{
    size_t at = 0;

    while (at < clause->count && !clause_is_at(clause, at, "except excepting besides unless") &&
           !(clause_is_at(clause, at, "but") && clause_is_at(clause, at + 1, "for"))) {
        at++;
    }
    return at;
}

/* "is not local", "and recipient are both remote" */
static bool is_said_strange(const struct clause *clause, size_t noun)
{
    size_t at = noun + 1;

    while (
        clause_is_at(clause, at, "and or nor is are was were both also the recipient* address*") ||
        clause_means_at(clause, at, WORD_NAME)) {
        at++;
    }
    at += clause_is_at(clause, at, "from");
    if (clause_means_at(clause, at, WORD_FOREIGN)) {
        return true;
    }
    if (!clause_means_at(clause, at, WORD_NEG)) {
        return false;
    }
    do {
        at++;
    } while (clause_is_at(clause, at, "a an one of in on at from the either"));
    return clause_means_at(clause, at, WORD_OURS) || clause_is_at(clause, at, "here");
}

bool scope_names_senders(const struct clause *clause)
{
    if ((clause->has & WORD_AUTH) != 0 || is_of_the_rest(clause)) {
        return false;
    }
    for (size_t i = 0; i < clause->count; i++) {
        if (clause_is_at(clause, i, senders)) {
            return !is_said_strange(clause, i) && !is_widened(clause, phrase_begin(clause, i), i);
        }
    }
    return false;
}

enum scope scope_of(const struct clause *clause)
{
    enum scope scope = is_of_kind(clause) ? SCOPE_PARTY : SCOPE_EVERYBODY;
    size_t end = exception(clause);

    if (is_of_the_rest(clause)) {
        return SCOPE_EVERYBODY;
    }
    if (end == clause->count && clause_has_senders_domain(clause)) {
        return SCOPE_SENDERS;
    }
    for (size_t i = 0; i < end; i++) {
        if (clause_means_at(clause, i, WORD_NAME)
                ? is_of_name(clause, i)
                : clause_is_at(clause, i, senders) && is_of_senders(clause, i)) {
            return SCOPE_SENDERS;
        }
        if (is_of_network(clause, i) ||
            ((clause_is_at(clause, i, parties) || clause_is_at(clause, i, everybody)) &&
             is_of_party(clause, i))) {
            scope = SCOPE_PARTY;
        }
    }
    return scope;
}

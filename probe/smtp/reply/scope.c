#include "probe/smtp/reply/scope.h"

#include <ctype.h>
#include <stddef.h>

#include "probe/smtp/reply/usual.h"

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

/* In front of these, the server itself is named. */
static const char ways[] = "through via at on of with";

/* What may be said of the server as well as of who asks: "mx.example.org does not relay". */
static const char doing[] = "do don't does doesn't will won't";

/* Who stands beside one of these may relay, and nobody else. */
static const char solely[] = "only solely exclusively nur seulement solo sólo somente alleen";
static const char limits[] = "restricted limited reserved confined";

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

/* "not all members", "not every user", "not everybody" */
static bool is_not_all(const struct clause *clause, size_t begin)
{
    return clause_is_at(clause, begin - 1, "not") &&
           clause_is_at(clause, begin, "all every everybody everyone");
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

    if (is_not_all(clause, begin)) {
        return true;
    }
    if (clause_means_at(clause, noun + 1, WORD_CLIENT) &&
        !clause_means_at(clause, noun + 1, WORD_ELSE)) {
        return false; /* "the host 203.0.113.7": we */
    }
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

/* Whether the name is who may not: "198.51.100.4 may not relay", "gateway.test is not permitted". A
 * name that does not relay is the server's. */
static bool is_subject(const struct clause *clause, size_t name)
{
    if (clause_is_at(clause, name - 1, ways) && !clause_is_at(clause, name - 2, parties)) {
        return false;
    }
    if (clause_is_at(clause, name + 1, "is was has")) {
        return !clause_means_at(clause, name, WORD_HOST) ||
               (clause_refuses(clause, name + 1, name + 5) &&
                !clause_has_word(clause, "configur*", name + 1, name + 5)) ||
               clause_has_word(clause, "right permission", name + 1, name + 5);
    }
    return clause_is_at(clause, name + 1, verbs) && !clause_is_at(clause, name + 1, doing);
}

/* Whether the name is who is refused: "relaying denied for", "permitted to", "relaying by"; but
 * "relaying to" is where, and "denied by" says who refuses. */
static bool is_object(const struct clause *clause, size_t name)
{
    size_t before = name;

    while (clause_is_at(clause, before - 1, "the a this domain domains host client address ip")) {
        before--;
    }
    if (clause_is_at(clause, before - 1, "by")) {
        return clause_means_at(clause, before - 2, WORD_RELAY);
    }
    if (clause_is_at(clause, before - 1, "from")) { /* "from a@elsewhere.test to b@outside.test" */
        return !clause_means_at(clause, name, WORD_HOST) || !clause_names_recipient(clause);
    }
    return clause_is_at(clause, before - 1, "for") ||
           (clause_is_at(clause, before - 1, "to") &&
            (clause_means_at(clause, name, WORD_ELSE) ||
             clause_means_at(clause, before - 2, WORD_DENY | WORD_PERMIT)));
}

/* "relaying denied [192.0.2.9]": an address that is told without a word is who asked */
static bool is_added(const struct clause *clause, size_t name)
{
    return name > 0 && name + 1 == clause->count && clause_means_at(clause, name, WORD_ELSE) &&
           !is_preposition(clause, name - 1) && !clause_is_at(clause, name - 1, ways);
}

/* "198.51.100.4 may not relay", "relaying denied to 192.0.2.0/24", "for gateway.test": it is
 * neither ours nor in the envelope. With our own address named, too, it is where we wanted to go.
 */
static bool is_of_others(const struct clause *clause, size_t name)
{
    return clause_means_at(clause, name, WORD_ELSE | WORD_HOST) && !names_client(clause) &&
           (is_object(clause, name) || is_subject(clause, name) || is_added(clause, name) ||
            clause->words[name].text[0] == CLAUSE_NETWORK);
}

/* "a@nowhere.test may not relay", "relaying denied for nowhere.test"; but "I do not relay for
 * nowhere.test" answers a stranger. */
static bool is_of_sender(const struct clause *clause, size_t name)
{
    return clause_means_at(clause, name, WORD_SENDER) && !clause_names_recipient(clause) &&
           !(clause_is_at(clause, name - 2, "relay") && clause_has(clause, "i we")) &&
           (clause_is_at(clause, name - 1, "for to by") || is_subject(clause, name));
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

/* "only to example.org", "only for local recipients": where mail may go, not who may send it. */
static bool is_of_destination(const struct clause *clause, size_t only)
{
    size_t at = only + 2;

    if (!clause_is_at(clause, only + 1, "to for towards")) {
        return false;
    }
    while (clause_is_at(clause, at, "the a our own local")) {
        at++;
    }
    return clause_means_at(clause, at, WORD_NAME) ||
           clause_is_at(clause, at, "address* domain domains recipient* destination* mailbox*");
}

/* Whether the phrase at `at` is of people or hosts that may have a right: "our staff", "hosts of
 * example.org"; one more preposition, and it is of something else. */
static bool is_right(const struct clause *clause, size_t at)
{
    for (; at < clause->count && !is_preposition(clause, at); at++) {
        if (clause_is_at(clause, at, parties) || clause_means_at(clause, at, WORD_AUTH)) {
            return true;
        }
    }
    return false;
}

/* "restricted to", "reserved for" */
static bool is_limit(const struct clause *clause, size_t at)
{
    return clause_is_at(clause, at, limits) && clause_is_at(clause, at + 1, "to for") &&
           (clause_is_at(clause, at + 1, "to") || clause_is_at(clause, at, "reserved"));
}

/* "must be a member", "have to be a customer": who is none may not. */
static bool is_condition(const struct clause *clause, size_t at)
{
    size_t be = at + 1 + (size_t)clause_is_at(clause, at + 1, "to");

    return clause_is_at(clause, at, "must need needs have has") && clause_is_at(clause, be, "be") &&
           is_right(clause, be + 1) && clause_find(clause, WORD_NEG, 0, at) >= clause->count;
}

/* "only", "restricted to", "only ... without authentication": all others are refused. */
static bool is_of_the_rest(const struct clause *clause)
{
    size_t only = 0;

    for (size_t i = 0; i < clause->count; i++) {
        if (clause_is_at(clause, i, limits) && clause_is_at(clause, i + 1, "to for")) {
            return !clause_refuses(clause, 0, i) && !clause_refuses(clause, i + 1, clause->count) &&
                   is_limit(clause, i);
        }
        if (is_condition(clause, i)) {
            return true;
        }
    }
    while (only < clause->count && !clause_is_at(clause, only, solely)) {
        only++;
    }
    return only < clause->count && !is_of_destination(clause, only) &&
           ((clause->has & WORD_AUTH) == 0 || clause_has(clause, "without")) &&
           !refuses_them(clause);
}

bool scope_reserves(const struct clause *clause, size_t relay)
{
    for (size_t i = 0; i < clause->count; i++) {
        if (clause_is_at(clause, i, solely) || (i < relay && is_condition(clause, i))) {
            return true;
        }
        if (i > relay && is_limit(clause, i) && is_right(clause, i + 2)) {
            return clause_find(clause, WORD_NEG, 0, i) >= clause->count;
        }
    }
    return false;
}

static bool is_exception(const struct clause *clause, size_t at)
{
    return clause_is_at(clause, at, "except excepting besides unless") ||
           (clause_is_at(clause, at, "but") &&
            (clause_is_at(clause, at + 1, "for") || clause_is_at(clause, at - 1, everybody) ||
             clause_is_at(clause, at - 1, "none")));
}

/* Where an exception begins: what is behind it is said of those who are not refused. */
static size_t exception(const struct clause *clause)
{
    size_t at = 0;

    while (at < clause->count && !is_exception(clause, at)) {
        at++;
    }
    return at;
}

bool scope_is_word(const struct clause *clause, size_t at)
{
    return clause_is_at(clause, at, parties) || clause_is_at(clause, at, everybody) ||
           clause_is_at(clause, at, "inside registered belong belongs") ||
           clause_is_at(clause, at, solely) || is_limit(clause, at) ||
           (clause_is_at(clause, at, "log sign") && clause_is_at(clause, at + 1, "in on"));
}

bool scope_excepts(const struct clause *clause, size_t at)
{
    bool right = false;

    if (!is_exception(clause, at)) {
        return false;
    }
    for (size_t i = at + 1; i < clause->count; i++) {
        bool party = scope_is_word(clause, i);
        if (!party && !usual_knows(clause, i)) {
            return false;
        }
        right = right || party || clause_means_at(clause, i, WORD_AUTH | WORD_OURS | WORD_NAME);
    }
    return right;
}

/* Whether a word of [from, to) is none that a refusal to everybody is made of; a number is a port.
 */
static bool has_stranger(const struct clause *clause, size_t from, size_t to)
{
    while (from < to && (isdigit((unsigned char)clause->words[from].text[0]) != 0 ||
                         scope_is_word(clause, from) || usual_knows(clause, from) ||
                         clause_is_at(clause, from, "every than ipv4 ipv6"))) {
        from++;
    }
    return from < to;
}

/* "apprentices may not relay", "infected machines must log in": who cannot be told from everybody
 * is in doubt, whatever he is called. */
static bool is_of_unknown(const struct clause *clause, size_t end)
{
    for (size_t i = 1; i < end; i++) {
        if (clause_is_at(clause, i, verbs) && !clause_is_at(clause, i, doing)) {
            return has_stranger(clause, phrase_begin(clause, i - 1), i);
        }
    }
    return false;
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
    size_t end = exception(clause);
    enum scope scope =
        is_of_kind(clause) || is_of_unknown(clause, end) ? SCOPE_PARTY : SCOPE_EVERYBODY;

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
        if (is_of_others(clause, i) ||
            ((clause_is_at(clause, i, parties) || clause_is_at(clause, i, everybody)) &&
             is_of_party(clause, i))) {
            scope = SCOPE_PARTY;
        }
    }
    return scope;
}

#include "probe/smtp/reply/foreign.h"

#include <stddef.h>
#include <string.h>

/* Whether what is said before `to` is said of a host that is not the recipient's: "probe.test is
 * not allowed here", of us; "mx.isp.test is not local", of anybody. */
static bool is_of_host(const struct clause *clause, size_t to)
{
    bool host = false;

    for (size_t i = 0; i < clause->count; i++) {
        unsigned int is = clause->words[i].is;
        if ((is & WORD_NAME) != 0 && (is & (WORD_HOST | WORD_CLIENT)) == 0) {
            return false;
        }
        host |= i < to && (is & WORD_NAME) != 0;
    }
    return host;
}

/* "user not local", "not a local domain", "is not one of our domains". */
static bool is_not_local(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        size_t at = i + 1;
        if ((clause->words[i].is & WORD_NEG) == 0) {
            continue;
        }
        while (
            clause_is_at(clause, at, "a an in one of the list is as be for any domain domains")) {
            at++;
        }
        if (at >= clause->count || (clause->words[at].is & WORD_OURS) == 0 ||
            is_of_host(clause, i)) {
            continue;
        }
        if (clause_is_at(clause, at, "local ours mine")) {
            return !clause_has_word(clause,
                                    "user* mailbox* account* part* polic* problem* error* sender*",
                                    at + 1, at + 3);
        }
        return clause_find(clause, WORD_DOMAIN, at + 1, at + 4) < clause->count;
    }
    return false;
}

/* "this host", "this mail exchanger", "our network" */
static bool is_this_host(const struct clause *clause, size_t at)
{
    static const char hosts[] = "mx host exchanger network";

    return clause_is_at(clause, at, hosts) &&
           (clause_is_at(clause, at - 1, "this our") ||
            (clause_is_at(clause, at - 1, "mail") && clause_is_at(clause, at - 2, "this our")));
}

/* Whether it says that here, from `from` on. */
static bool says_here(const struct clause *clause, size_t from)
{
    for (size_t i = from; i < clause->count; i++) {
        if ((clause->words[i].is & WORD_HERE) != 0 || is_this_host(clause, i)) {
            return true;
        }
    }
    return false;
}

/* Whether the words from `from` on give no reason and make no condition: none of them has a meaning
 * of its own. "Domain not allowed because it is disposable", "a number of domains not permitted"
 * and "not accepted on Sundays" refuse no relaying. */
static bool says_no_more(const struct clause *clause, size_t from)
{
    static const unsigned int meant = WORD_PLAIN | WORD_NEG | WORD_PERMIT | WORD_DOMAIN |
                                      WORD_OURS | WORD_TAKEN | WORD_TAKE | WORD_NAME | WORD_HERE |
                                      WORD_FOREIGN | WORD_RELAY;

    for (size_t i = from; i < clause->count; i++) {
        bool part = clause_is_at(clause, i, "part") && clause_is_at(clause, i - 1, "domain");
        bool login =
            clause_means_at(clause, i, WORD_AUTH) && clause_is_at(clause, i - 1, "without");
        if (!part && !login && !is_this_host(clause, i) && (clause->words[i].is & meant) == 0) {
            return false;
        }
    }
    return true;
}

/* "not a domain we accept mail for", "not a domain that this server handles" */
static bool is_not_among_ours(const struct clause *clause)
{
    for (size_t i = clause_find(clause, WORD_NEG, 0, clause->count); i < clause->count;
         i = clause_find(clause, WORD_NEG, i + 1, clause->count)) {
        size_t at = i + 1;
        while (clause_is_at(clause, at, "a one among of the any")) {
            at++;
        }
        if (!clause_is_at(clause, at, "domain domains destination") || is_of_host(clause, i)) {
            continue;
        }
        at++;
        while (clause_is_at(clause, at, "that which for to whom whose mail")) {
            at++;
        }
        if (clause_is_at(clause, at, "we i this") &&
            clause_find(clause, WORD_TAKE, at + 1, at + 5) < clause->count &&
            clause_find(clause, WORD_NEG, at, clause->count) >= clause->count) {
            return true;
        }
    }
    return false;
}

/* "recipient must be local", "nonlocal recipient" */
static bool is_to_be_local(const struct clause *clause)
{
    static const char target[] = "recipient* domain* destination* address*";

    for (size_t i = 1; i < clause->count; i++) {
        size_t at = i + 2;
        while (clause_is_at(clause, at, "one of in a an")) {
            at++;
        }
        size_t after = at + 1 + (size_t)clause_is_at(clause, at + 1, "domains");
        if (clause_is_at(clause, i, "must should") && clause_is_at(clause, i + 1, "be") &&
            clause_is_at(clause, at, "local ours our my") &&
            clause_has_word(clause, target, 0, i) &&
            (after >= clause->count || clause_is_at(clause, after, "or here"))) {
            return true;
        }
    }
    for (size_t i = 0; i < clause->count; i++) {
        if (clause_is_at(clause, i, "nonlocal offsite") && clause_is_at(clause, i + 1, target) &&
            says_no_more(clause, 0)) {
            return true;
        }
    }
    return false;
}

/* Whether the clause behind this one tells why: "domain not allowed: disposable". Advice is no
 * reason. */
static bool has_reason(const struct clause *clause, const struct sentence *whole)
{
    struct clause next = clause_at(whole, (size_t)(clause->words - whole->words) + clause->count);

    return !says_no_more(&next, 0) &&
           !clause_has_word(&next, "please contact see visit for if try check use ask you your", 0,
                            1);
}

/* "domain not allowed", "no such domain here", "outside.test is not handled by this server". */
static bool is_not_taken(const struct clause *clause)
{
    size_t negation = clause_find(clause, WORD_NEG, 0, clause->count);
    bool here = says_here(clause, negation);

    /* "203.0.113.7 is not allowed here" is said of a client; "... is not allowed" of anything */
    if ((clause->has & WORD_CLIENT) != 0 || is_of_host(clause, negation)) {
        return false;
    }
    if ((clause->has & WORD_DOMAIN) == 0 && ((clause->has & WORD_NAME) == 0 || !here)) {
        return false;
    }
    if (clause_find(clause, WORD_TAKEN, negation, negation + 6) < clause->count) {
        return clause_find(clause, WORD_DOMAIN | WORD_NAME, 0, clause->count) < clause->count &&
               says_no_more(clause, 0);
    }
    /* "no such domain here", "not in my list", "not on this server" */
    return here && (clause->has & WORD_DOMAIN) != 0 &&
           clause_has_word(clause, "such in on at found known valid", negation, negation + 4);
}

/* "we do not accept mail for outside.test", "I cannot deliver mail for ...". */
static bool is_not_served(const struct clause *clause)
{
    for (size_t i = clause_find(clause, WORD_NEG, 0, clause->count); i < clause->count;
         i = clause_find(clause, WORD_NEG, i + 1, clause->count)) {
        size_t take = clause_find(clause, WORD_TAKE, i + 1, i + 4);
        if (take >= clause->count ||
            clause_find(clause, WORD_DOMAIN | WORD_NAME | WORD_PERSON, 0, i) < clause->count ||
            !says_no_more(clause, take)) {
            continue;
        }
        /* "could not deliver mail for ...": an accident */
        if (clause_is_at(clause, take, "deliver*") && (clause->words[i].is & WORD_ABLE) != 0 &&
            !clause_has_word(clause, "i we", 0, i)) {
            continue;
        }
        if (clause_is_at(clause, i - 1, "could")) {
            continue;
        }
        if (clause_has_word(clause, "for", take + 1, take + 4) &&
            clause_find(clause, WORD_DOMAIN | WORD_NAME | WORD_FOREIGN, take + 1, clause->count) <
                clause->count) {
            return true;
        }
        if (clause_find(clause, WORD_DOMAIN | WORD_NAME, take + 1, take + 4) < clause->count &&
            !clause_has_word(clause, "to", take + 1, take + 4)) {
            return true;
        }
    }
    return false;
}

/* "only example.org is allowed to receive mail", "we only accept mail for our own domains",
 * "local recipients only", "you may only send to addresses at example.org". */
static bool is_exclusive(const struct clause *clause)
{
    bool whose = (clause->has & (WORD_DOMAIN | WORD_NAME | WORD_OURS)) != 0;

    for (size_t i = 0; whose && i < clause->count; i++) {
        if (clause_is_at(clause, i, "only") && clause_is_at(clause, i + 1, "send deliver write") &&
            clause_is_at(clause, i + 2, "to") && says_no_more(clause, i + 3)) {
            return true;
        }
    }
    return whose && clause_has(clause, "only") &&
           ((clause->has & (WORD_TAKE | WORD_TAKEN)) != 0 || clause_has(clause, "recipient*")) &&
           says_no_more(clause, 0);
}

/* "not responsible for ...", "not a gateway", "not the mail exchanger for ...". */
static bool is_not_responsible(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        size_t at = i + 1;
        if ((clause->words[i].is & WORD_NEG) == 0 || clause_is_at(clause, i, "no")) {
            continue;
        }
        while (clause_is_at(clause, at, "a an the your any mail")) {
            at++;
        }
        if ((clause_is_at(clause, at, "responsible authoritative gateway") ||
             (clause_is_at(clause, at, "exchanger mx") && clause_is_at(clause, at + 1, "for"))) &&
            says_no_more(clause, at + 1)) {
            return true;
        }
    }
    return false;
}

/* "remote recipients", "outgoing mail"; but "external mail" comes from there, and "a remote mail
 * server" is one. */
static size_t find_foreign_target(const struct clause *clause, size_t foreign)
{
    size_t target = clause_find(clause, WORD_TARGET, foreign, foreign + 4);

    /* "third party mail", but "the third recipient" */
    if (clause_is_at(clause, foreign, "third") &&
        !clause_is_at(clause, foreign + 1, "party parties")) {
        return clause->count;
    }
    /* "un domaine externe", but "networks outside Germany" */
    if (target >= clause->count && clause_means_at(clause, foreign - 1, WORD_TARGET) &&
        clause_is_at(clause, foreign,
                     "externe externes externos externas esterni esterne extérieur* exteriores "
                     "zewnętrzn*")) {
        return foreign - 1;
    }
    if (clause_is_at(clause, target, "mail email") &&
        !clause_is_at(clause, foreign, "outgoing outbound third")) {
        target = clause_find(clause, WORD_TARGET, target + 1, target + 2);
    }
    return clause_is_at(clause, target + 1, "server* gateway host system service") ? clause->count
                                                                                   : target;
}

/* "... is not delivered by this host"; what was not delivered met with an accident. */
static bool is_not_passed_on(const struct clause *clause, size_t from)
{
    size_t negation = clause_find(clause, WORD_NEG, from, clause->count);

    return clause_is_at(clause, negation - 1, "is are will may must can") &&
           clause_has_word(clause, "delivered sent forwarded passed transmitted carried mailed",
                           negation + 1, negation + 3);
}

/* "other systems", "another organisation", "the outside", "elsewhere": where the mail of others
 * goes. */
static bool is_away(const struct clause *clause, size_t at)
{
    static const char others[] = "system* server* host* site* network* domain* organi* compan* "
                                 "provider* destination*";

    if (clause_is_at(clause, at, "other another")) {
        at += 1 + (size_t)clause_is_at(clause, at + 1, "mail");
        return clause_is_at(clause, at, others);
    }
    return clause_is_at(clause, at, "elsewhere outsiders") ||
           (clause_is_at(clause, at, "outside internet") && clause_is_at(clause, at - 1, "the") &&
            (at + 1 == clause->count || clause_means_at(clause, at + 1, WORD_NEG | WORD_DENY) ||
             clause_is_at(clause, at + 1, "world is")));
}

/* "this server will not pass on mail to other systems", "delivery to other organisations is
 * forbidden". */
static bool is_onward(const struct clause *clause)
{
    static const char verbs[] = "send* deliver* submit* pass* forward* hand* transfer* transmit* "
                                "carry carries mail";

    for (size_t i = 1; i < clause->count; i++) {
        size_t to = i - 1 - (size_t)clause_is_at(clause, i - 1, "the any");
        size_t negation = clause_find(clause, WORD_NEG | WORD_DENY, 0, clause->count);
        if (!is_away(clause, i) || !clause_is_at(clause, to, "to for at") ||
            clause_is_at(clause, negation - 1, "could was were has have been") ||
            !clause_has_word(clause, verbs, 0, to)) {
            continue;
        }
        if (clause_refuses(clause, 0, clause->count) ||
            (clause_has_word(clause, verbs, negation, to) &&
             !clause_means_at(clause, negation, WORD_ABLE))) {
            return true;
        }
    }
    return false;
}

/* "sending to remote addresses is not allowed", "non-local recipient refused", "you may not send
 * to external recipients". */
static bool is_foreign(const struct clause *clause)
{
    size_t foreign = clause_find(clause, WORD_FOREIGN, 0, clause->count);
    size_t negation = clause_find(clause, WORD_NEG, 0, foreign);

    return find_foreign_target(clause, foreign) < clause->count &&
           (clause->has & WORD_CLIENT) == 0 &&
           !clause_has(clause, "group* list mailbox* forwarded there") &&
           (clause_refuses(clause, foreign + 1, clause->count) ||
            is_not_passed_on(clause, foreign) ||
            (clause_is_at(clause, foreign - 1, "no") && says_no_more(clause, foreign)) ||
            (clause_is_at(clause, foreign - 1, "to for an für fuer à a para per") &&
             clause_is_at(clause, foreign - 2, "mail mails email emails") &&
             clause_means_at(clause, foreign - 3, WORD_NEG)) ||
            clause_has_word(clause, "send* deliver* submit*", negation, foreign));
}

/* "not authorized to send mail through this server". */
static bool is_no_way_out(const struct clause *clause)
{
    size_t negation = clause_find(clause, WORD_NEG | WORD_DENY, 0, clause->count);

    size_t way = negation;

    while (way < clause->count && !clause_is_at(clause, way, "through thru via")) {
        way++;
    }
    /* "send via your provider" is advice */
    return clause_has_word(clause, "send sending submit submitting", negation, clause->count) &&
           way < clause->count && !clause_is_at(clause, way + 1, "your") &&
           clause_find(clause, WORD_PERMIT | WORD_DENY, 0, clause->count) < clause->count;
}

/* Whether of the two addresses only the sender's is named. */
static bool is_of_sender(const struct sentence *whole)
{
    bool sender = false;

    for (size_t i = 0; i < whole->count; i++) {
        if ((whole->words[i].is & (WORD_NAME | WORD_SENDER | WORD_CLIENT)) == WORD_NAME) {
            return false;
        }
        sender |= whole->words[i].text[0] == CLAUSE_SENDER;
    }
    return sender;
}

bool foreign_is_senders(const struct clause *clause, const struct sentence *whole)
{
    return is_of_sender(whole) || clause_has_senders_domain(clause);
}

bool foreign_is_refused(const struct clause *clause, const struct sentence *whole,
                        const char *subject)
{
    bool person = (clause->has & WORD_PERSON) != 0 && !clause_has(clause, "domain*");

    if ((clause->has & WORD_OTHER) != 0 ||
        (!is_of_sender(whole) && (clause->has & WORD_SENDER) != 0) ||
        (subject[0] != '\0' && strchr("236", subject[0]) != NULL)) {
        return false;
    }
    return is_not_local(clause) || is_to_be_local(clause) || is_foreign(clause) ||
           is_no_way_out(clause) ||
           (!person && (whole->has & WORD_OTHER) == 0 && !has_reason(clause, whole) &&
            (is_onward(clause) || is_not_taken(clause) || is_not_among_ours(clause) ||
             is_not_served(clause) || is_exclusive(clause) || is_not_responsible(clause)));
}

bool foreign_is_heading(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        if ((clause->words[i].is & (WORD_FOREIGN | WORD_TARGET | WORD_NAME)) == 0 &&
            !clause_is_at(clause, i, "the this a is")) {
            return false;
        }
    }
    return (clause->has & WORD_FOREIGN) != 0 && (clause->has & WORD_TARGET) != 0 &&
           !clause_has(clause, "third") && (clause->has & (WORD_SENDER | WORD_CLIENT)) == 0;
}

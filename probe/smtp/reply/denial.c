#include "probe/smtp/reply/denial.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "probe/smtp/reply/clause.h"
#include "probe/smtp/reply/foreign.h"
#include "probe/smtp/reply/login.h"
#include "probe/smtp/reply/reason.h"
#include "probe/smtp/reply/scope.h"

/* ---- relaying ------------------------------------------------------------------------------- */

/* Whether the relay at `at`, which has an article, does something, or is one that has a name: "this
 * relay accepts only ...", "the relay 192.0.2.1 is not welcome". */
static bool is_subject(const struct clause *clause, size_t at)
{
    return clause_find(clause, WORD_NAME, at + 1, at + 3) < clause->count ||
           clause_is_at(
               clause, at + 1,
               "accepts takes serves handles does do did will would can cannot only has had "
               "requires needs says said refuses refused rejects rejected reports");
}

/* Whether the relay at `at` is a thing ("the relay host", "by our relay") and not the doing. */
static bool is_thing(const struct clause *clause, size_t at)
{
    size_t before = at;

    if (clause_means_at(clause, at + 1, WORD_CHECK)) {
        return true;
    }
    /* "mail relayed by 203.0.113.7": what somebody else did */
    if (clause_is_at(clause, at, "relayed") && clause_is_at(clause, at + 1, "by from via") &&
        clause_means_at(clause, at + 2, WORD_CLIENT)) {
        return true;
    }
    if (clause->words[at].length != strlen("relay")) {
        return false;
    }
    /* "(relay) message refused", but "(relay) not permitted" */
    if (clause_means_at(clause, at + 1, WORD_PLACE | WORD_CLIENT) ||
        (clause->words[at].bracketed && !clause_means_at(clause, at + 1, WORD_NEG | WORD_DENY))) {
        return true;
    }
    if (clause_is_at(clause, at - 1, "our my sending connecting")) {
        return true;
    }
    while (clause_is_at(clause, before - 1, "mail smtp email upstream")) {
        before--;
    }
    if (clause_is_at(clause, before - 1, "your")) {
        return !clause_means_at(clause, before - 2, WORD_NEG); /* "we are not your relay" */
    }
    size_t article = before;
    while (clause_is_at(clause, before - 1, "the a an this that our my your")) {
        before--;
    }
    if (before < article && is_subject(clause, at)) {
        return true;
    }
    return clause_is_at(clause, before - 1, "by at from in of behind");
}

/* RFC 3463: of the mailbox, the system, the network, or the message. */
static bool is_status_of_more(const char *subject)
{
    return subject[0] != '\0' && strchr("2346", subject[0]) != NULL;
}

/* "not allowed to relay", "we do not relay", "no relaying"; DENIAL_UNABLE for "unable to relay". */
static enum denial read_negation(const struct clause *clause, size_t relay,
                                 const struct sentence *whole, const char *subject)
{
    for (size_t i = relay; i-- > 0 && relay - i <= 12;) {
        if (clause_is_at(clause, i, "if whether in by because from but please") &&
            !scope_excepts(clause, i)) {
            return DENIAL_NONE;
        }
        if ((clause->words[i].is & WORD_NEG) == 0) {
            continue;
        }
        /* An accident, unless nothing speaks of one. */
        bool able = (clause->words[i].is & WORD_ABLE) != 0;
        if (able && ((whole->has & (WORD_OTHER | WORD_ABSENT | WORD_TIME)) != 0 ||
                     is_status_of_more(subject))) {
            return DENIAL_NONE;
        }
        if (clause_is_at(clause, i - 1, "could") ||
            clause_is_at(clause, i + 1, "pudo puede pode pôde può puo peut")) {
            return DENIAL_NONE;
        }
        /* "message not relayed: spam" */
        if (clause_is_at(clause, relay, "relayed") && (whole->has & WORD_OTHER) != 0) {
            return DENIAL_NONE;
        }
        return able ? DENIAL_UNABLE : DENIAL_RELAY;
    }
    return DENIAL_NONE;
}

/* "prohibited relay", "refuses to relay". */
static bool is_denied_before(const struct clause *clause, size_t relay)
{
    for (size_t i = relay; i-- > 0 && relay - i <= 5;) {
        if ((clause->words[i].is & WORD_DENY) != 0) {
            /* "your host is an unauthorized relay" */
            return !clause_is_at(clause, i - 1, "a an");
        }
        if (!clause_is_at(clause, i,
                          "to mail smtp open third party any as email message messages")) {
            return false;
        }
    }
    return false;
}

/* "use your provider's mail relay" */
static bool is_advised(const struct clause *clause, size_t relay)
{
    for (size_t i = relay < 5 ? 0 : relay - 5; i < relay; i++) {
        if (clause_is_at(clause, i, "use using via through") &&
            clause_has_word(clause, "your", i + 1, relay)) {
            return true;
        }
    }
    return false;
}

/* The same by another name, where no mailbox of the server's own is meant. */
static bool denies_forwarding(const struct clause *clause, const struct sentence *whole)
{
    size_t forward = 0;

    while (forward < clause->count && !clause_is_at(clause, forward, "forward*")) {
        forward++;
    }
    return forward < clause->count &&
           ((clause->has | whole->has) & (WORD_PERSON | WORD_SENDER)) == 0 &&
           (clause_refuses(clause, forward + 1, forward + 8) ||
            clause_find(clause, WORD_NEG, forward < 4 ? 0 : forward - 4, forward) < clause->count);
}

/* "you are not on the relay list", "not among our relay clients"; but a recipient who is
 * in no table of a relay is nobody. */
static bool is_off_list(const struct clause *clause)
{
    static const char lists[] = "list lists allowlist whitelist clients hosts networks domains";

    for (size_t relay = clause_find(clause, WORD_RELAY, 0, clause->count); relay < clause->count;
         relay = clause_find(clause, WORD_RELAY, relay + 1, clause->count)) {
        size_t from = relay < 8 ? 0 : relay - 8;
        size_t list = relay + 1;
        size_t negation = clause_find(clause, WORD_NEG, from, relay);
        while (clause_is_at(clause, list, "allow allowed white client")) {
            list++;
        }
        if (clause_is_at(clause, list, lists) &&
            clause_has_word(clause, "in on among of", negation, relay)) {
            return true;
        }
        if (clause_is_at(clause, relay + 1, "client customer user partner") &&
            clause_is_at(clause, relay - 1, "a") && negation + 2 == relay) {
            return true; /* "you are not a relay client of ours" */
        }
    }
    return false;
}

/* "message too large", but not "limited to local users". */
static bool says_other(const struct clause *clause)
{
    for (size_t i = clause_find(clause, WORD_OTHER, 0, clause->count); i < clause->count;
         i = clause_find(clause, WORD_OTHER, i + 1, clause->count)) {
        if (!clause_is_at(clause, i, "limited") || !clause_is_at(clause, i + 1, "to")) {
            return true;
        }
    }
    return false;
}

/* "user unknown", but not "relaying for unknown clients is off". */
static bool says_absent(const struct clause *clause)
{
    for (size_t i = clause_find(clause, WORD_ABSENT, 0, clause->count); i < clause->count;
         i = clause_find(clause, WORD_ABSENT, i + 1, clause->count)) {
        if (!clause_is_at(clause, i + 1, "clients hosts networks")) {
            return true;
        }
    }
    return false;
}

static enum denial read_relay(const struct clause *clause, const struct sentence *whole,
                              const char *subject)
{
    enum denial denial = DENIAL_NONE;

    if (is_off_list(clause)) {
        return DENIAL_RELAY;
    }
    if (says_other(clause) || says_absent(clause) ||
        ((whole->has & WORD_OTHER) != 0 && is_status_of_more(subject))) {
        return DENIAL_NONE;
    }
    for (size_t at = clause_find(clause, WORD_RELAY, 0, clause->count); at < clause->count;
         at = clause_find(clause, WORD_RELAY, at + 1, clause->count)) {
        if (is_thing(clause, at) || is_advised(clause, at)) {
            continue;
        }
        if (clause_refuses(clause, at + 1, at + 13) || is_denied_before(clause, at) ||
            scope_reserves(clause, at)) {
            return DENIAL_RELAY;
        }
        enum denial negation = read_negation(clause, at, whole, subject);
        denial = negation > denial ? negation : denial;
    }
    return denial == DENIAL_NONE && denies_forwarding(clause, whole) ? DENIAL_RELAY : denial;
}
/* Whether the clause names relaying and does nothing else: "relaying", "relay attempt". A bare
 * "relay" may be the name of the machine that speaks. */
static bool is_heading(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        if (!clause_is_at(clause, i, "third party open mail attempt access of") &&
            (clause->words[i].is & WORD_RELAY) == 0) {
            return false;
        }
    }
    return (clause->has & WORD_RELAY) != 0 &&
           (clause->count > 1 || clause->words[0].length > strlen("relay"));
}

/* Whether the clause refuses and says nothing else: "access denied", "not allowed". */
static bool is_bare_refusal(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        if ((clause->words[i].is & (WORD_DENY | WORD_NEG | WORD_PERMIT)) == 0 &&
            !clause_is_at(clause, i, "access sorry is")) {
            return false;
        }
    }
    return clause_refuses(clause, 0, clause->count);
}

/* ---- open relays ---------------------------------------------------------------------------- */

/* Whether the clause calls the client an open relay: it names one, and does not deny being one or
 * allowing it. */
static bool calls_open_relay(const struct clause *clause)
{
    size_t open = clause_find(clause, WORD_OPEN, 0, clause->count);
    size_t relay = clause_find(clause, WORD_RELAY, open, open + 4);

    if (open >= clause->count || relay >= clause->count) {
        return false;
    }
    /* Several are others' hosts: "open relays are not allowed". */
    if (clause_is_at(clause, relay, "relays") &&
        !clause_has_word(clause, "for only", relay + 1, relay + 3)) {
        return true;
    }
    if (clause_has(clause, "from by via you your listed database") &&
        !clause_has_word(clause, "to", 0, open)) {
        return true;
    }
    for (size_t i = open; i-- > 0 && open - i <= 4;) {
        if ((clause->words[i].is & WORD_NEG) != 0) {
            return false;
        }
    }
    return !clause_refuses(clause, relay + 1, relay + 5);
}

/* "relay 192.0.2.1 is not accepted": an address is a client's. */
static bool names_client_as_relay(const struct clause *clause)
{
    size_t relay = clause_find(clause, WORD_RELAY, 0, clause->count);
    size_t address = clause_find(clause, WORD_CLIENT, relay + 1, relay + 3);

    return address < clause->count &&
           !clause_has_word(clause, "to for from by", relay + 1, address) &&
           clause_refuses(clause, address + 1, clause->count);
}

static bool names_sender(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        if (clause->words[i].text[0] == CLAUSE_SENDER) {
            return true;
        }
    }
    return false;
}

/* "203.0.113.7 is not welcome", "no mail from probe.test is accepted". */
static bool refuses_client(const struct clause *clause)
{
    return (clause->has & WORD_CLIENT) != 0 && !clause_has(clause, "spf dkim dmarc sender*") &&
           !names_sender(clause) && clause_refuses(clause, 0, clause->count);
}

/* ---- other servers -------------------------------------------------------------------------- */

/* The last word of "the next hop", "our smarthost", "remote mail server"; not of "this smarthost".
 */
static bool is_other_server(const struct clause *clause, size_t at)
{
    static const char whose[] = "remote destination receiving target upstream downstream";
    size_t begin = at;

    if (clause_is_at(clause, at, "server host mta mx mailserver side system gateway exchanger")) {
        begin -= 1 + (size_t)clause_is_at(clause, at - 1, "mail smtp");
        return clause_is_at(clause, begin, whose);
    }
    begin -= clause_is_at(clause, at, "hop");
    return clause_is_at(clause, begin,
                        begin < at ? "next" : "smarthost upstream nexthop next-hop") &&
           !clause_is_at(clause, begin - 1, "this");
}

static bool is_digit_at(const struct clause *clause, size_t at)
{
    return at < clause->count && isdigit((unsigned char)clause->words[at].text[0]) != 0;
}

/* Whether the refusal behind it, or in front of it, is another server's, which ours asked or passed
 * the mail to: "smarthost says: 550 relay access denied", "relaying denied by the next hop". Then
 * ours has let us by. */
static bool quotes_another(const struct sentence *whole)
{
    static const char says[] = "say says said answer* repl* respond* return* refuse* reject* den*";
    const struct clause all = {.words = whole->words, .count = whole->count};

    for (size_t i = 0; i < all.count; i++) {
        size_t by = i;
        size_t begin = i < 4 ? 0 : i - 4;
        if (clause_is_at(&all, i, "response answer") &&
            clause_is_at(&all, i + 1, "from to after")) {
            return true;
        }
        if (!is_other_server(&all, i) && !clause_is_at(&all, i, "destination")) {
            continue;
        }
        while (by > begin && !clause_is_at(&all, by, "by")) {
            by--;
        }
        if (clause_is_at(&all, by, "by") &&
            clause_means_at(&all, by - 1, WORD_DENY | WORD_PERMIT) &&
            !clause_is_at(&all, i + 1, "polic*")) {
            return true;
        }
        /* "relaying by remote hosts denied" is said of us */
        if (is_other_server(&all, i) &&
            !clause_has_word(&all, "by from to for via through", begin, i) &&
            (clause_is_at(&all, i + 1, says) || is_digit_at(&all, i + 1))) {
            return true;
        }
    }
    return false;
}

/* ---- all ------------------------------------------------------------------------------------ */

static bool is_of_relaying(enum denial denial)
{
    return denial == DENIAL_UNABLE || denial == DENIAL_RELAY || denial == DENIAL_DESTINATION;
}

/* A denial to some says nothing of the rest. */
static enum denial narrow_down(enum denial denial, const struct clause *clause)
{
    static const enum denial of_some[] = {
        [SCOPE_PARTY] = DENIAL_NONE,
        [SCOPE_SENDERS] = DENIAL_SENDERS_DOMAIN,
    };
    enum scope scope = scope_of(clause);

    /* "user at probe.test says outside.test is not local" */
    if (denial == DENIAL_DESTINATION && scope == SCOPE_PARTY && clause_names_recipient(clause)) {
        return denial;
    }
    return scope == SCOPE_EVERYBODY ? denial : of_some[scope];
}

static enum denial read_clause(const struct clause *clause, const struct sentence *whole,
                               const char *subject)
{
    if (calls_open_relay(clause) || names_client_as_relay(clause)) {
        return DENIAL_OPEN_RELAY;
    }
    if (login_asks_for_submission(clause)) {
        return DENIAL_SUBMISSION;
    }
    if (reason_is_tls(clause)) {
        return DENIAL_TLS;
    }
    if (login_asks(clause)) {
        return narrow_down(DENIAL_AUTH, clause);
    }
    enum denial denial = read_relay(clause, whole, subject);
    if (denial == DENIAL_NONE && foreign_is_refused(clause, whole, subject)) {
        denial = foreign_is_senders(clause, whole) ? DENIAL_SENDERS_DOMAIN : DENIAL_DESTINATION;
    }
    if (is_of_relaying(denial)) {
        denial = narrow_down(denial, clause);
    }
    if (denial != DENIAL_NONE && !(is_of_relaying(denial) && reason_is_given(clause))) {
        return denial;
    }
    return refuses_client(clause) ? DENIAL_CLIENT : DENIAL_NONE;
}

static bool senders_are_beside(const struct clause *before, const struct sentence *sentence,
                               size_t behind)
{
    struct clause next = clause_at(sentence, behind);

    return scope_names_senders(before) || scope_names_senders(&next);
}

struct denial_reading denial_read(const char *text, const char *subject)
{
    struct sentence sentence;
    struct denial_reading reading = {.denial = DENIAL_NONE};

    sentence_read(text, &sentence);
    if (quotes_another(&sentence)) {
        return reading;
    }
    struct clause before = {.count = 0};
    for (size_t at = 0; at < sentence.count;) {
        struct clause clause = clause_at(&sentence, at);
        enum denial denial = read_clause(&clause, &sentence, subject);
        if (denial == DENIAL_NONE && ((is_heading(&before) && is_bare_refusal(&clause)) ||
                                      (is_bare_refusal(&before) && is_heading(&clause)))) {
            denial = DENIAL_RELAY; /* "rejected: relaying" */
        }
        if (denial == DENIAL_NONE && foreign_is_heading(&before) && is_bare_refusal(&clause)) {
            denial = DENIAL_DESTINATION;
        }
        if (is_of_relaying(denial) && senders_are_beside(&before, &sentence, at + clause.count)) {
            denial = DENIAL_SENDERS_DOMAIN;
        }
        if (is_of_relaying(denial) && reason_is_beside(&before, &sentence, at + clause.count)) {
            denial = DENIAL_NONE;
        }
        reading.denial = denial > reading.denial ? denial : reading.denial;
        reading.blocked =
            reading.blocked || (denial == DENIAL_RELAY && clause_has(&clause, "blocked banned"));
        before = clause;
        at += clause.count;
    }
    return reading;
}

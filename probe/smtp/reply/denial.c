#include "probe/smtp/reply/denial.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "probe/smtp/reply/clause.h"
#include "probe/smtp/reply/login.h"

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
    if (clause->words[at].length != strlen("relay")) {
        return false;
    }
    /* "(relay) message refused", but "(relay) not permitted" */
    if (clause_means_at(clause, at + 1, WORD_PLACE | WORD_CLIENT) ||
        (clause->words[at].bracketed && !clause_means_at(clause, at + 1, WORD_NEG | WORD_DENY))) {
        return true;
    }
    if (clause_is_at(clause, at - 1, "our my your sending connecting")) {
        return true;
    }
    while (clause_is_at(clause, before - 1, "mail smtp email upstream")) {
        before--;
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
        if (clause_is_at(clause, i, "if whether in by because from but please")) {
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

static enum denial read_relay(const struct clause *clause, const struct sentence *whole,
                              const char *subject)
{
    enum denial denial = DENIAL_NONE;

    if ((clause->has & (WORD_OTHER | WORD_ABSENT)) != 0 ||
        ((whole->has & WORD_OTHER) != 0 && is_status_of_more(subject))) {
        return DENIAL_NONE;
    }
    for (size_t at = clause_find(clause, WORD_RELAY, 0, clause->count); at < clause->count;
         at = clause_find(clause, WORD_RELAY, at + 1, clause->count)) {
        if (is_thing(clause, at) || is_advised(clause, at)) {
            continue;
        }
        if (clause_refuses(clause, at + 1, at + 13) || is_denied_before(clause, at) ||
            clause_has(clause, "only")) {
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

/* ---- the recipient's domain ----------------------------------------------------------------- */

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

/* Whether the words from `from` on give no reason and make no condition: none of them has a meaning
 * of its own. "Domain not allowed because it is disposable", "a number of domains not permitted"
 * and "not accepted on Sundays" refuse no relaying. */
static bool says_no_more(const struct clause *clause, size_t from)
{
    static const unsigned int meant = WORD_PLAIN | WORD_NEG | WORD_PERMIT | WORD_DOMAIN |
                                      WORD_OURS | WORD_TAKEN | WORD_TAKE | WORD_NAME | WORD_HERE |
                                      WORD_FOREIGN | WORD_RELAY;

    for (size_t i = from; i < clause->count; i++) {
        bool this_mx = clause_is_at(clause, i, "mx") && clause_is_at(clause, i - 1, "this our");
        if (!this_mx && (clause->words[i].is & meant) == 0) {
            return false;
        }
    }
    return true;
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
    bool here = clause_find(clause, WORD_HERE, negation, clause->count) < clause->count;

    /* "203.0.113.7 is not allowed here" is said of a client; "... is not allowed" of anything */
    if ((clause->has & WORD_CLIENT) != 0 || is_of_host(clause, negation)) {
        return false;
    }
    if ((clause->has & WORD_DOMAIN) == 0 && ((clause->has & WORD_NAME) == 0 || !here)) {
        return false;
    }
    if (clause_find(clause, WORD_TAKEN, negation, negation + 4) < clause->count) {
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
 * "local recipients only". */
static bool is_exclusive(const struct clause *clause)
{
    bool whose = (clause->has & (WORD_DOMAIN | WORD_NAME | WORD_OURS)) != 0;

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

    if (clause_is_at(clause, target, "mail email") &&
        !clause_is_at(clause, foreign, "outgoing outbound")) {
        target = clause_find(clause, WORD_TARGET, target + 1, target + 2);
    }
    return clause_is_at(clause, target + 1, "server* gateway host system service") ? clause->count
                                                                                   : target;
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

static enum denial read_destination(const struct clause *clause, const struct sentence *whole,
                                    const char *subject)
{
    bool of_sender = is_of_sender(whole);
    if ((clause->has & WORD_OTHER) != 0 || (!of_sender && (clause->has & WORD_SENDER) != 0) ||
        (subject[0] != '\0' && strchr("236", subject[0]) != NULL)) {
        return DENIAL_NONE;
    }
    bool person = (clause->has & WORD_PERSON) != 0 && !clause_has(clause, "domain*");
    bool denies = is_not_local(clause) || is_foreign(clause) || is_no_way_out(clause) ||
                  (!person && (whole->has & WORD_OTHER) == 0 && !has_reason(clause, whole) &&
                   (is_not_taken(clause) || is_not_served(clause) || is_exclusive(clause) ||
                    is_not_responsible(clause)));
    if (!denies) {
        return DENIAL_NONE;
    }
    return of_sender || clause_has_senders_domain(clause) ? DENIAL_SENDERS_DOMAIN
                                                          : DENIAL_DESTINATION;
}

/* ---- all ------------------------------------------------------------------------------------ */

static enum denial read_clause(const struct clause *clause, const struct sentence *whole,
                               const char *subject)
{
    if (calls_open_relay(clause) || names_client_as_relay(clause)) {
        return DENIAL_OPEN_RELAY;
    }
    if (login_asks_for_submission(clause)) {
        return DENIAL_SUBMISSION;
    }
    if (login_asks(clause)) {
        return DENIAL_AUTH;
    }
    enum denial relay = read_relay(clause, whole, subject);
    if (relay != DENIAL_NONE) {
        return relay;
    }
    enum denial destination = read_destination(clause, whole, subject);
    return destination == DENIAL_NONE && refuses_client(clause) ? DENIAL_CLIENT : destination;
}

struct denial_reading denial_read(const char *text, const char *subject)
{
    struct sentence sentence;
    struct denial_reading reading = {.denial = DENIAL_NONE};

    sentence_read(text, &sentence);
    struct clause before = {.count = 0};
    for (size_t at = 0; at < sentence.count;) {
        struct clause clause = clause_at(&sentence, at);
        enum denial denial = read_clause(&clause, &sentence, subject);
        if (denial == DENIAL_NONE && ((is_heading(&before) && is_bare_refusal(&clause)) ||
                                      (is_bare_refusal(&before) && is_heading(&clause)))) {
            denial = DENIAL_RELAY; /* "rejected: relaying" */
        }
        reading.denial = denial > reading.denial ? denial : reading.denial;
        reading.blocked =
            reading.blocked || (denial == DENIAL_RELAY && clause_has(&clause, "blocked banned"));
        before = clause;
        at += clause.count;
    }
    return reading;
}

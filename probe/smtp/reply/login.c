#include "probe/smtp/reply/login.h"

#include <stddef.h>

/* "log in", "sign in": WORD_AUTH in two words. */
static size_t find_auth(const struct clause *clause, size_t from)
{
    for (size_t i = from; i < clause->count; i++) {
        /* a header's name */
        if (clause_is_at(clause, i + 1, "results header*")) {
            continue;
        }
        if ((clause->words[i].is & WORD_AUTH) != 0 ||
            (clause_is_at(clause, i, "log sign logging signing") &&
             clause_is_at(clause, i + 1, "in on"))) {
            return i;
        }
    }
    return clause->count;
}

/* "sign in at our portal", "log in to your account", "log in to https://...": not to this server.
 */
static bool is_elsewhere(const struct clause *clause, size_t auth)
{
    static const char places[] = "to at on into via";
    size_t at = auth + 1 + (size_t)clause_is_at(clause, auth, "log sign logging signing");

    if (clause_find(clause, WORD_SITE, 0, clause->count) < clause->count ||
        clause_find(clause, WORD_DESK, 0, auth) < auth) {
        return true;
    }
    if (!clause_is_at(clause, at, places)) {
        return false;
    }
    do {
        at++;
    } while (clause_is_at(clause, at, "the our your a an this"));
    return clause_means_at(clause, at, WORD_NAME) ||
           clause_has_word(clause, "account accounts web webmail area interface panel dashboard",
                           at, at + 2);
}

/* "write to us to be authenticated": by people, unless one "needs to be authenticated". */
static bool is_favour(const struct clause *clause, size_t auth)
{
    return auth >= 2 && clause_is_at(clause, auth - 1, "be get") &&
           clause_is_at(clause, auth - 2, "to") &&
           (auth == 2 || !clause_is_at(clause, auth - 3, "need* have has requir*"));
}

/* "mail must be authenticated", "email authentication", "authenticated members of this group":
 * a message's or a mailbox's matter. */
static bool is_of_message(const struct clause *clause, size_t auth)
{
    for (size_t i = 0; i < auth; i++) {
        if (clause_is_at(clause, i, "mail email message messages sender client host") &&
            clause_is_at(clause, i + 1, "could")) {
            return true;
        }
        if (clause_is_at(clause, i, "mail email message messages domain domains recipient") &&
            (i + 1 == auth ||
             clause_is_at(clause, i + 1, "must should need needs requires is are has was were")) &&
            (clause->has & WORD_FOREIGN) == 0) {
            return true;
        }
    }
    for (size_t i = 1; i < clause->count; i++) {
        if (clause_is_at(clause, i, "list") && clause_is_at(clause, i - 1, "this the mailing")) {
            return true;
        }
    }
    return clause_has(clause, "group* member* mailbox* subscriber* recipient's meet") ||
           (clause_is_at(clause, auth - 1, "sender"));
}

/* "log in to relay", "please authenticate to send mail"; but "log in to see why" */
static bool is_order(const struct clause *clause, size_t auth)
{
    size_t at = auth + 1 + (size_t)clause_is_at(clause, auth, "log sign");

    return (auth == 0 || (auth == 1 && clause_is_at(clause, 0, "please"))) &&
           clause_is_at(clause, at, "to") && clause_is_at(clause, at + 1, "relay send submit");
}

/* "no authentication needed", "you need not log in", "you do not have to log in". */
static bool is_needless(const struct clause *clause, size_t auth)
{
    static const char needs[] = "need needed required require requires necessary have must";

    if (clause_is_at(clause, auth - 1, "no")) {
        return clause_has_word(clause, needs, auth + 1, auth + 4);
    }
    for (size_t i = 0; i + 1 < auth && auth - i <= 5; i++) {
        if (clause_is_at(clause, i, "not don't dont needn't") &&
            clause_is_at(clause, i + 1, "need have") && clause_is_at(clause, i + 2, "to")) {
            return true;
        }
    }
    return false;
}

/* "anonymous access is not allowed" */
static bool refuses_anonymous(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        if (clause_is_at(clause, i, "anonymous") &&
            clause_is_at(clause, i + 1,
                         "access user* client* sender* relay* login* smtp send* "
                         "connection* session*")) {
            size_t negation = clause_find(clause, WORD_NEG, i + 2, clause->count);
            return clause_refuses(clause, i + 2, clause->count) ||
                   clause_is_at(clause, negation + 1, "send relay submit deliver use");
        }
    }
    return false;
}

/* "too many unauthenticated connections" */
static bool is_of_limit(const struct clause *clause)
{
    return clause_has(clause, "rate limit* many most exceed* quota");
}

static bool asks_for_auth(const struct clause *clause)
{
    size_t auth = find_auth(clause, 0);
    size_t doubt = clause_find(clause, WORD_DOUBT, 0, clause->count);

    if (auth >= clause->count || doubt < auth || (clause->has & WORD_FAIL) != 0 ||
        is_elsewhere(clause, auth) || is_favour(clause, auth) || is_of_message(clause, auth) ||
        clause_has_senders_domain(clause) || is_needless(clause, auth) || is_of_limit(clause)) {
        return false;
    }
    for (; auth < clause->count; auth = find_auth(clause, auth + 1)) {
        /* "unauthenticated mail": SPF's and DKIM's word for a message */
        size_t negation = clause_find(clause, WORD_NEG, auth < 4 ? 0 : auth - 4, auth + 1);
        if (negation < clause->count && !clause_is_at(clause, negation - 1, "could") &&
            !clause_has_word(clause, "mail email message messages", auth + 1, auth + 3)) {
            return true;
        }
    }
    auth = find_auth(clause, 0);
    size_t negation = clause_find(clause, WORD_NEG, auth + 1, auth + 4);
    if (clause_has_word(clause, "used given done supplied performed", negation + 1, negation + 3)) {
        return true; /* "SMTP AUTH has not been used" */
    }
    size_t need = clause_find(clause, WORD_NEED, 0, clause->count);
    return is_order(clause, find_auth(clause, 0)) ||
           (need < clause->count && (need == 0 || (clause->words[need - 1].is & WORD_NEG) == 0));
}

/* "use submission", "use port 587"; "check your mail first", POP before SMTP. */
bool login_asks_for_submission(const struct clause *clause)
{
    return clause_has(clause, "submission 587 465") &&
           clause_has(clause, "use using through via must") &&
           (clause->has & (WORD_DOUBT | WORD_OTHER | WORD_FAIL | WORD_CLIENT)) == 0;
}

/* "check your mail", and not "check your mail server". */
static bool is_fetched(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        size_t mail = i + 1;
        if (!clause_is_at(clause, i, "check read fetch collect")) {
            continue;
        }
        while (clause_is_at(clause, mail, "your for new the")) {
            mail++;
        }
        if (clause_is_at(clause, mail, "mail email") &&
            !clause_is_at(clause, mail + 1, "server* address* policy policies config* dns sett*")) {
            return true;
        }
    }
    return false;
}

static bool asks_for_pop(const struct clause *clause)
{
    return (clause->has & (WORD_DOUBT | WORD_FAIL)) == 0 &&
           !clause_has(clause, "virus* spam* malware bot*") && clause_has(clause, "first before") &&
           (clause_has(clause, "pop pop3 imap") || is_fetched(clause));
}

bool login_asks(const struct clause *clause)
{
    return asks_for_auth(clause) || asks_for_pop(clause) || refuses_anonymous(clause);
}

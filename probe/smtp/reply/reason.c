#include "probe/smtp/reply/reason.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "probe/smtp/reply/scope.h"
#include "probe/smtp/reply/usual.h"

/* ---- time, place, count, size, and whatever else -------------------------------------------- */

/* "550 relaying denied", "error 17", "host.example.org 4711": a mark of the server's, no count. */
static bool is_label(const struct clause *clause, size_t at)
{
    return at == 0 || clause_means_at(clause, at - 1, WORD_NAME) ||
           clause_is_at(clause, at - 1, "error err code id rule section port said 4* 5*");
}

/* "contact your administrator", "perhaps you have not ...", "go away": what follows is no part of
 * the refusal. */
static bool is_advice(const struct clause *clause, size_t at)
{
    return clause_is_at(
               clause, at,
               "please contact see visit try check ask call help bitte perhaps maybe go get") ||
           (clause_is_at(clause, at, "send") && clause_is_at(clause, at + 1, "to") &&
            clause_means_at(clause, at + 2, WORD_NAME));
}

/* "500", "18:00": a count or a time, not "3rd", and not a mark of one digit. */
static bool is_number(const struct word *word)
{
    for (size_t i = 0; i < word->length; i++) {
        if (isdigit((unsigned char)word->text[i]) == 0 && strchr(".,:-%", word->text[i]) == NULL) {
            return false;
        }
    }
    return word->length > 1 && isdigit((unsigned char)word->text[0]) != 0;
}

/* Before a refusal a server may say anything, a greeting or a joke: "one moment, you are a
 * stranger, so relaying is denied". There only words count by which conditions and reasons are
 * given. */
static bool has_condition(const struct clause *clause, size_t end)
{
    static const char words[] =
        "after before during until till when whenever while if unless between outside within "
        "too "
        "hour hours night* day days daily week* weekend* holiday* maintenance country countries "
        "region* nation* policy policies reputation score* bulk marketing oversize* long small "
        "large spf dkim dmarc ptr rdns greylist* graylist* blocklist* blacklist* tls ssl starttls "
        "encrypt* allowance* exhaust* exceed* enough budget paid pay bill* abuse volume traffic "
        "load busy";

    for (size_t i = 0; i < end && i < clause->count; i++) {
        if (((clause->words[i].is & WORD_OTHER) != 0 && (clause->words[i].is & usual_meant) == 0) ||
            (clause_is_at(clause, i, words) && !scope_excepts(clause, i)) ||
            (is_number(&clause->words[i]) && !is_label(clause, i))) {
            return true;
        }
    }
    return false;
}

bool reason_is_given(const struct clause *clause)
{
    size_t begin = clause_find(clause,
                               WORD_RELAY | WORD_NEG | WORD_DENY | WORD_PERMIT | WORD_FOREIGN |
                                   WORD_TAKE | WORD_DOMAIN,
                               0, clause->count);
    if (begin == clause->count) {
        begin = 0;
    } else if (has_condition(clause, begin)) {
        return true;
    }
    for (size_t i = begin; i < clause->count && !is_advice(clause, i); i++) {
        bool number =
            !usual_has(clause, i) && isdigit((unsigned char)clause->words[i].text[0]) != 0;
        bool known =
            number ? is_label(clause, i)
                   : usual_knows(clause, i) || scope_is_word(clause, i) || scope_excepts(clause, i);
        known = known && !clause_is_at(clause, i, "temporar* moment minute* second*");
        known |= clause_is_at(clause, i, "than") && clause_is_at(clause, i - 1, "other");
        bool mark = clause->words[i].bracketed && clause->words[i].length <= 2;
        if (!known && !mark) {
            return true;
        }
    }
    return false;
}

bool reason_is_beside(const struct clause *before, const struct sentence *sentence, size_t behind)
{
    if (!is_advice(before, 0) && has_condition(before, before->count)) {
        return true;
    }
    while (behind < sentence->count) {
        struct clause clause = clause_at(sentence, behind);
        if (is_advice(&clause, (size_t)clause_is_at(&clause, 0, "so for"))) {
            return false;
        }
        if (reason_is_given(&clause)) {
            return true;
        }
        behind += clause.count;
    }
    return false;
}

/* ---- TLS ------------------------------------------------------------------------------------ */

/* "connection", in front of which or behind which it says "secure" */
static const char sessions[] = "connection* session* channel* link* transport verbindung* sitzung* "
                               "connexion* conexión* conexion* conexão connession* verbinding* "
                               "połączeni* соединени*";

/* Where the clause speaks of TLS. */
static size_t find_tls(const struct clause *clause)
{
    static const char words[] = "starttls tls tlsv* ssl encrypt* verschlüssel* chiffr* cifrad* "
                                "crittogra* cifrat* criptogra* versleutel* szyfrowan* шифр*";
    static const char secure[] = "secure secured sicher* gesicher* sécuris* segur* sicur* "
                                 "beveiligd* bezpieczn* защищ*";

    for (size_t i = 0; i < clause->count; i++) {
        if (clause_is_at(clause, i, words) ||
            (clause_is_at(clause, i, secure) &&
             (clause_is_at(clause, i + 1, sessions) || clause_is_at(clause, i - 1, sessions)))) {
            return i;
        }
    }
    return clause->count;
}

/* "unencrypted connections are not accepted" */
static bool refuses_clear_text(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        size_t session = i + 1 + (size_t)clause_is_at(clause, i + 1, "text tcp smtp");
        if (clause_is_at(clause, i, "unencrypted plaintext cleartext plain clear insecure") &&
            clause_is_at(clause, session, sessions)) {
            return (clause->has & (WORD_NEG | WORD_DENY)) != 0;
        }
    }
    return false;
}

/* "message must be encrypted", "encrypted mail only": not the session */
static bool is_of_message(const struct clause *clause, size_t tls)
{
    return !clause_has(clause, sessions) && !clause_is_at(clause, tls, "starttls tls tlsv* ssl") &&
           clause_has_word(clause, "mail email message* content attachment* file*", 0, tls + 2);
}

bool reason_is_tls(const struct clause *clause)
{
    size_t tls = find_tls(clause);
    size_t auth = clause_find(clause, WORD_AUTH, 0, clause->count);
    size_t need = clause_find(clause, WORD_NEED, 0, clause->count);
    size_t negation = clause_find(clause, WORD_NEG, 0, clause->count);

    if (refuses_clear_text(clause)) {
        return true;
    }
    /* "authentication over TLS is required" asks for the former */
    if (tls >= clause->count || auth < tls || (clause->has & WORD_FAIL) != 0 ||
        is_of_message(clause, tls)) {
        return false;
    }
    if (clause_is_at(clause, tls - 1, "without ohne sans sin senza zonder sem bez без") ||
        clause_is_at(clause, tls - 2, "without")) {
        return true;
    }
    if (clause_is_at(clause, tls - 1, "not") && clause_has(clause, sessions)) {
        return true; /* "the session is not encrypted" */
    }
    return need < clause->count && negation >= clause->count;
}

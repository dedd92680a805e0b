#include "probe/smtp/reply/reason.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* ---- time, place, count, size, and whatever else -------------------------------------------- */

/* The words that a refusal to relay is made of, besides the words that the vocabulary knows. Words
 * for a country, a time, a number or a property of the message are not here, nor is "during" or
 * "until".
 */
static const char *const usual[] = {
    /* who asks, for what, of whom */
    "access attempt* people people's party parties ip smtp esmtp tcp network* customer* 3rd "
    "clients strangers "
    "outsider* public world internal private organi* company forward* operation* transaction* "
    "request* command* transfer* traffic function* feature* service* computer* machine* "
    "gateway* exchanger* mx mta cluster msg agreement name forged action available guest* imsva "
    "sophos utm tenantattribution whitelist* allowlist* administrat* administrator security "
    "reason* due because since therefore purpose* behalf others other another else anyone "
    "anybody everyone all who whom which their them these those its it's i i'm we're you're "
    "they're am me has have had been being but so just simply strictly absolutely explicitly "
    "generally always act acts acting serve among through using used via one part anonymous "
    "mailhost* sending mailed pass* hand* carry carries submit* transmit* said says switched "
    "turned logged attempted err error unknown valid cert closing bye goodbye code id rule section",
    /* German */
    "ein eine einen einem einer eines den dem des vom von zu zum zur an im in als mit durch "
    "über ueber nach aus hier nur leider ihr ihre ihren ihrem ihrer sie wir uns unser* und oder "
    "andere* server* system* rechner zustell* zielserver* zuständig dürfen darf können leiten "
    "weiter netz* netze* mails nachricht* versand zugriff zugang empfänger* empfaenger* "
    "absender* kunden benutzer* leitet",
    /* French */
    "les l d d'autre* l'accès l'envoi l'extérieur un une à a au aux vers chez ce cet cette ces "
    "votre vos notre nos sont serveur* courrier* courriel* accès acces autre* autres réseau* "
    "utilisateur* avez n'avez envoi depuis",
    /* Spanish, Portuguese */
    "los las una del al en por su sus se está servidor* correo* acceso* mensaje* otro* otros "
    "usuario* cliente* red redes hace hacer envío o os as um uma do dos das em neste acesso* "
    "mensage* correio outro* terceiros rede faz fazer e usuári* través usted ustedes tiene você "
    "vocês tem têm",
    /* Italian */
    "gli dei della dal questa posta accesso altri altro verso tuo vostro utent* rete reti fa "
    "fare hai avete invio attraverso",
    /* Dutch, Swedish, Danish, Norwegian */
    "het een van voor door dit deze zijn wordt naar ander andere anderen ontvanger* afzender* "
    "domein* bericht* toegang post gebruiker* netwerk* uw till til för av från fra denna denne "
    "dette detta er är meddel* andra andre genom gjennom gennem domän* åtkomst tilgang adgang",
    /* Polish */
    "na dla przez z ze w jest są ten ta tego serwer* poczt* dostęp wiadomoś* inn* domen* "
    "użytkown* wysyła* sieci",
    /* Russian */
    "для отправк* Отправк* на в с к по через этот этого этой сервер* Сервер* почт* Почт* "
    "доступ* Доступ* сообщен* писем друг* сети сетей вам вы мы пользовател* клиент*",
};

static bool is_usual(const struct clause *clause, size_t at)
{
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (clause_is_at(clause, at, usual[i])) {
            return true;
        }
    }
    return false;
}

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

/* Of these roles a word gives no reason. */
static const unsigned int meant = WORD_RELAY | WORD_NEG | WORD_DENY | WORD_PERMIT | WORD_AUTH |
                                  WORD_NEED | WORD_FAIL | WORD_ABSENT | WORD_TIME | WORD_DOMAIN |
                                  WORD_OURS | WORD_TAKEN | WORD_TAKE | WORD_PERSON | WORD_SENDER |
                                  WORD_FOREIGN | WORD_TARGET | WORD_NAME | WORD_OPEN | WORD_HERE |
                                  WORD_PLACE | WORD_CLIENT | WORD_PLAIN | WORD_HOST;

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
        if (((clause->words[i].is & WORD_OTHER) != 0 && (clause->words[i].is & meant) == 0) ||
            clause_is_at(clause, i, words) ||
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
        bool number = !is_usual(clause, i) && isdigit((unsigned char)clause->words[i].text[0]) != 0;
        bool known = number ? is_label(clause, i)
                            : (clause->words[i].is & meant) != 0 || is_usual(clause, i);
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

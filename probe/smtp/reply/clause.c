#include "probe/smtp/reply/clause.h"

#include <ctype.h>
#include <string.h>

/* Words, divided by blanks; "*" stands for any ending. */
static const struct {
    unsigned int is;
    const char *words;
} vocabulary[] = {
    /* Nouns where the language has others than "relay": its verbs are what any mail system does.
       Only Latin letters are made small. */
    {WORD_RELAY, "relay* openrelay* relai* gatewaying weiterleit* retransmisi* retransmiss* "
                 "reenvio reenvío reenvios reenvíos inoltro reencaminhamento encaminhamento "
                 "relä* doorsturen doorzenden przekazywani* vidarebefordran videresendelse релей* "
                 "Релей* релея* релеин* Релеин* ретрансл* Ретрансл* пересылк* Пересылк*"},
    {WORD_OPEN, "open insecure openrelay* offene* ouvert abierto aperto"},
    {WORD_NEG, "not no nobody never non nor neither none lack lacks without unwilling unauthent* "
               "dont doesnt isnt wont "
               "nicht kein* pas sin niet geen nie inte ej ikke nao não не нет "
               "Не Нет ne"},
    {WORD_NEG | WORD_ABLE, "cannot unable cant can't impossible"},
    {WORD_DENY,
     "deny* denie* denial* refus* reject* prohibit* forbid* disallow* disable* unauthori* "
     "restricted illegal "
     "invalid declin* unaccept* unpermitted off blocked banned verboten verweiger* untersagt "
     "abgelehnt gesperrt interdit* denegad* prohibid* rechaz* negad* negat* vietat* nekad* "
     "nekas nekat nekt* nægt* avvis* afvis* "
     "rifiutat* proibid* recusad* geweigerd zabron* odmow* odmów* niedozwol* niedopuszcz* "
     "запрещ* отказ* отклон* Запрещ* Отказ* Отклон*"},
    {WORD_PERMIT,
     "allow* permit* permiss* authori* accept* support* provid* offer* enabl* configur* "
     "possib* toler* right* privileg* willing erlaubt gestattet autoris* autoriz* permis* "
     "consentit* ammess* welcome grant* toegestaan tillåt* tilladt tillatt dozwol* zezwol* "
     "разреш* Разреш*"},
    {WORD_AUTH, "auth auths authent* unauthent* credentials sasl smtpauth login "
                "logon logged autenti* anmeld* "
                "uwierzytel* аутентифик* авторизац* Аутентифик* "
                "Авторизац*"},
    {WORD_NEED,
     "requir* need* necess* mandatory must first please before should oblig* compulsory only "
     "use enable turn turned missing expected demanded have erforderlich notwendig requis* "
     "requer* requier* richiest* necesari* vereist send issue bitte "
     "muss* zuerst benötigt wymaga* krävs debe debes deberá deve devi devono doit devez måste "
     "skal musisz antes avant требу* необходим* Требу* "
     "Необходим*"},
    {WORD_FAIL,
     "fail* incorrect wrong mechanism* temporar* unsupported unavailable invalid method*"},
    {WORD_OTHER,
     "connect* timeout* timed lookup* dns route* unreachable spam* virus* malware phish* "
     "content mailbox* quota full loop* hop* size big large many rate* limit* table* map* "
     "queue* attachment* resolv* certif* literal*"},
    {WORD_ABSENT, "unknown found exist* known such"},
    {WORD_TIME, "later tempor* again retry wait minute* second* timeout* moment currently"},
    {WORD_DOMAIN, "domain* destination* zone domäne* dominio* domini domínio*"},
    {WORD_OURS, "local* our ours my mine own"},
    {WORD_TAKEN,
     "accepted allowed permitted handled served hosted managed configured taken relayed "
     "recognized recognised supported listed local ours responsible authoritative "
     "deliverable belong belongs verwaltet bedient gehostet akzeptiert géré hébergé accepté "
     "autorisé permitido aceptado admitido hospedado gestito ammesso consentito"},
    {WORD_TAKE,
     "accept* take takes taking handl* receiv* deliver* host hosts hosting serve serves serving "
     "process* relay* provide provides"},
    {WORD_PERSON, "user* account* mailbox* member* group* person* address subscriber*"},
    {WORD_SENDER, "sender* from client* helo ehlo originat*"},
    {WORD_FOREIGN,
     "remote external outside foreign outbound outgoing nonlocal third fremde fremden "
     "externe externen externes externos externas esterni esterne extérieur* "
     "exteriores zewnętrzn* внешн*"},
    {WORD_TARGET, "address* recipient* domain* destination* deliver* mail email* network* "
                  "adres* indirizz* direcci* endereço* empfänger* domäne* dominio* domini* "
                  "destinat* domínio* домен* адрес*"},
    {WORD_DOUBT, "maybe perhaps probably possibly if whether"},
    {WORD_HERE, "here location server system site machine cluster list lists our us mta "
                "hier ici aquí aqui qui"},
    {WORD_PLACE,
     "recipient recipients table host hosts server servers map maps list agent filter queue "
     "lookup user users error hop loop problem* issue* question* message messages "
     "connection* session* client failure policy"},
    {WORD_CHECK,
     "test tests testing check checks probe probes probing scan scans scanner scanning"},
    {WORD_PLAIN,
     "a an the this that these it is are was be being to for of at on in by as and or from "
     "through thru via sorry please any such specified requested given recipient* "
     "rcpt* mail email mails emails messages addresses target hosts here rcpthosts gateway port "
     "with "
     "wird werden ist sind il lo n'est die der das dieser diesem diesen auf für fuer est par ce le "
     "la de "
     "du sur pour es el este esta en para è di da questo per é destino "
     "we you i they will do does may can only your its service services"},
    {WORD_DESK,
     "postmaster* administrator* admin helpdesk hostmaster webmaster contact write ticket"},
    {WORD_SITE, "portal website page form delist* removal removed unblock* captcha"},
};

static bool is_it(const struct word *word, const char *at)
{
    size_t same = 0;

    while (same < word->length && at[same] == word->text[same]) {
        same++;
    }
    return at[same] == '*' || (same == word->length && (at[same] == ' ' || at[same] == '\0'));
}

/* Those that begin with another letter are passed over at once: the lists are long, and to look at
 * each of their words was a third of what an audit cost the processor (measured). */
static bool is_one_of(const struct word *word, const char *words)
{
    const char begins[] = {' ', word->text[0], '\0'};

    if (word->length == 0) {
        return false;
    }
    for (const char *at = words; at != NULL; at = strstr(at, begins)) {
        at += *at == ' ';
        if (is_it(word, at)) {
            return true;
        }
    }
    return false;
}

static unsigned int meaning(const struct word *word)
{
    unsigned int is = word->text[0] == CLAUSE_NAME     ? WORD_NAME
                      : word->text[0] == CLAUSE_SENDER ? WORD_NAME | WORD_SENDER
                      : word->text[0] == CLAUSE_CLIENT ? WORD_NAME | WORD_CLIENT
                      : word->text[0] == CLAUSE_HOST   ? WORD_NAME | WORD_HOST
                      : word->text[0] == CLAUSE_OTHER || word->text[0] == CLAUSE_NETWORK
                          ? WORD_NAME | WORD_CLIENT | WORD_ELSE
                          : 0;

    for (size_t i = 0; i < sizeof(vocabulary) / sizeof(vocabulary[0]); i++) {
        if (is_one_of(word, vocabulary[i].words)) {
            is |= vocabulary[i].is;
        }
    }
    /* "don't", "isn't", "won't" */
    if (word->length > 3 && memcmp(word->text + word->length - 3, "n't", 3) == 0) {
        is |= WORD_NEG;
    }
    return is;
}

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || c == '\'';
}

/* Whether these are marks that end a clause: a full stop or a colon not within a word, a comma, a
 * hyphen by itself, a bracket round more than one word. */
static bool ends_clause(const char *marks, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(",;!?", marks[i]) != NULL) {
            return true;
        }
        if (strchr(".:-", marks[i]) != NULL && (marks[i + 1] == ' ' || marks[i + 1] == '\0') &&
            (marks[i] != '-' || i > 0)) {
            return true;
        }
        size_t inside = marks[i] == '(' ? strcspn(marks + i, " )") : 0;
        if (inside > 0 && marks[i + inside] != ')') {
            return true;
        }
    }
    return false;
}

static bool is_mark(char c)
{
    return c == CLAUSE_NAME || c == CLAUSE_SENDER || c == CLAUSE_CLIENT || c == CLAUSE_HOST ||
           c == CLAUSE_OTHER || c == CLAUSE_NETWORK;
}

/* Apostrophes round a word are quotes. */
static void unquote(struct word *word)
{
    while (word->length > 0 && word->text[0] == '\'') {
        word->text++;
        word->length--;
    }
    while (word->length > 0 && word->text[word->length - 1] == '\'') {
        word->length--;
    }
}

void sentence_read(const char *text, struct sentence *out)
{
    out->count = 0;
    out->has = 0;
    for (const char *at = text; *at != '\0' && out->count < WORDS_MAX;) {
        struct word word = {.text = at, .bracketed = at > text && strchr("([", at[-1]) != NULL};
        if (is_mark(*at)) {
            word.length = 1;
        } else {
            while (is_letter(at[word.length])) {
                word.length++;
            }
        }
        at += word.length;
        unquote(&word);
        size_t marks = 0;
        while (at[marks] != '\0' && !is_mark(at[marks]) && !is_letter(at[marks])) {
            marks++;
        }
        if (word.length > 0) {
            word.is = meaning(&word);
            out->has |= word.is;
            out->ends[out->count] = false;
            out->words[out->count++] = word;
        }
        if (out->count > 0 && ends_clause(at, marks)) {
            out->ends[out->count - 1] = true;
        }
        at += marks;
    }
}

struct clause clause_at(const struct sentence *sentence, size_t first)
{
    struct clause clause = {.words = sentence->words + first};

    while (first + clause.count < sentence->count && clause.count < CLAUSE_MAX) {
        size_t at = first + clause.count++;
        clause.has |= sentence->words[at].is;
        if (sentence->ends[at]) {
            break;
        }
    }
    return clause;
}

size_t clause_find(const struct clause *clause, unsigned int is, size_t from, size_t to)
{
    to = to < clause->count ? to : clause->count;
    while (from < to && (clause->words[from].is & is) == 0) {
        from++;
    }
    return from < to ? from : clause->count;
}

bool clause_has_word(const struct clause *clause, const char *words, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < clause->count; i++) {
        if (is_one_of(&clause->words[i], words)) {
            return true;
        }
    }
    return false;
}

bool clause_is_at(const struct clause *clause, size_t at, const char *words)
{
    return at < clause->count && is_one_of(&clause->words[at], words);
}

bool clause_means_at(const struct clause *clause, size_t at, unsigned int is)
{
    return at < clause->count && (clause->words[at].is & is) != 0;
}

bool clause_has(const struct clause *clause, const char *words)
{
    return clause_has_word(clause, words, 0, clause->count);
}

bool clause_refuses(const struct clause *clause, size_t from, size_t to)
{
    to = to < clause->count ? to : clause->count;
    for (size_t i = from; i < to; i++) {
        unsigned int is = clause->words[i].is;
        /* "the relay refused the connection": somebody else's word */
        if ((is & WORD_DENY) != 0 &&
            !clause_is_at(clause, i + 1, "the your this that it message mail")) {
            return true;
        }
        if ((is & WORD_NEG) != 0 &&
            clause_find(clause, WORD_PERMIT, i + 1, i + 5) < clause->count) {
            return true;
        }
    }
    return false;
}

bool clause_has_senders_domain(const struct clause *clause)
{
    for (size_t i = 1; i < clause->count; i++) {
        if ((clause->words[i].is & WORD_DOMAIN) != 0 &&
            clause_is_at(clause, i - 1, "your sending sender*")) {
            return true;
        }
    }
    return false;
}

bool clause_names_recipient(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        if (clause->words[i].text[0] == CLAUSE_NAME) {
            return true;
        }
    }
    return false;
}

#include "probe/smtp/reply/usual.h"

#include <stddef.h>

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
    "proofpoint chkuser yandex mimecast barracuda icewarp mdaemon kerio zimbra haraka stalwart "
    "maddy "
    "hmailserver opensmtpd powermta halon postfix exim sendmail qmail "
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

bool usual_has(const struct clause *clause, size_t at)
{
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (clause_is_at(clause, at, usual[i])) {
            return true;
        }
    }
    return false;
}

/* Of these roles a word gives no reason. */
const unsigned int usual_meant = WORD_RELAY | WORD_NEG | WORD_DENY | WORD_PERMIT | WORD_AUTH |
                                 WORD_NEED | WORD_FAIL | WORD_ABSENT | WORD_TIME | WORD_DOMAIN |
                                 WORD_OURS | WORD_TAKEN | WORD_TAKE | WORD_PERSON | WORD_SENDER |
                                 WORD_FOREIGN | WORD_TARGET | WORD_NAME | WORD_OPEN | WORD_HERE |
                                 WORD_PLACE | WORD_CLIENT | WORD_PLAIN | WORD_HOST;

bool usual_knows(const struct clause *clause, size_t at)
{
    return (clause->words[at].is & usual_meant) != 0 || usual_has(clause, at);
}

#include "probe/smtp/reply/reply_class.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "probe/model/result.h"
#include "probe/smtp/reply/denial.h"
#include "probe/smtp/reply/reply_words.h"

/*
 * The conditions of a row on a reply; everything that it names must hold.
 *
 * Words are lower case; alternatives are divided by '|'; '^' and '$' stand for the text's ends.
 * They are looked for in the server's own words, with "relaying" written as "relay" (see
 * reply_words.h).
 */
struct pattern {
    enum outcome outcome;
    int code;             /* 4 or 5 a class, else exact; 0 = any */
    const char *enhanced; /* alternatives without the class ("7.1"; "7." = all below); NULL = any,
                             "" = none given */
    const char *words;    /* one alternative must occur; NULL = none needed */
    const char *also;     /* and one of these; NULL = none needed */
    unsigned int denials; /* of DENIES(): the clauses must say one of these; 0 = any */
    enum {
        ANY_COMMAND,
        MAIL_ONLY, /* only an answer to MAIL means this */
        RCPT_ONLY, /* likewise, or to what follows it */
        DATA_ONLY,
    } command;
};

#define DENIES(denial) (1U << (denial))
#define DENIES_RELAY   (DENIES(DENIAL_UNABLE) | DENIES(DENIAL_RELAY) | DENIES(DENIAL_DESTINATION))
#define DENIES_AUTH    (DENIES(DENIAL_AUTH) | DENIES(DENIAL_SUBMISSION))

/* Of languages without blanks between words: "relay", and the reasons that are others than
 * relaying: reputation, spam, size, count, time, country, attachments. */
static const char asian_relay[] = "中继|中繼|中転|中継|转发|轉發|转寄|轉寄|転送|リレー|릴레이";
static const char asian_reasons[] =
    "評価|評判|信誉|信譽|评分|평판|迷惑|スパム|垃圾|스팸|"
    "サイズ|容量|大小|크기|mb|kb|超え|超過|超过|초과|上限|件数|数量|過多|过多|"
    "時間|夜間|昼間|期間|时间|夜间|期间|시간|야간|国|國|국가|附件|添付|첨부";

/*
 * First match wins, so the order is from what must not be mistaken for a refused relay, over those
 * refusals, to the rest. A refusal to relay is known by its grammar (denial.h): a row is for what
 * has no such form. Each has its lines in tests/unit/replies-more.tsv.
 */
static const struct pattern patterns[] = {
    /* A filter's word on what is in a message is none on whom the server relays for. */
    {OUTCOME_RECIPIENT_REFUSED,
     .words = "spam|virus|infect|malware|phish|filter|content|attachment|signature|header|"
              "subject|score| dlp |data loss|sensitive|confidential| body|dkim|dmarc| spf|"
              "unsolicited|suspicious|encoding| mime| url",
     .command = DATA_ONLY},
    {OUTCOME_RECIPIENT_REFUSED, .words = "policy|policies| rule", .command = DATA_ONLY,
     .denials = DENIES(DENIAL_DESTINATION)},
    {OUTCOME_GREYLISTED, .code = 4,
     .words = "greylist|graylist|grey list|gray list|grey-list|gray-list|come back in|"
              "come back later"},
    /* rspamd; the same words with others round them are a filter's or a queue's trouble */
    {OUTCOME_GREYLISTED, .code = 451, .enhanced = "7.1",
     .words = "^try again later$|^try again later.$"},

    /* Words that the server only hands on: what another host answered when an address was verified
       there. */
    {OUTCOME_SENDER_REFUSED,
     .words = "sender address rejected|sender verif|verify sender|sender callout|"
              "verification failed for sender"},
    {OUTCOME_RECIPIENT_REFUSED,
     .words = " said: | said 4| said 5|in reply to |remote server r|remote host r|remote mta r|"
              " upstream r|callout|callback|response: |"
              "undeliverable address|unverified address|recipient verif|verification failed"},

    /* Exchange, of a mailbox or a group that it knows: some need who writes to it to be logged in
     */
    {OUTCOME_RECIPIENT_REFUSED, .words = "resolver.rst|resolver.adr"},

    {OUTCOME_TLS_REQUIRED, .denials = DENIES(DENIAL_TLS)},
    {OUTCOME_TLS_REQUIRED, .words = "tls| ssl|暗号|加密", .also = "必要|必須|必须|需要|要求"},
    {OUTCOME_TLS_REQUIRED, .code = 5, .enhanced = "7.10|7.11"},

    {OUTCOME_RELAY_DENIED, .code = 5, .words = "my list of allowed rcpthosts",
     .denials = ~DENIES_AUTH},
    {OUTCOME_RELAY_DENIED, .code = 5, .words = "not in|isn't in", .also = "rcpthosts",
     .denials = ~DENIES_AUTH},
    {OUTCOME_RELAY_DENIED, .code = 5, .words = "invalid credentials for relay"}, /* Gmail's relay */
    {OUTCOME_AUTH_REQUIRED, .words = "client was not authenticated"},
    {OUTCOME_AUTH_REQUIRED, .denials = DENIES(DENIAL_SUBMISSION)}, /* maddy, with 5.1.8 */

    {OUTCOME_CLIENT_REFUSED, .words = "possibly forged hostname for"}, /* Sendmail, with 4.1.8 */
    {OUTCOME_SENDER_REFUSED, .words = "service unavailable; sender address"}, /* Postfix's RHSBL */
    {OUTCOME_SENDER_REFUSED, .enhanced = "1.7|1.8|7.20|7.21|7.22|7.23|7.24|7.26|7.27|7.60|7.515"},
    {OUTCOME_RECIPIENT_REFUSED, .enhanced = "7.520"}, /* Exchange, of mail that a user forwards */

    /* Refused for who asks. Often with 5.7.1 and "access denied": nothing about relaying. */
    {OUTCOME_CLIENT_REFUSED, .enhanced = "7.25"},
    {OUTCOME_CLIENT_REFUSED, .denials = DENIES(DENIAL_OPEN_RELAY)},
    {OUTCOME_CLIENT_REFUSED,
     .words = "client host|helo command|ehlo command|invalid helo|bad helo|helo/ehlo|"
              "blocked|listed at|listed in|listed by|listed on|is listed|dnsbl| rbl|spamhaus|"
              "spamcop|barracudacentral|sorbs|blacklist|black list|blocklist|block list|denylist|"
              "banned|reputation|dynamic ip|dialup|dial-up|"
              "reverse dns|reverse hostname| rdns| ptr |fcrdns|unsolicited|spammer|"
              "too many connections|too much mail from|too many recipients from|ip you're using|"
              "mail from your host|mail from your server|from your ip|your country is not"},
    {OUTCOME_CLIENT_REFUSED, .words = "your relay|your mail relay|your smtp relay",
     .denials = ~DENIES(DENIAL_RELAY)}, /* "we are not your relay" */
    {OUTCOME_CLIENT_REFUSED, .words = " helo ",
     .also = "invalid|not valid|fqdn|qualified|resolve|require|first|literal|syntax|spoof|"
             "impersonat|forged|bogus|illegal|mismatch|wrong"},
    {OUTCOME_CLIENT_REFUSED, .words = " helo ",
     .denials = ~(DENIES(DENIAL_UNABLE) | DENIES(DENIAL_RELAY) | DENIES_AUTH)},

    /* Refused for who is said to write. */
    {OUTCOME_SENDER_REFUSED, .denials = DENIES(DENIAL_SENDERS_DOMAIN)},
    {OUTCOME_SENDER_REFUSED,
     .words = "sender rejected|sender denied|sender domain|sender address|domain of sender|"
              "sender id |message not auth|message is not auth|mail not auth|mail is not auth|"
              "envelope sender|badmailfrom|this sender|local sender|return path|return-path|"
              "absender|expéditeur|expediteur|remitente|mittente|remetente|отправител|发件人|"
              "發件人|送信者|"
              "envelope from| spf|openspf|dkim|dmarc|send as "},
    {OUTCOME_SENDER_REFUSED, .code = 4,
     .words = "resolver error"}, /* Haraka, of the sender alone */
    /* At MAIL there is no other address. */
    {OUTCOME_SENDER_REFUSED, .code = 4, .enhanced = "1.", .command = MAIL_ONLY},
    {OUTCOME_SENDER_REFUSED, .code = 4,
     .words = "sender|from address|resolve|resolvable|literal|domain not found|unknown domain|"
              "no such domain|your domain|host not found|nxdomain|ebadname|enotfound| mx ",
     .command = MAIL_ONLY},

    /* A 4xx is a firm no only when nothing in it says that it will pass. */
    {OUTCOME_DEFERRED, .code = 4,
     .words = "later|tempor|try again|try another|retry|wait| minute| second|timeout|timed out|"
              "time out|no answer|cannot read|can't read|could not read|cannot open|can't open|"
              "could not open|cannot look|busy|overload|storage|disk full|an hour|per hour|"
              " now |currently|the moment|this time|at present",
     .denials = DENIES_RELAY | DENIES_AUTH},
    {OUTCOME_AUTH_REQUIRED, .denials = DENIES_AUTH},
    {OUTCOME_RELAY_DENIED, .denials = DENIES(DENIAL_RELAY)},
    {OUTCOME_RELAY_DENIED, .code = 5, .denials = DENIES(DENIAL_UNABLE)},
    /* Without a word on policy, a 4xx tells what failed. */
    {OUTCOME_RELAY_DENIED, .code = 4, .enhanced = "7.", .denials = DENIES(DENIAL_UNABLE)},
    {OUTCOME_RELAY_DENIED, .command = RCPT_ONLY, .denials = DENIES(DENIAL_DESTINATION)},
    /* Plesk and others: "you are trying to use me as a relay, but I have not been configured to let
       you do this" */
    {OUTCOME_RELAY_DENIED, .code = 5, .words = "as a relay", .also = "not been configured to let"},
    /* "relay" and "refused", "log-in" and "needed", where no blanks divide words */
    {OUTCOME_DEFERRED, .code = 4, .words = asian_relay, .also = asian_reasons},
    {OUTCOME_RECIPIENT_REFUSED, .words = asian_relay, .also = asian_reasons},
    {OUTCOME_RELAY_DENIED, .words = asian_relay,
     .also = "拒绝|拒絕|拒否|禁止|不允许|不允許|不支持|许可されて|許可されて|许可して|許可して|"
             "无权|無權|"
             "거부|금지|허용되지"},
    {OUTCOME_AUTH_REQUIRED, .words = "认证|認證|認証|身份验证|身份驗證|登录|登錄|ログイン",
     .also = "需要|必须|必須|必要|要求|请先|請先"},
    /* Postfix's reject; with 5.4.1 it is Exchange Online's word for a mailbox that it does not know
     */
    {OUTCOME_RELAY_DENIED, .enhanced = "7.", .words = "recipient address rejected: access denied"},
    /* OpenSMTPD and Haraka say so of every recipient that no rule of theirs takes */
    {OUTCOME_RELAY_DENIED, .code = 550, .enhanced = "", .words = "^invalid recipient:$"},
    {OUTCOME_RELAY_DENIED, .code = 550, .enhanced = "", .words = "^i cannot deliver mail for$"},
    {OUTCOME_RELAY_DENIED, .code = 551, .words = "user not local"},
    /* hMailServer */
    {OUTCOME_RELAY_DENIED, .code = 550, .enhanced = "",
     .words = "^delivery is not allowed to this address"},

    {OUTCOME_CLIENT_REFUSED, .code = 5, .denials = DENIES(DENIAL_CLIENT)},
    {OUTCOME_SENDER_REFUSED, .words = "mail from"},
    {OUTCOME_RECIPIENT_REFUSED, .enhanced = "1.1|1.2|1.3|1.6|1.10"},
    {OUTCOME_RECIPIENT_REFUSED, .code = 5,
     .words = "user unknown|unknown user|no such user|no mailbox|mailbox unavailable|"
              "mailbox not found|unrouteable|unroutable|does not exist"},
    {OUTCOME_CLIENT_REFUSED, .words = "your ip|your host|your server|connecting host|sending ip"},
};

/* Whether one alternative of length `length`, perhaps anchored, is in the text. */
static bool holds(const char *text, const char *word, size_t length)
{
    size_t text_length = strlen(text);
    bool at_start = length > 0 && word[0] == '^';
    word += at_start;
    length -= at_start;
    bool at_end = length > 0 && word[length - 1] == '$';
    length -= at_end;

    if (at_start || at_end) { /* within the blanks at the ends */
        text++;
        text_length = text_length > 2 ? text_length - 2 : 0;
        if (length > text_length || (at_start && at_end && length != text_length)) {
            return false;
        }
        return memcmp(at_start ? text : text + text_length - length, word, length) == 0;
    }
    return memmem(text, text_length, word, length) != NULL;
}

static bool holds_any(const char *text, const char *alternatives)
{
    for (const char *at = alternatives;; at++) {
        size_t length = strcspn(at, "|");
        if (holds(text, at, length)) {
            return true;
        }
        at += length;
        if (*at == '\0') {
            return false;
        }
    }
}

static bool enhanced_is(const char *enhanced, const char *alternatives)
{
    if (alternatives[0] == '\0' || enhanced[0] == '\0') {
        return alternatives[0] == enhanced[0];
    }
    const char *subject = enhanced + 2; /* after the class and its dot */
    for (const char *at = alternatives;; at++) {
        size_t length = strcspn(at, "|");
        if (length > 0 && strncmp(subject, at, length) == 0 &&
            (subject[length] == '\0' || at[length - 1] == '.')) {
            return true;
        }
        at += length;
        if (*at == '\0') {
            return false;
        }
    }
}

static bool matches(const struct pattern *pattern, const struct reply_class_question *question,
                    const struct reply_words *words)
{
    const struct reply *reply = question->reply;
    bool prose = outcome_denies_relaying(pattern->outcome) || pattern->command == DATA_ONLY;
    const char *text = prose ? words->prose : words->all;

    if (pattern->code != 0 && pattern->code != reply->code && pattern->code != reply->code / 100) {
        return false;
    }
    if (pattern->command == (question->command == COMMAND_MAIL ? RCPT_ONLY : MAIL_ONLY) ||
        (pattern->command == DATA_ONLY && question->command != COMMAND_DATA)) {
        return false;
    }
    if (pattern->enhanced != NULL && !enhanced_is(reply->enhanced, pattern->enhanced)) {
        return false;
    }
    return (pattern->denials == 0 || (pattern->denials & DENIES(words->denial)) != 0) &&
           (pattern->words == NULL || holds_any(text, pattern->words)) &&
           (pattern->also == NULL || holds_any(text, pattern->also));
}

/* Whether the text names this address, however it is written: bare, in brackets, with a port behind
 * it. */
static bool names_address(const char *text, const struct address *address)
{
    static const char of_address[] = "0123456789abcdefABCDEF.:";

    while (*(text += strcspn(text, of_address)) != '\0') {
        char token[64];
        size_t length = strspn(text, of_address);
        size_t take = length < sizeof(token) ? length : sizeof(token) - 1;
        struct address found;

        memcpy(token, text, take);
        while (take > 0 && (token[take - 1] == '.' || token[take - 1] == ':')) {
            take--;
        }
        token[take] = '\0';
        char *port = memchr(token, '.', take) != NULL ? strrchr(token, ':') : NULL;
        bool parsed = address_parse(token, &found);
        if (!parsed && port != NULL) {
            *port = '\0';
            parsed = address_parse(token, &found);
        }
        if (parsed && address_equal(&found, address)) {
            return true;
        }
        text += length;
    }
    return false;
}

bool reply_class_names_client(const struct reply_class_question *question)
{
    struct address client;

    if (question->client == NULL || !address_parse(question->client, &client)) {
        return false;
    }
    /* "IPv6:2001:db8::1" would run together with its prefix. */
    char text[REPLY_TEXT_SIZE];
    /* A recipient at our own address literal says nothing of us. */
    reply_words_without_addresses(question->reply, question->sender, question->recipient, text);
    for (char *at = strstr(text, "ipv6:"); at != NULL; at = strstr(at, "ipv6:")) {
        memset(at, ' ', strlen("ipv6:"));
    }
    return names_address(text, &client);
}

static const struct pattern *first_match(const struct reply_class_question *question,
                                         struct reply_words *words)
{
    reply_words_read(question->reply, question->client, words);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (matches(&patterns[i], question, words)) {
            return &patterns[i];
        }
    }
    return NULL;
}

/* Where `text` was judged before: all that first_match goes by is the same. */
static struct reply_class_judged *recall(struct reply_class_memory *memory,
                                         const struct reply_class_question *question,
                                         const char *text)
{
    for (size_t i = 0; i < REPLY_CLASS_MEMORY; i++) {
        struct reply_class_judged *judged = &memory->judged[i];
        if (judged->code == question->reply->code && judged->command == question->command &&
            strcmp(judged->enhanced, question->reply->enhanced) == 0 &&
            strcmp(judged->client, question->client != NULL ? question->client : "") == 0 &&
            strcmp(judged->text, text) == 0) {
            return judged;
        }
    }
    return NULL;
}

static void memorise(struct reply_class_memory *memory, const struct reply_class_question *question,
                     const char *text, const struct pattern *pattern)
{
    struct reply_class_judged *judged = &memory->judged[memory->next];

    memory->next = (memory->next + 1) % REPLY_CLASS_MEMORY;
    judged->code = question->reply->code;
    judged->command = question->command;
    judged->pattern = pattern;
    (void)snprintf(judged->enhanced, sizeof(judged->enhanced), "%s", question->reply->enhanced);
    (void)snprintf(judged->client, sizeof(judged->client), "%s",
                   question->client != NULL ? question->client : "");
    (void)snprintf(judged->text, sizeof(judged->text), "%s", text);
}

static bool names_host(const struct reply_class_question *question)
{
    struct reply_words words;

    reply_words_blank(question->reply, question->sender, question->recipient, question->helo,
                      &words);
    return reply_words_name_host(&words);
}

/* To judge the same words each time was half of what an audit cost the processor (measured). */
static const struct pattern *find_pattern(const struct reply_class_question *question)
{
    struct reply_class_memory *memory = question->memory;
    struct reply_words words;

    reply_words_blank(question->reply, question->sender, question->recipient, question->helo,
                      &words);
    if (memory == NULL || strlen(words.all) >= sizeof(memory->judged[0].text)) {
        return first_match(question, &words);
    }
    const struct reply_class_judged *judged = recall(memory, question, words.all);
    if (judged != NULL) {
        return judged->pattern;
    }
    char text[REPLY_CLASS_REMEMBERED];
    (void)snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, words.all);
    const struct pattern *pattern = first_match(question, &words);
    memorise(memory, question, text, pattern);
    return pattern;
}

/* The first of several lines, if it gives a reason of its own. Those below may be what
 * the server tells everybody: "550-User unknown", "550 Unauthorized relaying is prohibited". */
static const struct pattern *find_reason(const struct reply_class_question *question)
{
    struct reply first = *question->reply;
    struct reply_class_question asked = *question;

    first.text[strcspn(first.text, "\n")] = '\0';
    asked.reply = &first;
    asked.memory = NULL;
    const struct pattern *pattern = find_pattern(&asked);
    return pattern != NULL && pattern->words != NULL && !outcome_denies_relaying(pattern->outcome)
               ? pattern
               : NULL;
}

static enum outcome judge_refusal(const struct reply_class_question *question)
{
    const struct pattern *pattern = find_pattern(question);

    if (pattern != NULL && outcome_denies_relaying(pattern->outcome) &&
        strchr(question->reply->text, '\n') != NULL) {
        const struct pattern *reason = find_reason(question);
        pattern = reason != NULL ? reason : pattern;
    }
    if (pattern != NULL) {
        return pattern->outcome;
    }
    if (reply_class_names_client(question) || names_host(question)) {
        return OUTCOME_CLIENT_REFUSED;
    }
    return question->reply->code < 500 ? OUTCOME_DEFERRED : OUTCOME_RECIPIENT_REFUSED;
}

enum outcome reply_class_judge(const struct reply_class_question *question)
{
    int code = question->reply->code;

    /* RFC 5321 section 4.3.2 has 250 and 251 alone; a client goes on with any 2xx (section 4.2.1).
     */
    /* 221 is the server's good-bye, whatever the command was. */
    if (reply_is_positive(question->reply) && code != 221) {
        return OUTCOME_ACCEPTED;
    }
    if (code == 0) {
        return OUTCOME_CLOSING;
    }
    if (code == 421 || code == 221) {
        return reply_class_names_client(question) ? OUTCOME_CLIENT_REFUSED : OUTCOME_CLOSING;
    }
    if (code < 400) {
        return OUTCOME_DEFERRED; /* no answer to MAIL or RCPT at all: proves nothing */
    }
    enum outcome outcome = judge_refusal(question);
    /* No recipient was named yet. */
    if (question->command == COMMAND_MAIL && outcome == OUTCOME_RECIPIENT_REFUSED) {
        return OUTCOME_SENDER_REFUSED;
    }
    return outcome;
}

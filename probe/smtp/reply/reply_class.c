#include "probe/smtp/reply/reply_class.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "lib/address.h"
#include "lib/domain.h"

/*
 * What a row asks of a reply; everything that it names must hold.
 *
 * Words are lower case; alternatives are divided by '|'; '^' and '$' stand for the text's ends.
 * They are looked for in the server's own words, with "relaying" written as "relay" (see struct
 * words).
 */
struct pattern {
    enum outcome outcome;
    int code;             /* 4 or 5 a class, else exact; 0 = any */
    const char *enhanced; /* alternatives without the class ("7.1"; "7." = all below); NULL = any,
                             "" = none given */
    const char *words;    /* one alternative must occur; NULL = none needed */
    const char *also;     /* and one of these; NULL = none needed */
};

/*
 * First match wins, so the order is from what must not be mistaken for a refused relay, over those
 * refusals, to the rest. Adding a server's wording is adding a row, and a row to
 * tests/unit/replies-more.tsv.
 */
static const struct pattern patterns[] = {
    {OUTCOME_GREYLISTED, 4, NULL,
     "greylist|graylist|grey list|gray list|grey-list|gray-list|come back in|come back later",
     NULL},
    /* rspamd; the same words with others round them are a filter's or a queue's trouble */
    {OUTCOME_GREYLISTED, 451, "7.1", "^try again later$|^try again later.$", NULL},

    /* Words that the server only hands on: what another host answered when an address was verified
       there. */
    {OUTCOME_SENDER_REFUSED, 0, NULL,
     "sender address rejected|sender verif|verify sender|sender callout|verification failed for "
     "sender",
     NULL},
    {OUTCOME_RECIPIENT_REFUSED, 0, NULL,
     " said: | said 4| said 5|in reply to |callout|callback|response: |undeliverable "
     "address|unverified address|"
     "recipient verif|verification failed",
     NULL},

    {OUTCOME_TLS_REQUIRED, 0, NULL,
     "starttls command first|issue a starttls|starttls first|starttls required|starttls is "
     "required|"
     "use starttls|tls required|tls is required|requires tls|tls connection required|must use tls|"
     "encryption required|encryption is required|encryption needed|requires encryption",
     NULL},
    {OUTCOME_TLS_REQUIRED, 5, "7.10|7.11", NULL, NULL},

    {OUTCOME_RELAY_DENIED, 5, NULL, "my list of allowed rcpthosts", NULL},
    {OUTCOME_RELAY_DENIED, 5, NULL, "not an open relay", NULL},
    {OUTCOME_AUTH_REQUIRED, 0, NULL, "client was not authenticated", NULL},

    {OUTCOME_SENDER_REFUSED, 0, "1.7|1.8|7.20|7.21|7.22|7.23|7.24|7.26|7.27|7.60", NULL, NULL},

    /* Refused for who asks. Often with 5.7.1 and "access denied": nothing about relaying. */
    {OUTCOME_CLIENT_REFUSED, 0, "7.25", NULL, NULL},
    {OUTCOME_CLIENT_REFUSED, 0, NULL,
     "client host|helo command|ehlo command|invalid helo|bad helo| helo |helo/ehlo|blocked|"
     "listed at|listed in|listed by|listed on|is listed|dnsbl| "
     "rbl|spamhaus|spamcop|barracudacentral|"
     "sorbs|blacklist|black list|blocklist|block list|denylist|banned|reputation|open relay|"
     "your relay|your mail relay|dynamic ip|dialup|dial-up|reverse dns|reverse hostname| rdns| ptr "
     "|"
     "fcrdns|unsolicited|spammer|too many connections|too much mail from|too many recipients from",
     NULL},

    /* Refused for who is said to write. */
    {OUTCOME_SENDER_REFUSED, 0, NULL,
     "sender rejected|sender denied|sender domain|sender address|domain of sender|sender id |"
     "message not auth|message is not auth|mail not auth|mail is not auth|"
     "envelope sender|badmailfrom|this sender|local sender|mail from|return "
     "path|return-path|envelope from| "
     "spf|openspf|dkim|dmarc|"
     "send as ",
     NULL},

    {OUTCOME_AUTH_REQUIRED, 0, NULL,
     "authentication required|authentication is required|authentication needed|"
     "requires authentication|require authentication|authenticate first|must authenticate|"
     "must first authenticate|please authenticate|need to authenticate|not authenticated|"
     "without authentication|must issue an auth command|auth required|auth is required|"
     "requires smtp auth|smtp auth first|login required|must log in|must login",
     NULL},

    /* A 4xx is a firm no only when nothing in it says that it will pass. */
    {OUTCOME_DEFERRED, 4, NULL, "relay",
     "later|tempor|try again|retry|wait| minute| second|timeout|timed out|time out"},
    {OUTCOME_RELAY_DENIED, 0, NULL,
     "relay access denied|relay denied|relay not permitted|relay not allowed|relay not authorized|"
     "relay not authorised|relay is not permitted|relay is not allowed|relay is denied|"
     "relay is prohibited|relay is forbidden|relay is disabled|relay prohibited|relay forbidden|"
     "relay disabled|relay disallowed|relay refused|no relay allowed|no relay permitted",
     NULL},
    {OUTCOME_RELAY_DENIED, 5, NULL,
     "permitted to relay|allowed to relay|authorized to relay|authorised to relay|we do not relay|"
     "does not relay|we don't relay|will not relay|relay to denied|relay to is denied|"
     "relay to not allowed|relay to is not allowed|relay to prohibited|^relay rejected for policy",
     NULL},
    {OUTCOME_RELAY_DENIED, 5, "7.", "unable to relay|cannot relay", NULL},
    {OUTCOME_RELAY_DENIED, 5, NULL, "non-accepted domain", NULL},
    {OUTCOME_RELAY_DENIED, 5, NULL, "invalid credentials for relay", NULL}, /* Gmail's relay */
    /* Postfix's reject; with 5.4.1 it is Exchange Online's word for a mailbox that it does not know
     */
    {OUTCOME_RELAY_DENIED, 0, "7.", "recipient address rejected: access denied", NULL},
    /* OpenSMTPD and Haraka say so of every recipient that no rule of theirs takes */
    {OUTCOME_RELAY_DENIED, 550, "", "^invalid recipient:$", NULL},
    {OUTCOME_RELAY_DENIED, 550, "", "^i cannot deliver mail for$", NULL},
    {OUTCOME_RELAY_DENIED, 550, NULL, "not a gateway", NULL}, /* IMail */
    {OUTCOME_RELAY_DENIED, 551, NULL, "user not local", NULL},
    {OUTCOME_RELAY_DENIED, 550, "", "^delivery is not allowed to this address",
     NULL}, /* hMailServer */

    {OUTCOME_RECIPIENT_REFUSED, 0, "1.1|1.2|1.3|1.6|1.10", NULL, NULL},
    {OUTCOME_RECIPIENT_REFUSED, 5, NULL,
     "user unknown|unknown user|no such user|no mailbox|mailbox unavailable|mailbox not found|"
     "unrouteable|unroutable|does not exist",
     NULL},
    {OUTCOME_CLIENT_REFUSED, 0, NULL, "your ip|your host|your server|connecting host|sending ip",
     NULL},
};

/* A reply's text, lower-cased, without what is not the server's: our addresses, whatever else has
 * an @, words in angle brackets. Spaces are single, and one stands at each end, so that the first
 * and last word are words like the others. */
struct words {
    char all[REPLY_TEXT_SIZE + 2];
    /* Also without URLs and host names, which may hold any word. Only here is a refused relay
     * looked for. */
    char prose[REPLY_TEXT_SIZE + 2];
};

static void blank(char *text, size_t length)
{
    memset(text, ' ', length);
}

/* Blanks every place where `word` (lower case) stands by itself, with angle brackets round it. */
static void blank_word(char *text, const char *word, size_t length)
{
    for (char *at = text; length > 0 && (at = memmem(at, strlen(at), word, length)) != NULL; at++) {
        bool starts = at == text || !isalnum((unsigned char)at[-1]);
        if (!starts || isalnum((unsigned char)at[length])) {
            continue;
        }
        bool bracketed = at > text && at[-1] == '<' && at[length] == '>';
        blank(at - bracketed, length + 2 * (size_t)bracketed);
    }
}

static void lower(char *out, size_t size, const char *text)
{
    size_t i = 0;
    for (; i + 1 < size && text[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)text[i];
        out[i] = (char)(byte < ' ' || byte == 0x7F   ? ' '
                        : byte >= 'A' && byte <= 'Z' ? byte + 32
                                                     : byte);
    }
    out[i] = '\0';
}

/* A local part that is one plain word ("relay") may be the server's word too, and stays. */
static bool is_plain_word(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 'a' || text[i] > 'z') {
            return false;
        }
    }
    return true;
}

/* A path of our envelope as replies may have it: lower case, without its angle brackets. */
struct own_path {
    char all[1024];
    const char *inner;
    size_t length;
};

static void own_path_of(const char *path, struct own_path *out)
{
    lower(out->all, sizeof(out->all), path);
    out->length = strlen(out->all);
    out->inner = out->all;
    if (out->length >= 2 && out->all[0] == '<' && out->all[out->length - 1] == '>') {
        out->inner++;
        out->length -= 2;
    }
}

/* Blanks every place where the whole address stands, also with the domain behind it that the server
 * gives to what has none. */
static void blank_address(char *text, const char *path)
{
    struct own_path own;

    if (path == NULL) {
        return;
    }
    own_path_of(path, &own);
    if (own.length == 0 || is_plain_word(own.inner, own.length)) {
        return;
    }
    for (char *at = text; (at = memmem(at, strlen(at), own.inner, own.length)) != NULL; at++) {
        const char *rest = at + own.length;
        size_t length = own.length;
        if ((at > text && isalnum((unsigned char)at[-1])) || isalnum((unsigned char)*rest)) {
            continue;
        }
        length += *rest == '@' ? strcspn(rest, "<> ") : 0;
        bool bracketed = at > text && at[-1] == '<' && at[length] == '>';
        blank(at - bracketed, length + 2 * (size_t)bracketed);
    }
}

/* Blanks the parts of an address of our envelope, which servers quote too. */
static void blank_parts(char *text, const char *path)
{
    struct own_path own;
    struct mail_address address;

    if (path == NULL) {
        return;
    }
    own_path_of(path, &own);
    mail_address_split(own.inner, own.length, &address);
    if (address.domain != NULL) {
        blank_word(text, address.domain, address.domain_length);
    }
    if (address.local != NULL && !is_plain_word(address.local, address.local_length)) {
        blank_word(text, address.local, address.local_length);
    }
}

/* Whole ones first: a part of one address may be in the middle of the other. */
static void blank_envelope(char *text, const struct outcome_question *question)
{
    blank_address(text, question->recipient);
    blank_address(text, question->sender);
    blank_parts(text, question->sender);
    blank_parts(text, question->recipient);
}

static void blank_brackets(char *text)
{
    for (char *at = strchr(text, '<'); at != NULL; at = strchr(at + 1, '<')) {
        size_t length = strcspn(at + 1, "<> ");
        if (at[1 + length] == '>') {
            blank(at, length + 2);
        }
    }
}

/* Whether the text holds a dot between letters or digits, as host names do. */
static bool has_inner_dot(const char *text, size_t length)
{
    for (size_t i = 1; i + 1 < length; i++) {
        if (text[i] == '.' && isalnum((unsigned char)text[i - 1]) &&
            isalnum((unsigned char)text[i + 1])) {
            return true;
        }
    }
    return false;
}

static void blank_tokens(char *text, bool names_too)
{
    for (char *at = text + strspn(text, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (memchr(at, '@', length) != NULL ||
            (names_too && (memmem(at, length, "://", 3) != NULL || has_inner_dot(at, length)))) {
            blank(at, length);
        }
        at += length;
    }
}

/* Blanks all over to one, and one at each end; `text` has a blank first, and room for one more. */
static void squeeze(char *text)
{
    char *out = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != ' ' || out == text || out[-1] != ' ') {
            *out++ = *at;
        }
    }
    if (out[-1] != ' ') {
        *out++ = ' ';
    }
    *out = '\0';
}

static void unify_relaying(char *text)
{
    for (char *at = strstr(text, "relaying"); at != NULL; at = strstr(at, "relaying")) {
        at += strlen("relay");
        memmove(at, at + 3, strlen(at + 3) + 1);
    }
}

static void words_of(const struct outcome_question *question, struct words *out)
{
    out->all[0] = ' ';
    lower(out->all + 1, sizeof(out->all) - 2, question->reply->text);
    blank_envelope(out->all, question);
    blank_brackets(out->all);
    blank_tokens(out->all, false);
    memcpy(out->prose, out->all, sizeof(out->prose));
    blank_tokens(out->prose, true);
    squeeze(out->all);
    squeeze(out->prose);
    unify_relaying(out->all);
    unify_relaying(out->prose);
}

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

static bool matches(const struct pattern *pattern, const struct reply *reply,
                    const struct words *words)
{
    const char *text = outcome_denies_relaying(pattern->outcome) ? words->prose : words->all;

    if (pattern->code != 0 && pattern->code != reply->code && pattern->code != reply->code / 100) {
        return false;
    }
    if (pattern->enhanced != NULL && !enhanced_is(reply->enhanced, pattern->enhanced)) {
        return false;
    }
    return (pattern->words == NULL || holds_any(text, pattern->words)) &&
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

bool outcome_names_client(const struct outcome_question *question)
{
    struct address client;

    if (question->client == NULL || !address_parse(question->client, &client)) {
        return false;
    }
    /* "IPv6:2001:db8::1" would run together with its prefix. */
    char text[REPLY_TEXT_SIZE];
    lower(text, sizeof(text), question->reply->text);
    /* A recipient at our own address literal says nothing of us. */
    blank_address(text, question->recipient);
    blank_address(text, question->sender);
    for (char *at = strstr(text, "ipv6:"); at != NULL; at = strstr(at, "ipv6:")) {
        blank(at, strlen("ipv6:"));
    }
    return names_address(text, &client);
}

static enum outcome judge_refusal(const struct outcome_question *question)
{
    const struct reply *reply = question->reply;
    struct words words;

    words_of(question, &words);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (matches(&patterns[i], reply, &words)) {
            return patterns[i].outcome;
        }
    }
    if (outcome_names_client(question)) {
        return OUTCOME_CLIENT_REFUSED;
    }
    return reply->code < 500 ? OUTCOME_DEFERRED : OUTCOME_RECIPIENT_REFUSED;
}

enum outcome outcome_judge(const struct outcome_question *question)
{
    int code = question->reply->code;

    /* RFC 5321 section 4.3.2; 252 is an answer to VRFY alone. */
    if (code == 250 || code == 251) {
        return OUTCOME_ACCEPTED;
    }
    if (code == 0) {
        return OUTCOME_CLOSING;
    }
    if (code == 421) {
        return outcome_names_client(question) ? OUTCOME_CLIENT_REFUSED : OUTCOME_CLOSING;
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

bool outcome_denies_relaying(enum outcome outcome)
{
    return outcome == OUTCOME_RELAY_DENIED || outcome == OUTCOME_AUTH_REQUIRED;
}

bool outcome_is_temporary(enum outcome outcome)
{
    return outcome == OUTCOME_GREYLISTED || outcome == OUTCOME_DEFERRED;
}

#include "probe/smtp/reply/reply_words.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "lib/address.h"
#include "lib/domain.h"
#include "probe/smtp/reply/clause.h"

/* Stands for what is in the envelope, until it becomes a blank or a CLAUSE_NAME: no reply holds it
 * or another mark, since lower() makes controls blanks. */
#define GONE '\x01'

static bool is_gone(char c)
{
    return c == GONE || c == CLAUSE_SENDER || c == CLAUSE_CLIENT || c == CLAUSE_HOST ||
           c == CLAUSE_OTHER || c == CLAUSE_NETWORK;
}

/* Takes a name away that is not the server's word. Nobody knows whose it is, but if a part of the
 * envelope is in it. */
static void blank(char *text, size_t length)
{
    bool envelope =
        memchr(text, GONE, length) != NULL || memchr(text, CLAUSE_SENDER, length) != NULL;

    memset(text, envelope ? GONE : CLAUSE_HOST, length);
}

/* Blanks every place where `word` (lower case) stands by itself, with angle brackets round it. */
static void blank_word(char *text, const char *word, size_t length, char mark)
{
    for (char *at = text; length > 0 && (at = memmem(at, strlen(at), word, length)) != NULL; at++) {
        bool starts = at == text || !isalnum((unsigned char)at[-1]);
        if (!starts || isalnum((unsigned char)at[length])) {
            continue;
        }
        bool bracketed = at > text && at[-1] == '<' && at[length] == '>';
        memset(at - bracketed, mark, length + 2 * (size_t)bracketed);
    }
}

static bool is_of_name(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_';
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
static void blank_address(char *text, const char *path, char mark)
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
        memset(at - bracketed, mark, length + 2 * (size_t)bracketed);
    }
}

/* Blanks the parts of an address of our envelope, which servers quote too. */
static void blank_parts(char *text, const char *path, char mark)
{
    struct own_path own;
    struct mail_address address;

    if (path == NULL) {
        return;
    }
    own_path_of(path, &own);
    mail_address_split(own.inner, own.length, &address);
    if (address.domain != NULL) {
        blank_word(text, address.domain, address.domain_length, mark);
    }
    if (address.local != NULL && !is_plain_word(address.local, address.local_length)) {
        blank_word(text, address.local, address.local_length, GONE);
    }
}

/* CLAUSE_SENDER, unless the sender's domain is in the recipient, too: then nobody knows whose the
 * server means. */
static char mark_of_sender(const char *sender_path, const char *recipient_path)
{
    struct own_path sender;
    struct own_path recipient;
    struct mail_address address;

    if (sender_path == NULL || recipient_path == NULL) {
        return CLAUSE_SENDER;
    }
    own_path_of(sender_path, &sender);
    own_path_of(recipient_path, &recipient);
    mail_address_split(sender.inner, sender.length, &address);
    return address.domain_length > 0 && memmem(recipient.all, strlen(recipient.all), address.domain,
                                               address.domain_length) != NULL
               ? GONE
               : CLAUSE_SENDER;
}

/* Whole ones first: a part of one address may be in the middle of the other. */
static void blank_envelope(char *text, const char *sender, const char *recipient)
{
    blank_address(text, recipient, GONE);
    blank_address(text, sender, CLAUSE_SENDER);
    blank_parts(text, sender, mark_of_sender(sender, recipient));
    blank_parts(text, recipient, GONE);
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

/* "relay04", "[relay-in-3]": a host, and not the doing. */
static bool is_numbered_relay(const char *text, size_t length)
{
    bool digit = false;

    for (size_t i = 0; i < length; i++) {
        digit |= isdigit((unsigned char)text[i]) != 0;
        if (!isalnum((unsigned char)text[i]) && strchr("-_[]():,", text[i]) == NULL) {
            return false;
        }
    }
    return digit && memmem(text, length, "relay", strlen("relay")) != NULL;
}

static void blank_tokens(char *text, bool names_too)
{
    for (char *at = text + strspn(text, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t length = 1 + strcspn(at + 1, " (");
        if (memchr(at, '@', length) != NULL ||
            (names_too && (memmem(at, length, "://", 3) != NULL || has_inner_dot(at, length) ||
                           is_numbered_relay(at, length)))) {
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

/* Whose the address is that `end` stands behind. A client whose own address is private, or that
 * does not know it, may be seen under any other. */
static char mark_of_address(const struct address *address, const char *end, const char *client)
{
    struct address own;

    if (end[0] == '/' && isdigit((unsigned char)end[1])) {
        return CLAUSE_NETWORK;
    }
    return client == NULL || !address_parse(client, &own) || address_is_private(&own) ||
                   address_equal(address, &own)
               ? CLAUSE_CLIENT
               : CLAUSE_OTHER;
}

/* Puts its mark where an IP address stands, brackets and all, and the name before them. */
static void mark_addresses(char *text, const char *client)
{
    static const char of_address[] = "0123456789abcdef.:";

    for (char *at = text + strspn(text, " "); *at != '\0'; at += strspn(at, " ")) {
        char *end = at + strcspn(at, " ");
        char token[64];
        struct address address;
        char *bracket = memchr(at, '[', (size_t)(end - at));
        char *first = bracket != NULL ? bracket + 1 : at + strspn(at, "[(");
        if (strncmp(first, "ipv6:", strlen("ipv6:")) == 0) {
            first += strlen("ipv6:");
        }
        size_t length = strspn(first, of_address);
        while (length > 0 && strchr(".:", first[length - 1]) != NULL) {
            length--;
        }
        if (length > 0 && length < sizeof(token)) {
            memcpy(token, first, length);
            token[length] = '\0';
            if (address_parse(token, &address)) {
                memset(at, mark_of_address(&address, first + length, client),
                       (size_t)(first - at) + length);
            }
        }
        at = end;
    }
}

/* Each run of removed octets becomes blanks, or one CLAUSE_NAME; an address is one word, however
 * long it is. */
static void fill_gone(char *text, char with)
{
    char *out = text;
    for (const char *at = text; *at != '\0'; at++) {
        bool again = with != ' ' && is_gone(*at) && at[1] == *at;
        if (!again) {
            *out++ = *at == GONE || (with == ' ' && is_gone(*at)) ? with : *at;
        }
    }
    *out = '\0';
}

/* Each run of what is gone to one mark: how long it was says nothing. */
static void shorten_gone(char *text)
{
    char *out = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (!is_gone(*at) || at[1] != *at) {
            *out++ = *at;
        }
    }
    *out = '\0';
}

/* Puts `by` where `word` stands; both have one length. */
static void exchange(char *text, const char *word, const char *by)
{
    for (char *at = text; (at = strstr(at, word)) != NULL; at++) {
        for (size_t i = 0; by[i] != '\0'; i++) {
            at[i] = by[i];
        }
    }
}

/* Whether `path` is at this domain, lower case. */
static bool is_at(const char *path, const char *domain)
{
    struct own_path own;
    struct mail_address address;

    if (path == NULL) {
        return false;
    }
    own_path_of(path, &own);
    mail_address_split(own.inner, own.length, &address);
    return address.domain != NULL && address.domain_length == strlen(domain) &&
           memcmp(address.domain, domain, address.domain_length) == 0;
}

/* Puts CLAUSE_CLIENT where our host's name stands by itself. Where it is that of the envelope's
 * domain, too, nobody knows what the server means. */
static void mark_host(char *text, const char *helo, const char *sender, const char *recipient)
{
    char name[REPLY_TEXT_SIZE];

    lower(name, sizeof(name), helo != NULL ? helo : "");
    size_t length = strlen(name);
    if (strchr(name, '.') == NULL || is_at(sender, name) || is_at(recipient, name)) {
        return;
    }
    for (char *at = text; (at = memmem(at, strlen(at), name, length)) != NULL; at++) {
        bool starts = at == text || (!is_of_name(at[-1]) && at[-1] != '@' && at[-1] != '.');
        bool ends = !is_of_name(at[length]) && !(at[length] == '.' && is_of_name(at[length + 1])) &&
                    at[length] != '@';
        if (!starts || !ends) {
            continue;
        }
        bool bracketed = at > text && at[-1] == '<' && at[length] == '>';
        memset(at - bracketed, CLAUSE_CLIENT, length + 2 * (size_t)bracketed);
        if (at[length] == '[') { /* our address follows */
            at[length] = ' ';
        }
    }
}

void reply_words_blank(const struct reply *reply, const char *sender, const char *recipient,
                       const char *helo, struct reply_words *out)
{
    out->all[0] = ' ';
    lower(out->all + 1, sizeof(out->all) - 2, reply->text);
    mark_host(out->all, helo, sender, recipient);
    blank_envelope(out->all, sender, recipient);
    blank_brackets(out->all);
    blank_tokens(out->all, false);
    shorten_gone(out->all);
}

bool reply_words_name_host(const struct reply_words *words)
{
    return strchr(words->all, CLAUSE_CLIENT) != NULL;
}

void reply_words_read(const struct reply *reply, const char *client, struct reply_words *out)
{
    char named[sizeof(out->all)];

    memcpy(out->prose, out->all, sizeof(out->prose));
    memcpy(named, out->all, sizeof(named));
    blank_tokens(out->prose, true);
    mark_addresses(named, client);
    blank_tokens(named, true);
    fill_gone(named, CLAUSE_NAME);
    fill_gone(out->all, ' ');
    fill_gone(out->prose, ' ');
    squeeze(out->all);
    squeeze(out->prose);
    struct denial_reading reading =
        denial_read(named, reply->enhanced[0] != '\0' ? reply->enhanced + 2 : "");
    out->denial = reading.denial;
    if (reading.blocked) { /* what is blocked is no client */
        exchange(out->all, "blocked", "refused");
        exchange(out->all, "banned", "denied");
    }
}

void reply_words_without_addresses(const struct reply *reply, const char *sender,
                                   const char *recipient, char text[REPLY_TEXT_SIZE])
{
    lower(text, REPLY_TEXT_SIZE, reply->text);
    blank_address(text, recipient, GONE);
    blank_address(text, sender, GONE);
}

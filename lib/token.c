#include "lib/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define MARK           TOKEN_MARK
#define MARK_LENGTH    4
#define HELLO_OCTETS   35
#define HELLO_TEXT     56
#define ASK_OCTETS     12
#define ASK_TEXT       20
#define DOMAIN_OCTETS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
#define MAC_INPUT_SIZE (2 * TOKEN_PATH_MAX + 1024)

/* ---- base32 ----------------------------------------------------------------------------- */

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static size_t text_length(size_t octets)
{
    return (8 * octets + 4) / 5;
}

void token_base32(const uint8_t *octets, size_t length, char *out)
{
    unsigned int bits = 0;
    unsigned int held = 0;

    for (size_t i = 0; i < length; i++) {
        bits = (bits << 8 | octets[i]) & 0xFFFF;
        for (held += 8; held >= 5; held -= 5) {
            *out++ = alphabet[bits >> (held - 5) & 31];
        }
    }
    if (held > 0) {
        *out = alphabet[bits << (5 - held) & 31];
    }
}

/* -1: none of the alphabet. Not by a table in memory: which characters a MAC has is no secret. */
static int value_of(char character)
{
    if (character >= 'a' && character <= 'z') {
        return character - 'a';
    }
    return character >= '2' && character <= '7' ? character - '2' + 26 : -1;
}

bool token_base32_read(const char *text, uint8_t *out, size_t length)
{
    uint8_t read[HELLO_OCTETS];
    unsigned int bits = 0;
    unsigned int held = 0;
    size_t count = 0;

    if (length > sizeof(read)) {
        return false;
    }
    for (size_t i = 0; i < text_length(length); i++) {
        int value = value_of(text[i]);
        if (value < 0) {
            return false;
        }
        bits = (bits << 5 | (unsigned int)value) & 0xFFFF;
        held += 5;
        if (held >= 8) {
            held -= 8;
            read[count++] = (uint8_t)(bits >> held);
        }
    }
    if ((bits & ((1U << held) - 1)) != 0) {
        return false;
    }
    memcpy(out, read, length);
    return true;
}

/* ---- MAC -------------------------------------------------------------------------------- */

struct field {
    const void *octets;
    size_t length;
};

static bool hmac(const void *key, size_t key_length, const void *input, size_t length,
                 uint8_t out[TOKEN_DIGEST])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    if (HMAC(EVP_sha256(), key, (int)key_length, input, length, digest, &size) == NULL ||
        size != TOKEN_DIGEST) {
        return false;
    }
    memcpy(out, digest, TOKEN_DIGEST);
    return true;
}

/* HMAC over the fields, each after its 16-bit length; its first `size` octets. */
static bool mac(const uint8_t key[TOKEN_DIGEST], const struct field *fields, size_t count,
                uint8_t *out, size_t size)
{
    uint8_t input[MAC_INPUT_SIZE];
    uint8_t digest[TOKEN_DIGEST];
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        size_t length = fields[i].length;
        if (length > UINT16_MAX || length + 2 > sizeof(input) - used) {
            return false;
        }
        input[used] = (uint8_t)(length >> 8);
        input[used + 1] = (uint8_t)length;
        memcpy(input + used + 2, fields[i].octets, length);
        used += length + 2;
    }
    if (!hmac(key, TOKEN_DIGEST, input, used, digest)) {
        return false;
    }
    memcpy(out, digest, size);
    return true;
}

bool token_same(const void *a, const void *b, size_t length)
{
    return CRYPTO_memcmp(a, b, length) == 0;
}

/* ---- keys ------------------------------------------------------------------------------- */

void token_wipe(void *secret, size_t length)
{
    OPENSSL_cleanse(secret, length);
}

bool token_key_derive(const uint8_t *octets, size_t length, struct token_key *out)
{
    struct token_key key;
    const struct {
        const char *label;
        uint8_t *derived;
    } purposes[] = {
        {"rw1 hello", key.hello},
        {"rw1 ask", key.ask},
        {"rw1 observation", key.observation},
        {"rw1 route", key.route},
        {"rw1 message", key.message},
        {"rw1 fingerprint", key.fingerprint},
    };

    if (length < TOKEN_KEY_MIN || length > TOKEN_KEY_MAX) {
        return false;
    }
    for (size_t i = 0; i < sizeof(purposes) / sizeof(purposes[0]); i++) {
        if (!hmac(octets, length, purposes[i].label, strlen(purposes[i].label),
                  purposes[i].derived)) {
            return false;
        }
    }
    *out = key;
    token_wipe(&key, sizeof(key));
    return true;
}

const char *token_fingerprint(const struct token_key *key, char out[TOKEN_FINGERPRINT_SIZE])
{
    for (size_t i = 0; i < TOKEN_FINGERPRINT_SIZE / 2; i++) {
        snprintf(out + 2 * i, 3, "%02x", key->fingerprint[i]);
    }
    return out;
}

/* ---- message ---------------------------------------------------------------------------- */

static bool message_mac(const struct token_key *key, const uint8_t octets[TOKEN_MESSAGE],
                        uint8_t out[TOKEN_MESSAGE - TOKEN_MESSAGE_NONCE])
{
    const struct field fields[] = {{octets, TOKEN_MESSAGE_NONCE}};

    return mac(key->message, fields, 1, out, TOKEN_MESSAGE - TOKEN_MESSAGE_NONCE);
}

bool token_message_seal(const struct token_key *key, uint8_t octets[TOKEN_MESSAGE])
{
    return message_mac(key, octets, octets + TOKEN_MESSAGE_NONCE);
}

bool token_message_verify(const struct token_key *key, const uint8_t octets[TOKEN_MESSAGE])
{
    uint8_t wanted[TOKEN_MESSAGE - TOKEN_MESSAGE_NONCE];

    return message_mac(key, octets, wanted) &&
           token_same(wanted, octets + TOKEN_MESSAGE_NONCE, sizeof(wanted));
}

/* ---- paths ------------------------------------------------------------------------------ */

/* Whether an octet next to a token could belong to the same word, so that it is none. */
static bool continues_word(char octet)
{
    return octet == '\0' || strchr(DOMAIN_OCTETS "+", octet) != NULL || (octet & 0x80) != 0;
}

static bool is_word_of(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (value_of(text[i]) < 0) {
            return false;
        }
    }
    return !continues_word(text[length]);
}

/* The length of the token, without its mark, that follows the mark at `text`; 0: none. */
static size_t token_text(const char *text)
{
    if (is_word_of(text, ASK_TEXT)) {
        return ASK_TEXT;
    }
    return is_word_of(text, HELLO_TEXT) ? HELLO_TEXT : 0;
}

/* The text behind the mark of the only token in `path`, and its length; NULL if there is none, or
 * more than one mark in whatever case. */
static const char *find_token(const char *path, size_t *length)
{
    const char *mark = strcasestr(path, MARK);

    if (mark == NULL || mark == path || strcasestr(mark + MARK_LENGTH, MARK) != NULL) {
        return NULL;
    }
    if (strncmp(mark, MARK, MARK_LENGTH) != 0 || continues_word(mark[-1])) {
        return NULL;
    }
    *length = token_text(mark + MARK_LENGTH);
    return *length == 0 ? NULL : mark + MARK_LENGTH;
}

static char lower(char octet)
{
    return octet >= 'A' && octet <= 'Z' ? (char)(octet - 'A' + 'a') : octet;
}

/* A path as MACs know it: lower case in ASCII. Spaces before it are the command's. Returns its
 * length; 0: too long. */
static size_t whole_path(const char *path, char out[TOKEN_PATH_MAX])
{
    path += strspn(path, " ");
    size_t length = strlen(path);

    if (length > TOKEN_PATH_MAX) {
        return 0;
    }
    for (size_t i = 0; i < length; i++) {
        out[i] = lower(path[i]);
    }
    return length;
}

/* The same with its token cut out: the MAC of an ask cannot cover itself. */
static size_t path_without_token(const char *path, char out[TOKEN_PATH_MAX])
{
    size_t length = whole_path(path, out);
    size_t cut = 0;

    path += strspn(path, " ");
    const char *token = length == 0 ? NULL : find_token(path, &cut);
    if (token == NULL) {
        return length;
    }
    size_t start = (size_t)(token - path) - MARK_LENGTH;
    size_t end = start + MARK_LENGTH + cut;
    memmove(out + start, out + end, length - end);
    return length - (end - start);
}

/* ---- hello ------------------------------------------------------------------------------ */

static void write_number(uint8_t out[4], uint32_t number)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(number >> (24 - 8 * i));
    }
}

static uint32_t read_number(const uint8_t octets[4])
{
    return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 |
           octets[3];
}

static bool hello_mac(const struct token_key *key, const struct token_hello *hello,
                      uint8_t out[TOKEN_MAC])
{
    uint8_t time[4];
    char domain[DOMAIN_SIZE];
    size_t length = strnlen(hello->domain, sizeof(domain) - 1);

    write_number(time, hello->time);
    for (size_t i = 0; i < length; i++) {
        domain[i] = lower(hello->domain[i]);
    }
    const struct field fields[] = {
        {hello->route, TOKEN_ROUTE},
        {time, sizeof(time)},
        {hello->nonce, TOKEN_NONCE},
        {domain, length},
    };
    return mac(key->hello, fields, sizeof(fields) / sizeof(fields[0]), out, TOKEN_MAC);
}

bool token_route(const struct token_key *key, const char *probe, const char *target,
                 const char *endpoint, uint8_t out[TOKEN_ROUTE])
{
    const struct field fields[] = {
        {probe, strlen(probe)},
        {target, strlen(target)},
        {endpoint, strlen(endpoint)},
    };

    return mac(key->route, fields, sizeof(fields) / sizeof(fields[0]), out, TOKEN_ROUTE);
}

bool token_hello_build(const struct token_key *key, const struct token_hello *hello,
                       char out[TOKEN_HELLO_PATH_SIZE])
{
    uint8_t octets[HELLO_OCTETS];
    char text[HELLO_TEXT];

    if (hello->domain[0] == '\0' || hello->domain[strspn(hello->domain, DOMAIN_OCTETS)] != '\0' ||
        strcasestr(hello->domain, MARK) != NULL) {
        return false;
    }
    memcpy(octets, hello->route, TOKEN_ROUTE);
    write_number(octets + TOKEN_ROUTE, hello->time);
    memcpy(octets + TOKEN_ROUTE + 4, hello->nonce, TOKEN_NONCE);
    if (!hello_mac(key, hello, octets + HELLO_OCTETS - TOKEN_MAC)) {
        return false;
    }
    token_base32(octets, sizeof(octets), text);
    snprintf(out, TOKEN_HELLO_PATH_SIZE, "<" MARK "%.*s@%s>", HELLO_TEXT, text, hello->domain);
    return true;
}

/* "domain>" to the end of the path, lower-cased. */
static bool read_domain(const char *text, char out[DOMAIN_SIZE])
{
    size_t length = strspn(text, DOMAIN_OCTETS);

    if (length == 0 || length >= DOMAIN_SIZE || strcmp(text + length, ">") != 0) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        out[i] = lower(text[i]);
    }
    out[length] = '\0';
    return true;
}

bool token_hello_parse(const char *path, struct token_hello *out)
{
    struct token_hello hello;
    uint8_t octets[HELLO_OCTETS];
    size_t length;

    /* Every sender passes by here: nearly all end at once. */
    if (strncmp(path, "<" MARK, 1 + MARK_LENGTH) != 0) {
        return false;
    }
    const char *token = find_token(path, &length);
    if (token != path + 1 + MARK_LENGTH || length != HELLO_TEXT || token[length] != '@' ||
        !token_base32_read(token, octets, sizeof(octets)) ||
        !read_domain(token + length + 1, hello.domain)) {
        return false;
    }
    memcpy(hello.route, octets, TOKEN_ROUTE);
    hello.time = read_number(octets + TOKEN_ROUTE);
    memcpy(hello.nonce, octets + TOKEN_ROUTE + 4, TOKEN_NONCE);
    memcpy(hello.mac, octets + HELLO_OCTETS - TOKEN_MAC, TOKEN_MAC);
    *out = hello;
    return true;
}

bool token_hello_verify(const struct token_key *key, const struct token_hello *hello)
{
    uint8_t expected[TOKEN_MAC];

    return hello_mac(key, hello, expected) && token_same(expected, hello->mac, TOKEN_MAC);
}

bool token_hello_is_current(const struct token_hello *hello, int64_t now)
{
    return now - (int64_t)hello->time <= TOKEN_OLDEST_SECONDS &&
           (int64_t)hello->time - now <= TOKEN_FURTHEST_SECONDS;
}

/* ---- roles ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    bool outside;
} roles[TOKEN_ROLES] = {
    [TOKEN_ROLE_TRUE] = {"true", true},       [TOKEN_ROLE_HIDDEN] = {"hidden", true},
    [TOKEN_ROLE_INSIDE] = {"inside", false},  [TOKEN_ROLE_CLAIMED] = {"claimed", false},
    [TOKEN_ROLE_UNKNOWN] = {"unknown", true},
};

const char *token_role_name(enum token_role role)
{
    return roles[role].name;
}

bool token_role_is_outside(enum token_role role)
{
    return roles[role].outside;
}

/* ---- ask -------------------------------------------------------------------------------- */

static bool ask_mac(const struct token_binding *binding, const struct token_ask *ask,
                    const char *mail_path, const char *rcpt_path, uint8_t out[TOKEN_ASK_MAC])
{
    char sender[TOKEN_PATH_MAX];
    char recipient[TOKEN_PATH_MAX];
    const uint8_t role = (uint8_t)ask->role;
    const struct field fields[] = {
        {binding->nonce, TOKEN_NONCE},
        {binding->challenge, TOKEN_CHALLENGE},
        {&role, 1},
        {&ask->technique, 1},
        {sender, path_without_token(mail_path, sender)},
        {recipient, path_without_token(rcpt_path, recipient)},
    };

    if (fields[4].length == 0 || fields[5].length == 0) {
        return false;
    }
    return mac(binding->key->ask, fields, sizeof(fields) / sizeof(fields[0]), out, TOKEN_ASK_MAC);
}

bool token_ask_seal(const struct token_binding *binding, const struct token_ask *ask,
                    const char *mail_path, char *rcpt_path)
{
    uint8_t octets[ASK_OCTETS] = {(uint8_t)ask->role, ask->technique};
    char *blank = strstr(rcpt_path, TOKEN_ASK_BLANK);
    size_t length;

    if (blank == NULL) {
        return false;
    }
    /* Any token of the right length will do: it is cut out before the MAC is computed. */
    char *token = blank + MARK_LENGTH;
    memset(token, 'a', ASK_TEXT);
    if (find_token(rcpt_path, &length) != token ||
        !ask_mac(binding, ask, mail_path, rcpt_path, octets + 2)) {
        memcpy(blank, TOKEN_ASK_BLANK, MARK_LENGTH + ASK_TEXT);
        return false;
    }
    token_base32(octets, sizeof(octets), token);
    return true;
}

bool token_ask_parse(const char *rcpt_path, struct token_ask *out)
{
    uint8_t octets[ASK_OCTETS];
    size_t length;
    const char *token = find_token(rcpt_path, &length);

    if (token == NULL || length != ASK_TEXT || rcpt_path[0] != '<' ||
        !token_base32_read(token, octets, sizeof(octets)) || octets[0] < TOKEN_ROLE_TRUE ||
        octets[0] > TOKEN_ROLE_UNKNOWN) {
        return false;
    }
    out->role = (enum token_role)octets[0];
    out->technique = octets[1];
    memcpy(out->mac, octets + 2, TOKEN_ASK_MAC);
    return true;
}

bool token_ask_verify(const struct token_binding *binding, const struct token_ask *ask,
                      const char *mail_path, const char *rcpt_path)
{
    uint8_t expected[TOKEN_ASK_MAC];

    return ask_mac(binding, ask, mail_path, rcpt_path, expected) &&
           token_same(expected, ask->mac, TOKEN_ASK_MAC);
}

/* ---- observations ----------------------------------------------------------------------- */

bool token_observation_mac(const struct token_binding *binding, const uint8_t *challenge,
                           const char *path, const char *text, char out[TOKEN_MAC_TEXT])
{
    uint8_t octets[TOKEN_MAC];
    char answered[TOKEN_PATH_MAX];
    const struct field fields[] = {
        {answered, whole_path(path, answered)},
        {binding->nonce, TOKEN_NONCE},
        {challenge != NULL ? challenge : binding->challenge,
         challenge != NULL ? TOKEN_CHALLENGE : 0},
        {text, strlen(text)},
    };

    if (fields[0].length == 0 || !mac(binding->key->observation, fields,
                                      sizeof(fields) / sizeof(fields[0]), octets, TOKEN_MAC)) {
        return false;
    }
    token_base32(octets, sizeof(octets), out);
    return true;
}

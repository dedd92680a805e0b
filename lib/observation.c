#include "lib/observation.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK       "rwo1,"
#define MAC_FIELD  ",mac="
#define MTA_OCTETS "abcdefghijklmnopqrstuvwxyz0123456789.-:[]"

/* The longest text: see the formats below. */
static_assert(
    sizeof("rwo1,hello,client=,port=65535,permission=client-certificate,masked=0,listener=,"
           "mta=,time=4294967295,challenge=,seen=99999,accepted=99999,mac=") -
            1 + (8 * 4 + 7) + (8 * 4 + 7 + sizeof("[]:65535") - 1) + (OBSERVATION_MTA_SIZE - 1) +
            TOKEN_CHALLENGE_TEXT + TOKEN_MAC_TEXT <=
        OBSERVATION_MAX,
    "an observation fits");

/* ---- writing ---------------------------------------------------------------------------- */

void observation_set_mta(struct observation *observation, const char *name)
{
    size_t length = 0;

    if (name == NULL || name[0] == '\0') {
        name = "unknown";
    }
    for (; length < OBSERVATION_MTA_SIZE - 1 && name[length] != '\0'; length++) {
        char octet = name[length];
        if (octet >= 'A' && octet <= 'Z') {
            octet = (char)(octet - 'A' + 'a');
        }
        observation->mta[length] = strchr(MTA_OCTETS, octet) != NULL ? octet : '-';
    }
    observation->mta[length] = '\0';
    /* With the comma behind it, such an end would read as the mark of a second observation. */
    size_t tail = sizeof(MARK) - 2;
    if (length >= tail && strncmp(observation->mta + length - tail, MARK, tail) == 0) {
        observation->mta[length - 1] = '-';
    }
}

static uint32_t at_most(uint32_t number)
{
    return number < OBSERVATION_COUNT_MAX ? number : OBSERVATION_COUNT_MAX;
}

static int write_hello(const struct observation *from, char out[OBSERVATION_SIZE])
{
    char client[ADDRESS_TEXT_SIZE];
    char listener[ENDPOINT_TEXT_SIZE];
    char challenge[TOKEN_CHALLENGE_TEXT];

    address_format(&from->client, client);
    address_format_port(&from->listener, from->listener_port, listener);
    token_base32(from->challenge, sizeof(from->challenge), challenge);
    return snprintf(out, OBSERVATION_SIZE,
                    MARK "hello,client=%s,port=%u,permission=%s,masked=%d,listener=%s,mta=%s,"
                         "time=%" PRIu32 ",challenge=%.*s,seen=%" PRIu32 ",accepted=%" PRIu32,
                    client, from->client_port, permission_name(from->permission), from->masked,
                    listener, from->mta, from->time, TOKEN_CHALLENGE_TEXT, challenge,
                    at_most(from->seen), at_most(from->accepted));
}

/* Without the MAC. False if it does not fit, which no values of the types make happen. */
static bool write_text(const struct observation *from, char out[OBSERVATION_SIZE])
{
    int length = -1;

    switch (from->kind) {
    case OBSERVATION_HELLO:
        length = write_hello(from, out);
        break;
    case OBSERVATION_CLOCK:
        length = snprintf(out, OBSERVATION_SIZE, MARK "clock,time=%" PRIu32, from->time);
        break;
    case OBSERVATION_ASK:
        length =
            snprintf(out, OBSERVATION_SIZE, MARK "ask,decision=%s,destination=%s,permission=%s",
                     decision_name(from->decision), destination_name(from->destination),
                     permission_name(from->permission));
        break;
    }
    return length > 0 && length + sizeof(MAC_FIELD) - 1 + TOKEN_MAC_TEXT <= OBSERVATION_MAX;
}

static bool text_mac(const struct observation *observation, const char *text,
                     const struct token_binding *binding, const char *path,
                     char out[TOKEN_MAC_TEXT])
{
    const uint8_t *const challenges[] = {
        [OBSERVATION_HELLO] = observation->challenge,
        [OBSERVATION_CLOCK] = NULL,
        [OBSERVATION_ASK] = binding->challenge,
    };

    return token_observation_mac(binding, challenges[observation->kind], path, text, out);
}

bool observation_build(const struct observation *observation, const struct token_binding *binding,
                       const char *path, char out[OBSERVATION_SIZE])
{
    char text[OBSERVATION_SIZE];
    char mac[TOKEN_MAC_TEXT];

    if (!write_text(observation, text) || !text_mac(observation, text, binding, path, mac)) {
        return false;
    }
    int length = snprintf(out, OBSERVATION_SIZE, "%s" MAC_FIELD "%.*s", text, TOKEN_MAC_TEXT, mac);
    return length > 0 && length < OBSERVATION_SIZE;
}

/* ---- reading ---------------------------------------------------------------------------- */

/* Values are read leniently, one by one; whether they were spelled as we spell them shows when the
 * text that they give is compared with the one that came. */

/* The value of the next field, "name=value" up to a comma, cut out of `*rest`; NULL if the next one
 * has another name. */
static const char *next_value(char **rest, const char *name)
{
    size_t length = strlen(name);

    if (*rest == NULL || strncmp(*rest, name, length) != 0 || (*rest)[length] != '=') {
        return NULL;
    }
    return strsep(rest, ",") + length + 1;
}

static bool read_number(const char *text, uint32_t max, uint32_t *out)
{
    char *end;

    if (text == NULL || !isdigit((unsigned char)text[0]) || strlen(text) > 10) {
        return false;
    }
    unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0' || number > max) {
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

static bool read_address(const char *text, struct address *out)
{
    if (text != NULL && strcmp(text, "unknown") == 0) {
        *out = (struct address){.family = ADDRESS_NONE};
        return true;
    }
    return text != NULL && address_parse(text, out);
}

/* "ADDRESS:PORT", an IPv6 address in brackets; or "unknown". */
static bool read_endpoint(const char *text, struct address *address, uint16_t *port)
{
    char host[ENDPOINT_TEXT_SIZE];
    const char *colon = text == NULL ? NULL : strrchr(text, ':');
    uint32_t number;

    if (colon == NULL) {
        return read_address(text, address);
    }
    if ((size_t)(colon - text) >= sizeof(host) || !read_number(colon + 1, UINT16_MAX, &number)) {
        return false;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    *port = (uint16_t)number;
    return address_parse(host, address);
}

static bool read_permission(const char *text, enum permission *out)
{
    for (int value = 0; text != NULL && value <= PERMISSION_CLIENT_CERTIFICATE; value++) {
        if (strcmp(text, permission_name((enum permission)value)) == 0) {
            *out = (enum permission)value;
            return true;
        }
    }
    return false;
}

static bool read_destination(const char *text, enum destination *out)
{
    for (int value = 0; text != NULL && value <= DESTINATION_EXTERNAL; value++) {
        if (strcmp(text, destination_name((enum destination)value)) == 0) {
            *out = (enum destination)value;
            return true;
        }
    }
    return false;
}

static bool read_mta(const char *text, char out[OBSERVATION_MTA_SIZE])
{
    if (text == NULL || strlen(text) >= OBSERVATION_MTA_SIZE || text[0] == '\0' ||
        text[strspn(text, MTA_OCTETS)] != '\0') {
        return false;
    }
    snprintf(out, OBSERVATION_MTA_SIZE, "%s", text);
    return true;
}

static bool read_challenge(const char *text, uint8_t out[TOKEN_CHALLENGE])
{
    return text != NULL && strlen(text) == TOKEN_CHALLENGE_TEXT &&
           token_base32_read(text, out, TOKEN_CHALLENGE);
}

static bool read_hello(char **rest, struct observation *out)
{
    uint32_t port;
    uint32_t masked;

    if (!read_address(next_value(rest, "client"), &out->client) ||
        !read_number(next_value(rest, "port"), UINT16_MAX, &port) ||
        !read_permission(next_value(rest, "permission"), &out->permission) ||
        !read_number(next_value(rest, "masked"), 1, &masked) ||
        !read_endpoint(next_value(rest, "listener"), &out->listener, &out->listener_port) ||
        !read_mta(next_value(rest, "mta"), out->mta) ||
        !read_number(next_value(rest, "time"), UINT32_MAX, &out->time) ||
        !read_challenge(next_value(rest, "challenge"), out->challenge) ||
        !read_number(next_value(rest, "seen"), OBSERVATION_COUNT_MAX, &out->seen) ||
        !read_number(next_value(rest, "accepted"), OBSERVATION_COUNT_MAX, &out->accepted)) {
        return false;
    }
    out->client_port = (uint16_t)port;
    out->masked = masked == 1;
    return true;
}

static bool read_clock(char **rest, struct observation *out)
{
    return read_number(next_value(rest, "time"), UINT32_MAX, &out->time);
}

static bool read_ask(char **rest, struct observation *out)
{
    const char *decision = next_value(rest, "decision");

    out->decision = DECISION_ACCEPTED;
    return decision != NULL && strcmp(decision, decision_name(out->decision)) == 0 &&
           read_destination(next_value(rest, "destination"), &out->destination) &&
           read_permission(next_value(rest, "permission"), &out->permission);
}

static const struct {
    const char *name;
    bool (*read)(char **rest, struct observation *out);
} kinds[] = {
    [OBSERVATION_HELLO] = {"hello", read_hello},
    [OBSERVATION_CLOCK] = {"clock", read_clock},
    [OBSERVATION_ASK] = {"ask", read_ask},
};

/* Of a text without its MAC. */
static bool read_text(const char *text, struct observation *out)
{
    char fields[OBSERVATION_SIZE];
    char again[OBSERVATION_SIZE];
    char *rest = fields + sizeof(MARK) - 1;

    snprintf(fields, sizeof(fields), "%s", text);
    const char *name = strsep(&rest, ",");
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        if (strcmp(name, kinds[kind].name) != 0) {
            continue;
        }
        out->kind = (enum observation_kind)kind;
        return kinds[kind].read(&rest, out) && rest == NULL && write_text(out, again) &&
               strcmp(text, again) == 0;
    }
    return false;
}

enum observation_found observation_find(const char *line, struct observation *out,
                                        struct observation_text *text)
{
    struct observation read = {0};
    struct observation_text cut;
    uint8_t octets[TOKEN_MAC];
    const char *start = strstr(line, MARK);

    if (start == NULL) {
        return OBSERVATION_NONE;
    }
    const char *mac = strstr(start, MAC_FIELD);
    if (strstr(start + 1, MARK) != NULL || mac == NULL ||
        (size_t)(mac - start) >= sizeof(cut.text) ||
        !token_base32_read(mac + sizeof(MAC_FIELD) - 1, octets, sizeof(octets))) {
        return OBSERVATION_BROKEN;
    }
    snprintf(cut.text, sizeof(cut.text), "%.*s", (int)(mac - start), start);
    memcpy(cut.mac, mac + sizeof(MAC_FIELD) - 1, TOKEN_MAC_TEXT);
    if (!read_text(cut.text, &read)) {
        return OBSERVATION_BROKEN;
    }
    *out = read;
    *text = cut;
    return OBSERVATION_FOUND;
}

bool observation_verify(const struct observation *observation, const struct observation_text *text,
                        const struct token_binding *binding, const char *path)
{
    char expected[TOKEN_MAC_TEXT];

    return text_mac(observation, text->text, binding, path, expected) &&
           token_same(expected, text->mac, TOKEN_MAC_TEXT);
}

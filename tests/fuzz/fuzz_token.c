/*
 * lib/token.c and lib/observation.c: what a stranger sends has no valid MAC, what we write can be
 * read back and verified, and nothing of it holds any more when an octet, the connection, the path
 * or the key is another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/observation.h"
#include "lib/token.h"
#include "tests/fuzz/fuzz.h"

static struct token_key keys[2];

static void make_keys(void)
{
    static bool made;
    uint8_t octets[TOKEN_KEY_MIN];

    for (size_t i = 0; !made && i < 2; i++) {
        memset(octets, (int)i + 1, sizeof(octets));
        FUZZ_MUST(token_key_derive(octets, sizeof(octets), &keys[i]));
    }
    made = true;
}

static void fill(struct fuzz_input *input, uint8_t *out, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        out[i] = fuzz_byte(input);
    }
}

/* Another one that is not the same: one bit of it is changed. */
static void change(struct fuzz_input *input, uint8_t *octets, size_t length)
{
    uint8_t where = fuzz_byte(input);

    octets[where % length] ^= (uint8_t)(1U << where % 8);
}

/* ---- what a stranger sends --------------------------------------------------------------- */

static void check_strange_paths(const struct token_binding *binding, const char *mail,
                                const char *rcpt)
{
    struct token_hello hello;
    struct token_ask ask;

    if (token_hello_parse(mail, &hello)) {
        FUZZ_MUST(strncmp(mail, "<rw1.", 5) == 0 && mail[strlen(mail) - 1] == '>');
        FUZZ_MUST(fuzz_is_shown(hello.domain, false) && hello.domain[0] != '\0');
        FUZZ_MUST(!token_hello_verify(&keys[1], &hello) || !token_hello_verify(&keys[0], &hello));
        char again[TOKEN_HELLO_PATH_SIZE];
        if (token_hello_verify(binding->key, &hello)) {
            FUZZ_MUST(token_hello_build(binding->key, &hello, again));
            FUZZ_MUST(strncmp(mail, again, 5 + TOKEN_HELLO_LOCAL - 4) == 0);
        }
    }
    if (token_ask_parse(rcpt, &ask)) {
        FUZZ_MUST(ask.role >= TOKEN_ROLE_TRUE && ask.role <= TOKEN_ROLE_UNKNOWN);
        FUZZ_MUST(strstr(rcpt, "rw1.") != NULL);
        (void)token_ask_verify(binding, &ask, mail, rcpt);
    }
}

static void check_strange_reply(const struct token_binding *binding, const char *line,
                                const char *path)
{
    struct observation observation;
    struct observation_text text;
    enum observation_found found = observation_find(line, &observation, &text);

    FUZZ_MUST((found == OBSERVATION_NONE) == (strstr(line, "rwo1,") == NULL));
    if (found != OBSERVATION_FOUND) {
        return;
    }
    FUZZ_MUST(observation.kind <= OBSERVATION_ASK && strlen(text.text) <= OBSERVATION_MAX);
    FUZZ_MUST(strspn(text.text, "abcdefghijklmnopqrstuvwxyz0123456789.:,=[]-") ==
              strlen(text.text));
    FUZZ_MUST(strstr(line, text.text) != NULL);
    (void)observation_verify(&observation, &text, binding, path);
}

/* ---- what we write ----------------------------------------------------------------------- */

static void check_own_hello(struct fuzz_input *input, const char *domain)
{
    struct token_hello hello = {.time = fuzz_byte(input) * 16777259U};
    struct token_hello read;
    char path[TOKEN_HELLO_PATH_SIZE];

    fill(input, hello.route, sizeof(hello.route));
    fill(input, hello.nonce, sizeof(hello.nonce));
    snprintf(hello.domain, sizeof(hello.domain), "%s", domain);
    if (!token_hello_build(&keys[0], &hello, path)) {
        return;
    }
    FUZZ_MUST(token_hello_parse(path, &read) && token_hello_verify(&keys[0], &read));
    FUZZ_MUST(read.time == hello.time && !token_hello_verify(&keys[1], &read));
    FUZZ_MUST(memcmp(read.nonce, hello.nonce, sizeof(hello.nonce)) == 0);
    FUZZ_MUST(memcmp(read.route, hello.route, sizeof(hello.route)) == 0);
    FUZZ_MUST(token_hello_is_current(&read, read.time));
    /* One octet of it is another. */
    size_t at = fuzz_byte(input) % strlen(path);
    char before = path[at];
    path[at] = (char)(fuzz_byte(input) & 0x7F);
    bool same_case =
        path[at] == before || (at >= 1 + TOKEN_HELLO_LOCAL && (path[at] ^ before) == 0x20);
    if (!same_case && path[at] != '\0' && token_hello_parse(path, &read)) {
        FUZZ_MUST(!token_hello_verify(&keys[0], &read));
    }
}

/* The answer to an ask is no answer to another of the same shape: one of another technique,
 * or after another sender. */
static void check_answers_of_asks(const struct token_binding *binding, const struct token_ask *ask,
                                  const char *mail, const char *path)
{
    const struct observation observation = {
        .kind = OBSERVATION_ASK,
        .decision = DECISION_ACCEPTED,
        .destination = DESTINATION_EXTERNAL,
    };
    struct token_ask changed = *ask;
    struct observation read;
    struct observation_text text;
    char line[OBSERVATION_SIZE];
    char other[TOKEN_PATH_MAX + 64];
    const char *senders[] = {mail, "<another@example.net>"};

    if (!observation_build(&observation, binding, path, line)) {
        return;
    }
    FUZZ_MUST(observation_find(line, &read, &text) == OBSERVATION_FOUND);
    FUZZ_MUST(observation_verify(&read, &text, binding, path));
    for (size_t i = 0; i < 2; i++) {
        changed.technique = i == 0 ? ask->technique ^ 1 : ask->technique;
        size_t before = (size_t)(strstr(path, "rw1.") - path);
        (void)snprintf(other, sizeof(other), "%.*s%s%s", (int)before, path, TOKEN_ASK_BLANK,
                       path + before + TOKEN_ASK_LOCAL);
        FUZZ_MUST(token_ask_seal(binding, &changed, senders[i], other));
        FUZZ_MUST(!observation_verify(&read, &text, binding, other));
    }
}

static void check_own_ask(struct fuzz_input *input, const struct token_binding *binding,
                          const char *mail, const char *domain)
{
    static const struct {
        const char *before;
        const char *behind;
    } shapes[] = {{"<", "@"}, {"<", "%x@"}, {"<\"", "@x\"@"}, {"<x!", "@"}};
    size_t shape = fuzz_byte(input) % (sizeof(shapes) / sizeof(shapes[0]));
    struct token_binding other = *binding;
    struct token_ask ask = {.role = (enum token_role)(1 + fuzz_byte(input) % 5),
                            .technique = fuzz_byte(input)};
    struct token_ask read;
    char path[TOKEN_PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s%s%s%s>", shapes[shape].before, TOKEN_ASK_BLANK,
             shapes[shape].behind, domain);
    if (!token_ask_seal(binding, &ask, mail, path)) {
        FUZZ_MUST(strstr(path, TOKEN_ASK_BLANK) != NULL);
        return;
    }
    FUZZ_MUST(token_ask_parse(path, &read));
    FUZZ_MUST(read.role == ask.role && read.technique == ask.technique);
    FUZZ_MUST(token_ask_verify(binding, &read, mail, path));
    change(input, other.nonce, sizeof(other.nonce));
    FUZZ_MUST(!token_ask_verify(&other, &read, mail, path));
    other = *binding;
    change(input, other.challenge, sizeof(other.challenge));
    FUZZ_MUST(!token_ask_verify(&other, &read, mail, path));
    other = *binding;
    other.key = &keys[1];
    FUZZ_MUST(!token_ask_verify(&other, &read, mail, path));
    FUZZ_MUST(!token_ask_verify(binding, &read, "<another@example.net>", path));
    check_answers_of_asks(binding, &ask, mail, path);
    read.technique ^= 1;
    FUZZ_MUST(!token_ask_verify(binding, &read, mail, path));
}

static struct observation make_observation(struct fuzz_input *input, const char *name)
{
    struct observation observation = {
        .kind = (enum observation_kind)(fuzz_byte(input) % 3),
        .client_port = (uint16_t)(fuzz_byte(input) * 257),
        .masked = (fuzz_byte(input) & 1) != 0,
        .listener_port = (uint16_t)(fuzz_byte(input) * 257),
        .seen = fuzz_byte(input) * 1000U,
        .accepted = fuzz_byte(input),
        .time = fuzz_byte(input) * 16777259U,
        .permission = (enum permission)(fuzz_byte(input) % 4),
        .decision = DECISION_ACCEPTED,
        .destination = (enum destination)(fuzz_byte(input) % 3),
    };

    observation.client.family = (enum address_family)(fuzz_byte(input) % 3);
    observation.listener.family = (enum address_family)(fuzz_byte(input) % 3);
    fill(input, observation.client.octets,
         observation.client.family == ADDRESS_IPV4   ? 4
         : observation.client.family == ADDRESS_IPV6 ? 16
                                                     : 0);
    fill(input, observation.listener.octets,
         observation.listener.family == ADDRESS_IPV4   ? 4
         : observation.listener.family == ADDRESS_IPV6 ? 16
                                                       : 0);
    fill(input, observation.challenge, sizeof(observation.challenge));
    observation_set_mta(&observation, name);
    return observation;
}

static bool is_mapped(const struct address *address)
{
    static const uint8_t prefix[12] = {[10] = 0xFF, [11] = 0xFF};

    return address->family == ADDRESS_IPV6 && memcmp(address->octets, prefix, sizeof(prefix)) == 0;
}

static void check_own_observation(struct fuzz_input *input, const struct token_binding *binding,
                                  const char *path, const char *name)
{
    struct observation observation = make_observation(input, name);
    struct observation read;
    struct observation_text text;
    struct token_binding other = *binding;
    char line[OBSERVATION_SIZE];
    char reply[OBSERVATION_SIZE + 64];

    /* No address that the library makes is a mapped one. */
    if (is_mapped(&observation.client) || is_mapped(&observation.listener) ||
        !observation_build(&observation, binding, path, line)) {
        return;
    }
    FUZZ_MUST(fuzz_is_shown(line, false) && strlen(line) <= OBSERVATION_MAX);
    snprintf(reply, sizeof(reply), "5.7.1 <x@example.org>... %s; see the footer", line);
    FUZZ_MUST(observation_find(reply, &read, &text) == OBSERVATION_FOUND);
    FUZZ_MUST(read.kind == observation.kind);
    /* A hello's own challenge is the connection's from then on. */
    FUZZ_MUST(observation_verify(&read, &text, binding, path));
    FUZZ_MUST(!observation_verify(&read, &text, binding, "<another@example.net>"));
    change(input, other.nonce, sizeof(other.nonce));
    FUZZ_MUST(!observation_verify(&read, &text, &other, path));
    other = *binding;
    other.key = &keys[1];
    FUZZ_MUST(!observation_verify(&read, &text, &other, path));
    if (read.kind == OBSERVATION_HELLO) {
        FUZZ_MUST(address_equal(&read.client, &observation.client));
        FUZZ_MUST(read.permission == observation.permission && read.masked == observation.masked);
    }
    /* One octet of what it says is another. */
    size_t at = fuzz_byte(input) % strlen(line);
    line[at] = (char)(line[at] ^ (1 + fuzz_byte(input) % 15));
    if (observation_find(line, &read, &text) == OBSERVATION_FOUND) {
        FUZZ_MUST(!observation_verify(&read, &text, binding, path));
    }
}

static void check_base32(const char *text)
{
    uint8_t octets[35];
    char again[56];

    for (size_t length = 1; length <= sizeof(octets); length++) {
        size_t characters = (8 * length + 4) / 5;
        if (strlen(text) >= characters && token_base32_read(text, octets, length)) {
            token_base32(octets, length, again);
            FUZZ_MUST(memcmp(text, again, characters) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    char *mail = fuzz_field(&input);
    char *rcpt = fuzz_field(&input);
    char *line = fuzz_field(&input);
    char *name = fuzz_field(&input);
    struct token_binding binding = {.key = &keys[0]};

    make_keys();
    fill(&input, binding.nonce, sizeof(binding.nonce));
    fill(&input, binding.challenge, sizeof(binding.challenge));
    check_strange_paths(&binding, mail, rcpt);
    check_strange_paths(&binding, rcpt, mail);
    check_strange_reply(&binding, line, mail);
    check_base32(name);
    check_own_hello(&input, name);
    check_own_ask(&input, &binding, mail, name);
    check_own_observation(&input, &binding, mail, name);
    free(name);
    free(line);
    free(rcpt);
    free(mail);
    return 0;
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/token.h"
#include "tests/unit/random_bytes.h"
#include "tests/unit/vectors.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define ASKS 6 /* in lib/tokens.md */

/* ---- the vectors ---------------------------------------------------------------------- */

static void keys_are_derived_as_the_vectors_say(void **state)
{
    (void)state;
    struct token_key key;
    const struct {
        const char *name;
        const uint8_t *derived;
    } rows[] = {
        {"key.hello", key.hello},
        {"key.ask", key.ask},
        {"key.observation", key.observation},
        {"key.route", key.route},
        {"key.fingerprint", key.fingerprint},
    };
    char text[VECTOR_SIZE];
    char fingerprint[TOKEN_FINGERPRINT_SIZE];
    uint8_t expected[TOKEN_DIGEST];

    vector_key(&key);
    for (size_t i = 0; i < ROWS(rows); i++) {
        vector_octets(rows[i].name, expected, sizeof(expected));
        assert_memory_equal(rows[i].derived, expected, sizeof(expected));
    }
    assert_string_equal(token_fingerprint(&key, fingerprint), vector("key.shown", text));
}

static void the_hello_of_the_vectors(struct token_hello *out)
{
    char text[VECTOR_SIZE];

    memset(out, 0, sizeof(*out));
    vector_octets("route.octets", out->route, sizeof(out->route));
    out->time = (uint32_t)strtoul(vector("hello.time", text), NULL, 10);
    vector_octets("hello.nonce", out->nonce, sizeof(out->nonce));
    snprintf(out->domain, sizeof(out->domain), "%.250s", vector("hello.domain", text));
}

static void a_route_is_that_of_the_vectors(void **state)
{
    (void)state;
    struct token_key key;
    char probe[VECTOR_SIZE];
    char target[VECTOR_SIZE];
    char endpoint[VECTOR_SIZE];
    uint8_t expected[TOKEN_ROUTE];
    uint8_t route[TOKEN_ROUTE];

    vector_key(&key);
    vector_octets("route.octets", expected, sizeof(expected));
    assert_true(token_route(&key, vector("route.probe", probe), vector("route.target", target),
                            vector("route.endpoint", endpoint), route));
    assert_memory_equal(route, expected, sizeof(expected));
    /* Fields have lengths: moving an octet from one to the next makes another route. */
    assert_true(token_route(&key, "a", "bc", "d", expected));
    assert_true(token_route(&key, "ab", "c", "d", route));
    assert_memory_not_equal(route, expected, sizeof(expected));
}

static void the_hello_of_the_vectors_is_built_and_read_back(void **state)
{
    (void)state;
    struct token_key key;
    struct token_hello hello;
    struct token_hello read;
    char path[TOKEN_HELLO_PATH_SIZE];
    char text[VECTOR_SIZE];

    vector_key(&key);
    the_hello_of_the_vectors(&hello);
    assert_true(token_hello_build(&key, &hello, path));
    assert_string_equal(path, vector("hello.path", text));
    assert_true(token_hello_parse(path, &read));
    assert_true(token_hello_verify(&key, &read));
    assert_memory_equal(read.route, hello.route, sizeof(read.route));
    assert_memory_equal(read.nonce, hello.nonce, sizeof(read.nonce));
    assert_int_equal(read.time, hello.time);
    assert_string_equal(read.domain, hello.domain);
}

static void the_asks_of_the_vectors_are_sealed_and_believed(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    struct token_ask read;
    char text[VECTOR_SIZE];
    char sender[VECTOR_SIZE];
    char expected[VECTOR_SIZE];
    char path[VECTOR_SIZE];

    vector_binding(&key, &binding);
    for (int i = 1; i <= ASKS; i++) {
        const struct token_ask ask = {
            .role = (enum token_role)strtoul(vector_of("ask", i, "role", text), NULL, 10),
            .technique = (uint8_t)strtoul(vector_of("ask", i, "technique", text), NULL, 10),
        };
        vector_of("ask", i, "sender", sender);
        vector_of("ask", i, "recipient", expected);
        const char *token = strstr(expected, "rw1.");
        snprintf(path, sizeof(path), "%.*s" TOKEN_ASK_BLANK "%s", (int)(token - expected), expected,
                 token + TOKEN_ASK_LOCAL);
        assert_false(token_ask_parse(path, &read));
        assert_true(token_ask_seal(&binding, &ask, sender, path));
        assert_string_equal(path, expected);
        assert_true(token_ask_parse(path, &read));
        assert_int_equal(read.role, ask.role);
        assert_int_equal(read.technique, ask.technique);
        assert_true(token_ask_verify(&binding, &read, sender, path));
    }
}

/* ---- hello ---------------------------------------------------------------------------- */

static void what_has_not_the_exact_shape_is_no_hello(void **state)
{
    (void)state;
#define H "7hcj54tljhjabifbukr2jjngu6uktkwgqgc7vcuvqi6ekwn27akovol7"
    static const char *const paths[] = {
        "",
        "<>",
        "rw1." H "@outside.example.net",
        "<rw1." H "@outside.example.net",
        "<rw1." H "@outside.example.net> SIZE=1",
        "<rw1." H "@>",
        "<rw1." H ">",
        "<rw1." H "@outside.example.net@example.org>",
        "<@example.org:rw1." H "@outside.example.net>",
        "<\"rw1." H "\"@outside.example.net>",
        "<rw1." H "a@outside.example.net>",
        "<rw1.a" H "@outside.example.net>",
        "<rw1." H H "@outside.example.net>",
        "<rw1." H ".rw1." H "@outside.example.net>",
        "<rw1." H "@rw1." H ">",
        "<rw1.7hcj54tljhjabifbukr2jjngu6uktkwgqgc7vcuvqi6ekwn27akovol@outside.example.net>",
        "<rw1.7HCJ54TLJHJABIFBUKR2JJNGU6UKTKWGQGC7VCUVQI6EKWN27AKOVOL7@outside.example.net>",
        "<RW1." H "@outside.example.net>",
        "<rw2." H "@outside.example.net>",
        "<xrw1." H "@outside.example.net>",
        "<rw1.1hcj54tljhjabifbukr2jjngu6uktkwgqgc7vcuvqi6ekwn27akovol7@outside.example.net>",
        "<rw1." H "@out side.example.net>",
        "<rw1." H "%outside.example.net>",
        "< rw1." H "@outside.example.net>",
        "<rw1." H "@[192.0.2.1]>",
        "<rw1." H "@RW1.example.net>",
        "<rw1." H "-@outside.example.net>",
        "<rw1." H "_@outside.example.net>",
        "<rw1." H "+@outside.example.net>",
        " <rw1." H "@outside.example.net>",
        "<rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>",
    };
    struct token_hello hello;

    assert_true(token_hello_parse("<rw1." H "@outside.example.net>", &hello));
    for (size_t i = 0; i < ROWS(paths); i++) {
        if (token_hello_parse(paths[i], &hello)) {
            fail_msg("%s was taken for a hello", paths[i]);
        }
    }
#undef H
}

static void one_bit_makes_a_hello_another(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct token_key key;
    struct token_hello hello;
    char path[VECTOR_SIZE];

    vector_key(&key);
    vector("hello.path", path);
    for (size_t i = 5; i < 5 + 56; i++) {
        char before = path[i];
        path[i] = letters[((size_t)(strchr(letters, before) - letters)) ^ 1];
        assert_true(token_hello_parse(path, &hello));
        assert_false(token_hello_verify(&key, &hello));
        path[i] = before;
    }
    assert_true(token_hello_parse(path, &hello));
    assert_true(token_hello_verify(&key, &hello));
    hello.domain[0] = 'O';
    assert_true(token_hello_verify(&key, &hello));
    hello.domain[0] = 'p';
    assert_false(token_hello_verify(&key, &hello));
}

static void another_key_believes_nothing(void **state)
{
    (void)state;
    static const uint8_t octets[TOKEN_KEY_MAX] = {1};
    struct token_key key;
    struct token_key other;
    struct token_binding binding;
    struct token_hello hello;
    struct token_ask ask;
    char path[VECTOR_SIZE];
    char sender[VECTOR_SIZE];

    vector_binding(&key, &binding);
    assert_true(token_key_derive(octets, sizeof(octets), &other));
    assert_true(token_hello_parse(vector("hello.path", path), &hello));
    assert_false(token_hello_verify(&other, &hello));
    binding.key = &other;
    assert_true(token_ask_parse(vector("ask1.recipient", path), &ask));
    assert_false(token_ask_verify(&binding, &ask, vector("ask1.sender", sender), path));
}

static void a_key_is_32_to_4096_octets(void **state)
{
    (void)state;
    static const uint8_t octets[TOKEN_KEY_MAX + 1] = {0};
    struct token_key key;

    assert_false(token_key_derive(octets, TOKEN_KEY_MIN - 1, &key));
    assert_true(token_key_derive(octets, TOKEN_KEY_MIN, &key));
    assert_true(token_key_derive(octets, TOKEN_KEY_MAX, &key));
    assert_false(token_key_derive(octets, TOKEN_KEY_MAX + 1, &key));
}

static void a_hello_lives_ten_minutes_and_may_be_two_ahead(void **state)
{
    (void)state;
    const struct token_hello hello = {.time = 1800000000};
    const struct token_hello last = {.time = UINT32_MAX};

    assert_true(token_hello_is_current(&hello, 1800000000));
    assert_true(token_hello_is_current(&hello, 1800000600));
    assert_false(token_hello_is_current(&hello, 1800000601));
    assert_true(token_hello_is_current(&hello, 1800000000 - 120));
    assert_false(token_hello_is_current(&hello, 1800000000 - 121));
    assert_false(token_hello_is_current(&last, 0));
    assert_true(token_hello_is_current(&last, UINT32_MAX));
}

static void a_hello_is_not_built_for_what_is_no_domain(void **state)
{
    (void)state;
    struct token_key key;
    struct token_hello hello;
    char path[TOKEN_HELLO_PATH_SIZE] = "untouched";

    vector_key(&key);
    the_hello_of_the_vectors(&hello);
    hello.domain[0] = '\0';
    assert_false(token_hello_build(&key, &hello, path));
    snprintf(hello.domain, sizeof(hello.domain), "a>b");
    assert_false(token_hello_build(&key, &hello, path));
    snprintf(hello.domain, sizeof(hello.domain), "fw-RW1.example.net"); /* a second mark */
    assert_false(token_hello_build(&key, &hello, path));
    assert_string_equal(path, "untouched");
}

/* ---- ask ------------------------------------------------------------------------------ */

static void an_ask_stands_between_octets_of_other_words(void **state)
{
    (void)state;
    struct token_ask ask;
    static const struct {
        const char *path;
        bool is_ask;
    } rows[] = {
        {"<rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", true},
        {"<rw1.aiaqiv3l2krl2e4dfkca>", true},
        {"<rw1.aiaqiv3l2krl2e4dfkca%outside.example.net@example.org>", true},
        {"<rw1.aiaqiv3l2krl2e4dfkca=outside.example.net@example.org>", true},
        {"<\"rw1.aiaqiv3l2krl2e4dfkca\">", true},
        {"<outside.example.net!rw1.aiaqiv3l2krl2e4dfkca@example.org>", true},
        {"<@example.org:rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", true},
        {"rw1.aiaqiv3l2krl2e4dfkca@outside.example.net", false},
        {"@rw1.aiaqiv3l2krl2e4dfkca", false},
        {"<xrw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<.rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca.x@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca+x@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca\xc3\xa4@outside.example.net>", false},
        {"<\xc3\xa4rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkc@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkcaa@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkcb@outside.example.net>", false},
        {"<rw1.AIAQIV3L2KRL2E4DFKCA@outside.example.net>", false},
        {"<Rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca@rw1.aiaqiv3l2krl2e4dfkca>", false},
        {"<RW1.@rw1.aiaqiv3l2krl2e4dfkca>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca@RW1.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca@rw1.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca@arW1.>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca@rw1example.net>", true},
        {"\"rw1.aiaqiv3l2krl2e4dfkca\"@outside.example.net", false},
        {" rw1.aiaqiv3l2krl2e4dfkca@outside.example.net", false},
        {" <rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<-rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<_rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<+rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<9rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<Zrw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", false},
        {"<=rw1.aiaqiv3l2krl2e4dfkca@outside.example.net>", true},
        {"<rw1.aiaqiv3l2krl2e4dfkca-@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca_@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca9@outside.example.net>", false},
        {"<rw1.aiaqiv3l2krl2e4dfkcaZ@outside.example.net>", false},
        /* a hello's token is no ask */
        {"<rw1.7hcj54tljhjabifbukr2jjngu6uktkwgqgc7vcuvqi6ekwn27akovol7@outside.example.net>",
         false},
        {"<rw1.", false},
        {"<rw1.aiaqiv3l2krl2e4dfkca", false},
        {"", false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        if (token_ask_parse(rows[i].path, &ask) != rows[i].is_ask) {
            fail_msg("%s is misjudged", rows[i].path);
        }
    }
}

static void a_role_that_there_is_not_makes_no_ask(void **state)
{
    (void)state;
    uint8_t octets[12] = {0};
    char path[] = "<rw1.aaaaaaaaaaaaaaaaaaaa@outside.example.net>";
    struct token_ask ask;

    for (unsigned int role = 0; role <= 255; role++) {
        octets[0] = (uint8_t)role;
        token_base32(octets, sizeof(octets), path + 5);
        assert_int_equal(token_ask_parse(path, &ask), role >= 1 && role <= 5);
    }
}

/* Role, technique, both paths, nonce and challenge: what is changed afterwards is not believed. */
static void an_ask_is_bound_to_all_that_it_names(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    struct token_binding other;
    struct token_ask ask;
    struct token_ask changed;
    char sender[VECTOR_SIZE];
    char path[VECTOR_SIZE];

    vector_binding(&key, &binding);
    vector("ask1.sender", sender);
    assert_true(token_ask_parse(vector("ask1.recipient", path), &ask));
    assert_true(token_ask_verify(&binding, &ask, sender, path));
    changed = ask;
    changed.role = TOKEN_ROLE_TRUE;
    assert_false(token_ask_verify(&binding, &changed, sender, path));
    changed = ask;
    changed.technique++;
    assert_false(token_ask_verify(&binding, &changed, sender, path));
    assert_false(token_ask_verify(&binding, &ask, "<other@example.net>", path));
    assert_true(token_ask_verify(&binding, &ask, "<Sender@Example.NET>", path));
    assert_true(token_ask_verify(&binding, &ask, "  <sender@example.net>", path));
    assert_false(token_ask_verify(&binding, &ask, "< sender@example.net>", path));
    assert_false(
        token_ask_verify(&binding, &ask, sender, "<rw1.aiaqiv3l2krl2e4dfkca@other.example.net>"));
    other = binding;
    other.nonce[10] ^= 1;
    assert_false(token_ask_verify(&other, &ask, sender, path));
    other = binding;
    other.challenge[0] ^= 0x80;
    assert_false(token_ask_verify(&other, &ask, sender, path));
}

/* Each octet of it, and each bit of each. */
static void an_ask_with_another_mac_is_not_believed(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    struct token_ask ask;
    char sender[VECTOR_SIZE];
    char path[VECTOR_SIZE];

    vector_binding(&key, &binding);
    vector("ask1.sender", sender);
    assert_true(token_ask_parse(vector("ask1.recipient", path), &ask));
    for (size_t i = 0; i < 8 * sizeof(ask.mac); i++) {
        struct token_ask changed = ask;
        changed.mac[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_false(token_ask_verify(&binding, &changed, sender, path));
    }
    for (size_t i = 0; i < 8 * sizeof(binding.nonce); i++) {
        struct token_binding other = binding;
        other.nonce[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_false(token_ask_verify(&other, &ask, sender, path));
    }
    for (size_t i = 0; i < 8 * sizeof(binding.challenge); i++) {
        struct token_binding other = binding;
        other.challenge[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_false(token_ask_verify(&other, &ask, sender, path));
    }
    assert_true(token_ask_verify(&binding, &ask, sender, path));
}

static void a_hello_with_another_mac_is_not_believed(void **state)
{
    (void)state;
    struct token_key key;
    struct token_hello hello;
    char path[VECTOR_SIZE];

    vector_key(&key);
    assert_true(token_hello_parse(vector("hello.path", path), &hello));
    for (size_t i = 0; i < 8 * sizeof(hello.mac); i++) {
        hello.mac[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_false(token_hello_verify(&key, &hello));
        hello.mac[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    assert_true(token_hello_verify(&key, &hello));
}

/* Of TOKEN_PATH_MAX octets, with the token and the spaces before it. */
static void a_path_of_1024_octets_has_a_mac_and_a_longer_one_has_none(void **state)
{
    (void)state;
    const struct token_ask ask = {.role = TOKEN_ROLE_TRUE, .technique = 1};
    struct token_key key;
    struct token_binding binding;
    struct token_ask read;
    char long_path[TOKEN_PATH_MAX + 2];
    char path[] = "<" TOKEN_ASK_BLANK "@outside.example.net>";

    vector_binding(&key, &binding);
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '<';
    long_path[TOKEN_PATH_MAX] = '>';
    long_path[TOKEN_PATH_MAX + 1] = '\0'; /* 1025 */
    assert_false(token_ask_seal(&binding, &ask, long_path, path));
    assert_string_equal(path, "<" TOKEN_ASK_BLANK "@outside.example.net>");
    long_path[TOKEN_PATH_MAX - 1] = '>';
    long_path[TOKEN_PATH_MAX] = '\0';
    assert_true(token_ask_seal(&binding, &ask, long_path, path));
    assert_true(token_ask_parse(path, &read));
    assert_true(token_ask_verify(&binding, &read, long_path, path));
    /* As a recipient. */
    memcpy(long_path + 1, TOKEN_ASK_BLANK "@", sizeof(TOKEN_ASK_BLANK));
    assert_true(token_ask_seal(&binding, &ask, "<>", long_path));
    assert_true(token_ask_parse(long_path, &read));
    assert_true(token_ask_verify(&binding, &read, "<>", long_path));
    long_path[TOKEN_PATH_MAX] = '>';
    assert_false(token_ask_verify(&binding, &read, "<>", long_path));
    assert_false(token_ask_verify(&binding, &read, "", path));
}

/* A sender that has an ask's shape is an ordinary one, and its token is cut out of the MAC. */
static void the_first_token_of_a_path_is_cut_out_of_an_asks_mac(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    struct token_ask ask;
    char sender[VECTOR_SIZE];
    char path[VECTOR_SIZE];

    vector_binding(&key, &binding);
    vector("ask1.sender", sender);
    assert_true(token_ask_parse(vector("ask1.recipient", path), &ask));
    path[sizeof("<rw1.") - 1] = 'b'; /* another token */
    assert_true(token_ask_verify(&binding, &ask, sender, path));
    path[0] = '[';
    assert_false(token_ask_verify(&binding, &ask, sender, path));
}

/* A text that is no token by one octet, wherever that is, is a part of the path as all others. */
static void what_is_nearly_a_token_is_not_cut_out(void **state)
{
    (void)state;
    const struct token_ask ask = {.role = TOKEN_ROLE_TRUE, .technique = 1};
    struct token_key key;
    struct token_binding binding;
    struct token_ask read;
    char sender[] = "<rw1.aiaqiv3l2krl2e4dfkca@example.net>";
    char path[] = "<" TOKEN_ASK_BLANK "@outside.example.net>";

    vector_binding(&key, &binding);
    for (size_t i = sizeof("<rw1.") - 1; i < sizeof("<rw1.") - 1 + 20; i++) {
        char before = sender[i];
        snprintf(path, sizeof(path), "<%s@outside.example.net>", TOKEN_ASK_BLANK);
        sender[i] = '1';
        assert_true(token_ask_seal(&binding, &ask, sender, path));
        assert_true(token_ask_parse(path, &read));
        assert_true(token_ask_verify(&binding, &read, sender, path));
        sender[i] = '8';
        assert_false(token_ask_verify(&binding, &read, sender, path));
        sender[i] = before;
        assert_false(token_ask_verify(&binding, &read, sender, path));
    }
}

static void roles_have_names_and_three_are_from_outside(void **state)
{
    (void)state;
    static const struct {
        enum token_role role;
        const char *name;
        bool outside;
    } rows[] = {
        {TOKEN_ROLE_TRUE, "true", true},       {TOKEN_ROLE_HIDDEN, "hidden", true},
        {TOKEN_ROLE_INSIDE, "inside", false},  {TOKEN_ROLE_CLAIMED, "claimed", false},
        {TOKEN_ROLE_UNKNOWN, "unknown", true},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_string_equal(token_role_name(rows[i].role), rows[i].name);
        assert_int_equal(token_role_is_outside(rows[i].role), rows[i].outside);
    }
}

static void nothing_is_sealed_without_exactly_one_blank(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "<canary@outside.example.net>",
        "<" TOKEN_ASK_BLANK "@" TOKEN_ASK_BLANK ">",
        "<" TOKEN_ASK_BLANK "x@outside.example.net>",
        "<x" TOKEN_ASK_BLANK "@outside.example.net>",
        "<RW1." TOKEN_ASK_BLANK ">",
    };
    const struct token_ask ask = {.role = TOKEN_ROLE_TRUE, .technique = 1};
    struct token_key key;
    struct token_binding binding;
    char path[TOKEN_PATH_MAX + 64];

    vector_binding(&key, &binding);
    for (size_t i = 0; i < ROWS(paths); i++) {
        snprintf(path, sizeof(path), "%s", paths[i]);
        if (token_ask_seal(&binding, &ask, "<>", path)) {
            fail_msg("%s was sealed", paths[i]);
        }
        assert_string_equal(path, paths[i]);
    }
    memset(path, 'a', sizeof(path));
    snprintf(path, sizeof(path), "<%s@", TOKEN_ASK_BLANK);
    path[strlen(path)] = 'a';
    path[sizeof(path) - 1] = '\0';
    assert_false(token_ask_seal(&binding, &ask, "<>", path));
    assert_non_null(strstr(path, TOKEN_ASK_BLANK));
}

/* ---- base32, and anything ------------------------------------------------------------- */

static void base32_has_one_spelling_an_octet_string(void **state)
{
    (void)state;
    uint64_t seed = 4;
    uint8_t octets[35];
    uint8_t back[35];
    char text[64];

    for (int round = 0; round < 1000; round++) {
        size_t length = random_number(&seed) % sizeof(octets);
        random_text(&seed, NULL, 0, (char *)octets, length);
        memset(text, 0, sizeof(text));
        token_base32(octets, length, text);
        assert_int_equal(strlen(text), (8 * length + 4) / 5);
        assert_true(token_base32_read(text, back, length));
        assert_memory_equal(back, octets, length);
    }
    assert_true(token_base32_read("7777777777777777777q", back, 12));
    assert_false(token_base32_read("77777777777777777777", back, 12)); /* unused bits */
    assert_false(token_base32_read("my", back, 2));                    /* too short */
    assert_false(token_base32_read("m=", back, 1));
    assert_false(token_base32_read("M4", back, 1));
}

static void any_octets_are_read_without_harm(void **state)
{
    (void)state;
    static const char letters[] = "rw1.<>@\"%!:aA2_ \x80";
    uint64_t seed = 20;
    char path[128];
    struct token_hello hello;
    struct token_ask ask;

    for (int round = 0; round < 50000; round++) {
        size_t length = random_number(&seed) % sizeof(path);
        random_text(&seed, letters, sizeof(letters) - 1, path, length);
        path[length == 0 ? 0 : length - 1] = '\0';
        assert_false(token_hello_parse(path, &hello));
        assert_false(token_ask_parse(path, &ask));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_derived_as_the_vectors_say),
        cmocka_unit_test(a_route_is_that_of_the_vectors),
        cmocka_unit_test(the_hello_of_the_vectors_is_built_and_read_back),
        cmocka_unit_test(the_asks_of_the_vectors_are_sealed_and_believed),
        cmocka_unit_test(what_has_not_the_exact_shape_is_no_hello),
        cmocka_unit_test(one_bit_makes_a_hello_another),
        cmocka_unit_test(another_key_believes_nothing),
        cmocka_unit_test(a_key_is_32_to_4096_octets),
        cmocka_unit_test(a_hello_lives_ten_minutes_and_may_be_two_ahead),
        cmocka_unit_test(a_hello_is_not_built_for_what_is_no_domain),
        cmocka_unit_test(an_ask_stands_between_octets_of_other_words),
        cmocka_unit_test(a_role_that_there_is_not_makes_no_ask),
        cmocka_unit_test(an_ask_is_bound_to_all_that_it_names),
        cmocka_unit_test(an_ask_with_another_mac_is_not_believed),
        cmocka_unit_test(a_hello_with_another_mac_is_not_believed),
        cmocka_unit_test(a_path_of_1024_octets_has_a_mac_and_a_longer_one_has_none),
        cmocka_unit_test(the_first_token_of_a_path_is_cut_out_of_an_asks_mac),
        cmocka_unit_test(what_is_nearly_a_token_is_not_cut_out),
        cmocka_unit_test(roles_have_names_and_three_are_from_outside),
        cmocka_unit_test(nothing_is_sealed_without_exactly_one_blank),
        cmocka_unit_test(base32_has_one_spelling_an_octet_string),
        cmocka_unit_test(any_octets_are_read_without_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

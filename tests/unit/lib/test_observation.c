#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/observation.h"
#include "tests/unit/random_bytes.h"
#include "tests/unit/vectors.h"

#define ROWS(table)  (sizeof(table) / sizeof((table)[0]))
#define OBSERVATIONS 6 /* in lib/tokens.md */

static struct address parsed(const char *text)
{
    struct address address;

    assert_true(address_parse(text, &address));
    return address;
}

static enum observation_found found(const char *line)
{
    struct observation observation;
    struct observation_text text;

    return observation_find(line, &observation, &text);
}

static void observations_of_the_vectors_are_read_believed_and_built(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    struct observation observation;
    struct observation_text text;
    char path[VECTOR_SIZE];
    char expected[VECTOR_SIZE];
    char built[OBSERVATION_SIZE];

    vector_binding(&key, &binding);
    for (int i = 1; i <= OBSERVATIONS; i++) {
        vector_of("observation", i, "path", path);
        vector_of("observation", i, "text", expected);
        assert_int_equal(observation_find(expected, &observation, &text), OBSERVATION_FOUND);
        assert_true(observation_verify(&observation, &text, &binding, path));
        assert_true(observation_build(&observation, &binding, path, built));
        assert_string_equal(built, expected);
    }
}

static void values_are_those_of_the_text(void **state)
{
    (void)state;
    struct observation observation;
    struct observation_text text;
    char line[VECTOR_SIZE];
    struct address client = parsed("2001:db8::7");
    struct address listener = parsed("2001:db8:1::25");
    uint8_t challenge[TOKEN_CHALLENGE];

    vector_octets("challenge.octets", challenge, sizeof(challenge));
    assert_int_equal(observation_find(vector("observation2.text", line), &observation, &text),
                     OBSERVATION_FOUND);
    assert_int_equal(observation.kind, OBSERVATION_HELLO);
    assert_true(address_equal(&observation.client, &client));
    assert_int_equal(observation.client_port, 0);
    assert_int_equal(observation.permission, PERMISSION_NONE);
    assert_true(observation.masked);
    assert_true(address_equal(&observation.listener, &listener));
    assert_int_equal(observation.listener_port, 587);
    assert_string_equal(observation.mta, "mx.example.org");
    assert_int_equal(observation.time, 1800000001);
    assert_memory_equal(observation.challenge, challenge, sizeof(challenge));
    assert_int_equal(observation.seen, 46);
    assert_int_equal(observation.accepted, 45);
}

static void text_around_an_observation_does_not_hide_it(void **state)
{
    (void)state;
    static const char *const around[] = {
        "550 5.7.0 %s",
        "450 4.7.0 <rw1.x@outside.example.net>: %s",
        "550 5.7.1 <user@outside.example.net>... %s",
        "550 5.7.0 %s. For help see https://example.org/",
        "550-5.7.0 %s",
        "%sabcdefghijklmnop",
        "%s,mac=aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "RWO1, rwo1 %s RWO1, rwo1",
    };
    struct token_key key;
    struct token_binding binding;
    struct observation observation;
    struct observation_text text;
    char path[VECTOR_SIZE];
    char expected[VECTOR_SIZE];
    char line[2 * VECTOR_SIZE];

    vector_binding(&key, &binding);
    vector("observation1.path", path);
    vector("observation1.text", expected);
    for (size_t i = 0; i < ROWS(around); i++) {
        const char *place = strstr(around[i], "%s");
        snprintf(line, sizeof(line), "%.*s%s%s", (int)(place - around[i]), around[i], expected,
                 place + 2);
        assert_int_equal(observation_find(line, &observation, &text), OBSERVATION_FOUND);
        assert_true(observation_verify(&observation, &text, &binding, path));
    }
}

static void what_is_not_spelled_exactly_so_is_broken(void **state)
{
    (void)state;
#define MAC  ",mac=rjfktqfcprdy6xg6ehqjvt4eoi"
#define TAIL ",challenge=aaaqeayeaudaocaj,seen=0,accepted=0" MAC
#define HELLO(client, port, permission, masked, listener, mta, time)                               \
    "rwo1,hello,client=" client ",port=" port ",permission=" permission ",masked=" masked          \
    ",listener=" listener ",mta=" mta ",time=" time TAIL
    static const char *const lines[] = {
        HELLO("172.22.1.1", "049152", "none", "0", "203.0.113.25:25", "mx", "1"),
        HELLO("172.22.1.1", "70000", "none", "0", "203.0.113.25:25", "mx", "1"),
        HELLO("172.22.1.1", "+1", "none", "0", "203.0.113.25:25", "mx", "1"),
        HELLO("172.22.1.1", "", "none", "0", "203.0.113.25:25", "mx", "1"),
        HELLO("172.22.1.01", "1", "none", "0", "203.0.113.25:25", "mx", "1"),
        HELLO("[172.22.1.1]", "1", "none", "0", "203.0.113.25:25", "mx", "1"),
        HELLO("2001:db8:0::1", "1", "none", "0", "203.0.113.25:25", "mx", "1"),
        HELLO("", "1", "none", "0", "203.0.113.25:25", "mx", "1"),
        HELLO("172.22.1.1", "1", "root", "0", "203.0.113.25:25", "mx", "1"),
        HELLO("172.22.1.1", "1", "none", "2", "203.0.113.25:25", "mx", "1"),
        HELLO("172.22.1.1", "1", "none", "0", "203.0.113.25", "mx", "1"),
        HELLO("172.22.1.1", "1", "none", "0", "2001:db8::1:25", "mx", "1"),
        HELLO("172.22.1.1", "1", "none", "0", "203.0.113.25:25", "", "1"),
        HELLO("172.22.1.1", "1", "none", "0", "203.0.113.25:25", "MX", "1"),
        HELLO("172.22.1.1", "1", "none", "0", "203.0.113.25:25", "a b", "1"),
        HELLO("172.22.1.1", "1", "none", "0", "203.0.113.25:25", "mx", "4294967296"),
        HELLO("172.22.1.1", "1", "none", "0", "203.0.113.25:25", "mx",
              "99999999999999999999999999"),
        HELLO("172.22.1.1", "1", "none", "0", "203.0.113.25:25",
              "a-name-of-more-than-sixty-four-octets-which-is-longer-than-any-mta", "1"),
        "rwo1,",
        "rwo1,,mac=",
        "rwo1,hello" MAC,
        "rwo1,nothing,time=1" MAC,
        "rwo1,hello,port=1,permission=none,masked=0,listener=unknown,mta=mx,time=1" TAIL,
        "rwo1,hello,client=unknown,permission=none,masked=0,listener=unknown,mta=mx,time=1" TAIL,
        "rwo1,hello,client=unknown,port=1,masked=0,listener=unknown,mta=mx,time=1" TAIL,
        "rwo1,hello,client=unknown,port=1,permission=none,listener=unknown,mta=mx,time=1" TAIL,
        "rwo1,hello,client=unknown,port=1,permission=none,masked=0,mta=mx,time=1" TAIL,
        "rwo1,hello,client=unknown,port=1,permission=none,masked=0,listener=unknown,time=1" TAIL,
        "rwo1,hello,client=unknown,port=1,permission=none,masked=0,listener=unknown,mta=mx" TAIL,
        "rwo1,hello,client=unknown,port=1,permission=none,masked=0" MAC,
        "rwo1,clock,time=1,time=1" MAC,
        "rwo1,clock,time=1," MAC,
        "rwo1,clock,seen=1" MAC,
        "rwo1,clock,time=1,mac=short",
        "rwo1,clock,time=1,mac=Rjfktqfcprdy6xg6ehqjvt4eoi",
        "rwo1,clock,time=1,mac=rjfktqfcprdy6xg6ehqjvt4eoj",
        "rwo1,clock,time=1" MAC " rwo1,clock,time=1" MAC,
        "rwo1,ask,decision=refused,destination=external,permission=none" MAC,
        "rwo1,ask,decision=accepted,destination=abroad,permission=none" MAC,
        "rwo1,ask,destination=external,decision=accepted,permission=none" MAC,
    };
    char ones[600];
    char longest[1024];

    for (size_t i = 0; i < ROWS(lines); i++) {
        if (found(lines[i]) != OBSERVATION_BROKEN) {
            fail_msg("%s was not found to be broken", lines[i]);
        }
    }
    memset(ones, '1', sizeof(ones));
    snprintf(longest, sizeof(longest), "rwo1,clock,time=%.*s" MAC, (int)sizeof(ones), ones);
    assert_int_equal(found(longest), OBSERVATION_BROKEN);
    assert_int_equal(found(""), OBSERVATION_NONE);
    assert_int_equal(found("554 5.7.1 <a@b>: Relay access denied"), OBSERVATION_NONE);
    assert_int_equal(found("RWO1,clock,time=1" MAC), OBSERVATION_NONE);
    assert_int_equal(found("rwo1,clock,time=1" MAC), OBSERVATION_FOUND);
#undef HELLO
#undef TAIL
#undef MAC
}

static bool believed(const char *line, const struct token_binding *binding, const char *path)
{
    struct observation observation;
    struct observation_text text;

    return observation_find(line, &observation, &text) == OBSERVATION_FOUND &&
           observation_verify(&observation, &text, binding, path);
}

static void an_observation_answers_one_command_of_one_connection(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    struct token_binding other;
    char path[VECTOR_SIZE];
    char line[VECTOR_SIZE];

    vector_binding(&key, &binding);
    for (int i = 1; i <= OBSERVATIONS; i++) {
        vector_of("observation", i, "path", path);
        vector_of("observation", i, "text", line);
        assert_true(believed(line, &binding, path));
        assert_false(believed(line, &binding, "<somebody@example.org>"));
        other = binding;
        other.nonce[0] ^= 1;
        assert_false(believed(line, &other, path));
        other = binding;
        other.challenge[0] ^= 1;
        /* A hello's answer brings its challenge, the clock has none. */
        assert_int_equal(believed(line, &other, path), i <= 3);
        char *digit = strstr(line, "=2");
        digit = digit == NULL ? strstr(line, "=1") : digit;
        if (digit != NULL) {
            digit[1] = '3';
            assert_false(believed(line, &binding, path));
        }
    }
}

/* Asks of one shape differ in their tokens alone: in role, technique or sender. */
static void an_observation_answers_no_other_ask_of_its_shape(void **state)
{
    (void)state;
    static const struct {
        enum token_role role;
        uint8_t technique;
        const char *sender;
    } others[] = {
        {TOKEN_ROLE_TRUE, 1, "<sender@example.net>"},
        {TOKEN_ROLE_HIDDEN, 2, "<sender@example.net>"},
        {TOKEN_ROLE_HIDDEN, 1, "<>"},
        {TOKEN_ROLE_HIDDEN, 1, "<canary@outside.example.net>"},
    };
    struct token_key key;
    struct token_binding binding;
    char line[VECTOR_SIZE];
    char path[VECTOR_SIZE];

    vector_binding(&key, &binding);
    vector("observation4.text", line);
    assert_true(believed(line, &binding, vector("ask1.recipient", path)));
    for (size_t i = 0; i < ROWS(others); i++) {
        const struct token_ask ask = {.role = others[i].role, .technique = others[i].technique};
        snprintf(path, sizeof(path), "<%s@outside.example.net>", TOKEN_ASK_BLANK);
        assert_true(token_ask_seal(&binding, &ask, others[i].sender, path));
        assert_false(believed(line, &binding, path));
    }
    assert_false(believed(line, &binding, "<@outside.example.net>"));
    assert_false(believed(line, &binding, "<canary@outside.example.net>"));
}

/* A hello's answer is for that hello: one with another route, time or MAC has another path. */
static void an_observation_answers_one_hello_in_any_letters(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    char line[VECTOR_SIZE];
    char path[VECTOR_SIZE];

    vector_binding(&key, &binding);
    for (int i = 1; i <= 3; i++) {
        vector_of("observation", i, "text", line);
        vector("hello.path", path);
        assert_true(believed(line, &binding, path));
        path[sizeof("<rw1.") - 1] ^= 1; /* of the route */
        assert_false(believed(line, &binding, path));
        vector("hello.path", path);
        memcpy(strstr(path, "outside"), "Outside", sizeof("Outside") - 1);
        assert_true(believed(line, &binding, path));
    }
}

static void the_longest_observation_fits_and_is_read_back(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    struct observation observation = {
        .kind = OBSERVATION_HELLO,
        .client = parsed("2001:db8:1111:2222:3333:4444:5555:6666"),
        .client_port = UINT16_MAX,
        .permission = PERMISSION_CLIENT_CERTIFICATE,
        .masked = true,
        .listener = parsed("2001:db8:1111:2222:3333:4444:5555:7777"),
        .listener_port = UINT16_MAX,
        .time = UINT32_MAX,
        .seen = UINT32_MAX,
        .accepted = UINT32_MAX,
    };
    struct observation read;
    struct observation_text text;
    char out[OBSERVATION_SIZE];
    char name[200];

    vector_binding(&key, &binding);
    memset(name, 'M', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    observation_set_mta(&observation, name);
    assert_true(observation_build(&observation, &binding, "<a@b>", out));
    assert_true(strlen(out) <= OBSERVATION_MAX);
    assert_int_equal(strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789.:,=[]-"), strlen(out));
    assert_int_equal(observation_find(out, &read, &text), OBSERVATION_FOUND);
    assert_true(observation_verify(&read, &text, &binding, "<a@b>"));
    assert_int_equal(read.seen, OBSERVATION_COUNT_MAX);
}

/* Each number at its limit, and one above it. */
static void numbers_have_the_limits_of_their_fields(void **state)
{
    (void)state;
#define MAC ",mac=rjfktqfcprdy6xg6ehqjvt4eoi"
#define HELLO(port, listener, time, seen, accepted)                                                \
    "rwo1,hello,client=172.22.1.1,port=" port                                                      \
    ",permission=none,masked=0,listener=203.0.113.25:" listener ",mta=mx,time=" time               \
    ",challenge=aaaqeayeaudaocaj,seen=" seen ",accepted=" accepted MAC
    static const struct {
        const char *line;
        enum observation_found found;
    } rows[] = {
        {HELLO("65535", "65535", "4294967295", "99999", "99999"), OBSERVATION_FOUND},
        {HELLO("0", "0", "0", "0", "0"), OBSERVATION_FOUND},
        {HELLO("65536", "25", "1", "0", "0"), OBSERVATION_BROKEN},
        {HELLO("1", "65536", "1", "0", "0"), OBSERVATION_BROKEN},
        {HELLO("1", "25", "4294967296", "0", "0"), OBSERVATION_BROKEN},
        {HELLO("1", "25", "1", "100000", "0"), OBSERVATION_BROKEN},
        {HELLO("1", "25", "1", "0", "100000"), OBSERVATION_BROKEN},
        {HELLO("1", "25", "1", "00", "0"), OBSERVATION_BROKEN},
        {HELLO("1", "025", "1", "0", "0"), OBSERVATION_BROKEN},
        {HELLO("1", "", "1", "0", "0"), OBSERVATION_BROKEN},
        {HELLO("1", "25", "00000000001", "0", "0"), OBSERVATION_BROKEN},
        {"rwo1,clock,time=4294967295" MAC, OBSERVATION_FOUND},
        {"rwo1,clock,time=4294967296" MAC, OBSERVATION_BROKEN},
        {"rwo1,clock,time=-1" MAC, OBSERVATION_BROKEN},
        {"rwo1,clock,time= 1" MAC, OBSERVATION_BROKEN},
        {"rwo1,clock,time=0x1" MAC, OBSERVATION_BROKEN},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        if (found(rows[i].line) != rows[i].found) {
            fail_msg("%s is misread", rows[i].line);
        }
    }
#undef HELLO
#undef MAC
}

static void each_permission_and_destination_is_written_and_read_back(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    struct observation read;
    struct observation_text text;
    char out[OBSERVATION_SIZE];

    vector_binding(&key, &binding);
    for (int permission = 0; permission <= PERMISSION_CLIENT_CERTIFICATE; permission++) {
        for (int destination = 0; destination <= DESTINATION_EXTERNAL; destination++) {
            struct observation observation = {.kind = OBSERVATION_ASK,
                                              .decision = DECISION_ACCEPTED,
                                              .destination = (enum destination)destination,
                                              .permission = (enum permission)permission};
            assert_true(observation_build(&observation, &binding, "<a@b>", out));
            assert_int_equal(observation_find(out, &read, &text), OBSERVATION_FOUND);
            assert_int_equal(read.permission, permission);
            assert_int_equal(read.destination, destination);
            assert_int_equal(read.decision, DECISION_ACCEPTED);
            observation.kind = OBSERVATION_HELLO;
            observation_set_mta(&observation, "mx");
            assert_true(observation_build(&observation, &binding, "<a@b>", out));
            assert_int_equal(observation_find(out, &read, &text), OBSERVATION_FOUND);
            assert_int_equal(read.permission, permission);
            assert_false(read.masked);
        }
    }
}

/* All of it: the first and the last octet, too. */
static void an_observation_with_another_mac_is_not_believed(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct token_key key;
    struct token_binding binding;
    char path[VECTOR_SIZE];
    char line[VECTOR_SIZE];

    vector_binding(&key, &binding);
    vector("observation1.path", path);
    vector("observation1.text", line);
    char *mac = strstr(line, ",mac=") + sizeof(",mac=") - 1;
    for (size_t i = 0; i < TOKEN_MAC_TEXT; i++) {
        char before = mac[i];
        size_t bit = i == TOKEN_MAC_TEXT - 1 ? 4 : 1; /* the last one's two lower bits are unused */
        mac[i] = letters[((size_t)(strchr(letters, before) - letters)) ^ bit];
        assert_false(believed(line, &binding, path));
        mac[i] = before;
    }
    assert_true(believed(line, &binding, path));
}

static void an_mta_s_name_has_64_octets_at_most(void **state)
{
    (void)state;
    struct observation observation;
    char name[80];

    for (size_t length = 63; length <= 66; length++) {
        memset(name, 'm', length);
        name[length] = '\0';
        observation_set_mta(&observation, name);
        assert_int_equal(strlen(observation.mta), length < 64 ? length : 64);
    }
    /* An end that is cut to look like a mark, and one that is the whole name. */
    memset(name, 'm', 60);
    snprintf(name + 60, sizeof(name) - 60, "rwo1x");
    observation_set_mta(&observation, name);
    assert_string_equal(observation.mta + 59, "mrwo-");
    observation_set_mta(&observation, "rwo1");
    assert_string_equal(observation.mta, "rwo-");
    observation_set_mta(&observation, "wo1");
    assert_string_equal(observation.mta, "wo1");
    observation_set_mta(&observation, "AZaz09.-:[]@`{/;");
    assert_string_equal(observation.mta, "azaz09.-:[]-----");
}

static void unknown_addresses_are_said_to_be_unknown(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    struct observation observation = {.kind = OBSERVATION_HELLO};
    struct observation read;
    struct observation_text text;
    char out[OBSERVATION_SIZE];

    vector_binding(&key, &binding);
    observation_set_mta(&observation, NULL);
    assert_true(observation_build(&observation, &binding, "<a@b>", out));
    assert_non_null(strstr(out, "client=unknown,port=0,"));
    assert_non_null(strstr(out, ",listener=unknown,mta=unknown,"));
    assert_int_equal(observation_find(out, &read, &text), OBSERVATION_FOUND);
    assert_int_equal(read.client.family, ADDRESS_NONE);
}

static void an_mta_s_name_cannot_forge_fields(void **state)
{
    (void)state;
    struct observation observation;

    observation_set_mta(&observation, "MX,time=1 \"\xc3\xa4_\n.example.org");
    assert_string_equal(observation.mta, "mx-time-1------.example.org");
    /* Not to be read as the mark of a second observation. */
    observation_set_mta(&observation, "mail.RWO1");
    assert_string_equal(observation.mta, "mail.rwo-");
    observation_set_mta(&observation, "[192.0.2.25]");
    assert_string_equal(observation.mta, "[192.0.2.25]");
    observation_set_mta(&observation, "");
    assert_string_equal(observation.mta, "unknown");
}

static void a_path_that_is_too_long_gets_no_answer(void **state)
{
    (void)state;
    struct token_key key;
    struct token_binding binding;
    const struct observation observation = {.kind = OBSERVATION_CLOCK, .time = 1};
    char path[TOKEN_PATH_MAX + 2];
    char out[OBSERVATION_SIZE];

    vector_binding(&key, &binding);
    memset(path, 'a', sizeof(path));
    path[TOKEN_PATH_MAX + 1] = '\0';
    assert_false(observation_build(&observation, &binding, path, out));
    path[TOKEN_PATH_MAX] = '\0';
    assert_true(observation_build(&observation, &binding, path, out));
    assert_false(observation_build(&observation, &binding, "", out));
}

static void any_octets_are_looked_through_without_harm(void **state)
{
    (void)state;
    static const char letters[] = "rwo1,hlcktime=as:[]0925.mac";
    uint64_t seed = 7;
    char noise[448];
    char line[512];

    for (int round = 0; round < 20000; round++) {
        size_t length = random_number(&seed) % sizeof(noise);
        random_text(&seed, letters, sizeof(letters) - 1, noise, length);
        snprintf(line, sizeof(line), "rwo1,%.*s%s", (int)length, noise,
                 round % 2 == 0 ? "" : ",mac=rjfktqfcprdy6xg6ehqjvt4eoi");
        assert_int_not_equal(found(line), OBSERVATION_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observations_of_the_vectors_are_read_believed_and_built),
        cmocka_unit_test(values_are_those_of_the_text),
        cmocka_unit_test(text_around_an_observation_does_not_hide_it),
        cmocka_unit_test(what_is_not_spelled_exactly_so_is_broken),
        cmocka_unit_test(an_observation_answers_one_command_of_one_connection),
        cmocka_unit_test(an_observation_answers_no_other_ask_of_its_shape),
        cmocka_unit_test(an_observation_answers_one_hello_in_any_letters),
        cmocka_unit_test(the_longest_observation_fits_and_is_read_back),
        cmocka_unit_test(numbers_have_the_limits_of_their_fields),
        cmocka_unit_test(each_permission_and_destination_is_written_and_read_back),
        cmocka_unit_test(an_observation_with_another_mac_is_not_believed),
        cmocka_unit_test(an_mta_s_name_has_64_octets_at_most),
        cmocka_unit_test(unknown_addresses_are_said_to_be_unknown),
        cmocka_unit_test(an_mta_s_name_cannot_forge_fields),
        cmocka_unit_test(a_path_that_is_too_long_gets_no_answer),
        cmocka_unit_test(any_octets_are_looked_through_without_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

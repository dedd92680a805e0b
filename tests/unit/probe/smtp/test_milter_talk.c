#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/smtp/milter_talk.h"

#define NOW 1800000000

static struct token_key key;
static struct token_key other_key;
static struct site *site;
static struct endpoint_result result;
static struct address ours;
static struct asker_settings settings;

static int64_t now(void)
{
    return NOW;
}

static bool nonce(uint8_t octets[TOKEN_NONCE])
{
    memset(octets, 0xa5, TOKEN_NONCE);
    return true;
}

static struct address address_of(const char *text)
{
    struct address address = {.family = ADDRESS_NONE};

    if (text[0] != '\0') {
        assert_true(address_parse(text, &address));
    }
    return address;
}

static int begin(void **state)
{
    static const char *const texts[] = {"127.0.0.0/8", "172.22.0.0/16", "192.0.2.0/24"};
    struct network *networks = calloc(3, sizeof(*networks));
    uint8_t octets[TOKEN_KEY_MIN] = {1};

    if (networks == NULL) {
        return -1;
    }

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        if (network_parse(texts[i], &networks[i]) != NETWORK_OK) {
            return -1;
        }
    }
    struct site_settings made = {
        .domains = domainset_new(), .networks = networks, .network_count = 3};
    site = site_new(&made);
    bool derived = token_key_derive(octets, sizeof(octets), &key);
    octets[0] = 2;
    return site != NULL && derived && token_key_derive(octets, sizeof(octets), &other_key) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    site_free(site);
    return 0;
}

static int fresh(void **state)
{
    (void)state;
    memset(&result, 0, sizeof(result));
    (void)snprintf(result.endpoint.target, sizeof(result.endpoint.target), "mx");
    result.endpoint.address = address_of("203.0.113.25");
    result.endpoint.port = 25;
    result.source = address_of("198.51.100.7");
    settings = (struct asker_settings){.key = &key,
                                       .probe = "probe.example.net",
                                       .site = site,
                                       .declared = VANTAGE_OUTSIDE,
                                       .now = now,
                                       .nonce = nonce};
    return 0;
}

/* ---- roles --------------------------------------------------------------------------- */

static void the_first_role_that_fits_is_the_probes(void **state)
{
    static const struct {
        const char *source;
        const char *client;
        const char *public_address;
        enum vantage declared;
        enum permission permission;
        enum token_role role;
        bool claimed;
    } rows[] = {
        {"198.51.100.7", "198.51.100.7", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_TRUE,
         false},
        {"198.51.100.7", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_TRUSTED_NETWORK,
         TOKEN_ROLE_HIDDEN, false},
        {"198.51.100.7", "198.51.100.9", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_HIDDEN,
         false},
        {"198.51.100.7", "", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_HIDDEN, false},
        {"198.51.100.7", "127.0.0.1", "", VANTAGE_OUTSIDE, PERMISSION_TRUSTED_NETWORK,
         TOKEN_ROLE_CLAIMED, true},
        {"198.51.100.7", "198.51.100.7", "", VANTAGE_INSIDE, PERMISSION_NONE, TOKEN_ROLE_INSIDE,
         false},
        {"203.0.113.25", "203.0.113.25", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_INSIDE,
         false},
        /* the MTA trusts our own address, whatever we have declared */
        {"198.51.100.7", "198.51.100.7", "", VANTAGE_OUTSIDE, PERMISSION_TRUSTED_NETWORK,
         TOKEN_ROLE_INSIDE, false},
        {"192.0.2.7", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_TRUSTED_NETWORK,
         TOKEN_ROLE_INSIDE, false},
        /* behind NAT of our own */
        {"10.0.0.7", "198.51.100.7", "198.51.100.7", VANTAGE_OUTSIDE, PERMISSION_NONE,
         TOKEN_ROLE_TRUE, false},
        {"10.0.0.7", "10.0.0.7", "198.51.100.7", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_TRUE,
         false},
        {"10.0.0.7", "172.22.1.1", "198.51.100.7", VANTAGE_OUTSIDE, PERMISSION_TRUSTED_NETWORK,
         TOKEN_ROLE_HIDDEN, false},
        {"10.0.0.7", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_TRUSTED_NETWORK,
         TOKEN_ROLE_UNKNOWN, false},
        {"10.0.0.7", "172.22.1.1", "192.0.2.9", VANTAGE_OUTSIDE, PERMISSION_TRUSTED_NETWORK,
         TOKEN_ROLE_INSIDE, false},
        /* an address of the other family is none for this connection */
        {"10.0.0.7", "198.51.100.7", "2001:db8:51::7", VANTAGE_OUTSIDE, PERMISSION_NONE,
         TOKEN_ROLE_UNKNOWN, false},
        {"2001:db8:51::7", "198.51.100.7", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_HIDDEN,
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address source = address_of(rows[i].source);
        struct address client = address_of(rows[i].client);
        ours = address_of(rows[i].public_address);
        settings.declared = rows[i].declared;
        settings.public_addresses = &ours;
        settings.public_address_count = ours.family != ADDRESS_NONE;
        const struct asker_view view = {rows[i].claimed, &source, &result.endpoint.address, &client,
                                        rows[i].permission};
        enum token_role role = asker_role(&settings, &view);
        if (role != rows[i].role) {
            fail_msg("row %zu: role %d instead of %d", i, role, rows[i].role);
        }
    }
}

/* ---- the filter's word --------------------------------------------------------------- */

/* What the filter with this key answers to the asker's hello. */
static void answer_hello(const struct asker *asker, const struct token_key *with,
                         const char *client, char line[OBSERVATION_SIZE + 16])
{
    struct observation observation = {.kind = OBSERVATION_HELLO,
                                      .client = address_of(client),
                                      .client_port = 4242,
                                      .listener = result.endpoint.address,
                                      .listener_port = 25,
                                      .time = NOW,
                                      .challenge = {7}};
    struct token_binding binding = asker->binding;
    char text[OBSERVATION_SIZE];

    observation_set_mta(&observation, "mx.example.org");
    binding.key = with;
    assert_true(observation_build(&observation, &binding, asker->path, text));
    (void)snprintf(line, OBSERVATION_SIZE + 16, "5.7.0 %s", text);
}

static void only_what_a_grant_does_not_prove_can_be_mistaken(void **state)
{
    static const struct {
        enum token_role role;
        enum permission permission;
        bool masked;
        bool mistakable;
    } rows[] = {
        {TOKEN_ROLE_TRUE, PERMISSION_NONE, false, false}, /* it is an open relay */
        {TOKEN_ROLE_UNKNOWN, PERMISSION_NONE, false, false},
        {TOKEN_ROLE_UNKNOWN, PERMISSION_TRUSTED_NETWORK, false, false},
        {TOKEN_ROLE_UNKNOWN, PERMISSION_TRUSTED_NETWORK, true, true},
        {TOKEN_ROLE_HIDDEN, PERMISSION_TRUSTED_NETWORK, false, true}, /* masked from now on */
        {TOKEN_ROLE_HIDDEN, PERMISSION_TRUSTED_NETWORK, true, true},
        {TOKEN_ROLE_HIDDEN, PERMISSION_NONE, false, true},
        {TOKEN_ROLE_INSIDE, PERMISSION_TRUSTED_NETWORK, false, false},
        {TOKEN_ROLE_INSIDE, PERMISSION_TRUSTED_NETWORK, true, true},
        {TOKEN_ROLE_INSIDE, PERMISSION_NONE, false, true},
        {TOKEN_ROLE_CLAIMED, PERMISSION_TRUSTED_NETWORK, false, false},
        {TOKEN_ROLE_CLAIMED, PERMISSION_NONE, false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct observation hello = {.permission = rows[i].permission,
                                          .masked = rows[i].masked};
        assert_int_equal(asker_is_mistakable(&settings, rows[i].role, &hello), rows[i].mistakable);
    }
    const struct observation stranger = {.permission = PERMISSION_NONE};
    settings.declared = VANTAGE_CLAIMED;
    assert_false(asker_is_mistakable(&settings, TOKEN_ROLE_CLAIMED, &stranger));
}

static void without_a_key_nothing_is_said(void **state)
{
    struct asker asker = {.said = false};

    (void)state;
    settings.key = NULL;
    assert_null(asker_hello(&asker, &settings, &result, "outside.example.net"));
    assert_false(asker.said);
}

static void an_answered_hello_makes_asks_and_their_answer_is_known(void **state)
{
    struct asker asker = {.said = false};
    char line[OBSERVATION_SIZE + 16];
    char path[] = "<" TOKEN_ASK_BLANK "@outside.example.net>";
    char text[OBSERVATION_SIZE];
    struct observation observation = {.kind = OBSERVATION_ASK,
                                      .decision = DECISION_ACCEPTED,
                                      .destination = DESTINATION_EXTERNAL};

    (void)state;
    assert_non_null(asker_hello(&asker, &settings, &result, "outside.example.net"));
    assert_false(asker_seal(&asker, 1, "<a@b.example>", path));
    answer_hello(&asker, &key, "198.51.100.7", line);
    assert_int_equal(asker_take_hello(&asker, &settings, &result, line), ASKER_OBSERVED);
    assert_true(result.milter.observed);
    assert_int_equal(result.milter.role, TOKEN_ROLE_TRUE);
    assert_true(asker_seal(&asker, 1, "<a@b.example>", path));
    assert_null(strstr(path, TOKEN_ASK_BLANK));
    assert_true(observation_build(&observation, &asker.binding, path, text));
    assert_int_equal(asker_take_ask(&asker, text, path, path, &observation), ASKER_OBSERVED);
    assert_int_equal(
        asker_take_ask(&asker, text, "<other@b.example>", "<other@b.example>", &observation),
        ASKER_UNVERIFIED);
    assert_int_equal(asker_take_ask(&asker, "5.7.1 Relay access denied", path, path, &observation),
                     ASKER_NOTHING);
}

static void an_answer_with_another_key_is_not_believed(void **state)
{
    struct asker asker = {.said = false};
    char line[OBSERVATION_SIZE + 16];

    (void)state;
    assert_non_null(asker_hello(&asker, &settings, &result, "outside.example.net"));
    answer_hello(&asker, &other_key, "172.22.1.1", line);
    assert_int_equal(asker_take_hello(&asker, &settings, &result, line), ASKER_UNVERIFIED);
    assert_false(result.milter.observed);
    assert_true(result.milter.unverified);
    assert_false(asker.verified);
}

static void of_several_answers_the_one_that_hides_us_is_kept(void **state)
{
    struct asker asker = {.said = false};
    char line[OBSERVATION_SIZE + 16];
    static const char *const clients[] = {"198.51.100.7", "172.22.1.1", "198.51.100.7"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(asker_hello(&asker, &settings, &result, "outside.example.net"));
        answer_hello(&asker, &key, clients[i], line);
        assert_int_equal(asker_take_hello(&asker, &settings, &result, line), ASKER_OBSERVED);
    }
    assert_int_equal(result.milter.role, TOKEN_ROLE_HIDDEN);
    struct address hidden = address_of("172.22.1.1");
    assert_true(address_equal(&result.milter.hello.client, &hidden));
}

static void clocks_that_differ_are_told_apart_from_silence(void **state)
{
    struct asker asker = {.said = false};
    struct observation observation = {.kind = OBSERVATION_CLOCK, .time = NOW + 700};
    char text[OBSERVATION_SIZE];

    (void)state;
    assert_non_null(asker_hello(&asker, &settings, &result, "outside.example.net"));
    assert_true(observation_build(&observation, &asker.binding, asker.path, text));
    assert_int_equal(asker_take_hello(&asker, &settings, &result, text), ASKER_CLOCK);
    assert_true(result.milter.clock_differs);
    assert_int_equal(result.milter.clock_ahead, 700);
    assert_false(result.milter.observed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_role_that_fits_is_the_probes, fresh),
        cmocka_unit_test_setup(only_what_a_grant_does_not_prove_can_be_mistaken, fresh),
        cmocka_unit_test_setup(without_a_key_nothing_is_said, fresh),
        cmocka_unit_test_setup(an_answered_hello_makes_asks_and_their_answer_is_known, fresh),
        cmocka_unit_test_setup(an_answer_with_another_key_is_not_believed, fresh),
        cmocka_unit_test_setup(of_several_answers_the_one_that_hides_us_is_kept, fresh),
        cmocka_unit_test_setup(clocks_that_differ_are_told_apart_from_silence, fresh),
    };

    return cmocka_run_group_tests_name("asker", tests, begin, end);
}

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
static struct milter_talk_settings settings;

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
    settings = (struct milter_talk_settings){.key = &key,
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
        /* claimed goes before all others: before inside, and before hidden and unknown */
        {"203.0.113.25", "203.0.113.25", "", VANTAGE_INSIDE, PERMISSION_TRUSTED_NETWORK,
         TOKEN_ROLE_CLAIMED, true},
        {"198.51.100.7", "198.51.100.7", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_CLAIMED,
         true},
        {"10.0.0.7", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_CLAIMED, true},
        /* inside before true, unknown and hidden */
        {"198.51.100.7", "172.22.1.1", "", VANTAGE_INSIDE, PERMISSION_NONE, TOKEN_ROLE_INSIDE,
         false},
        {"10.0.0.7", "172.22.1.1", "", VANTAGE_INSIDE, PERMISSION_NONE, TOKEN_ROLE_INSIDE, false},
        {"10.0.0.7", "10.0.0.7", "", VANTAGE_OUTSIDE, PERMISSION_TRUSTED_NETWORK, TOKEN_ROLE_INSIDE,
         false},
        /* true before unknown: what the MTA sees is ours, if no stranger's */
        {"10.0.0.7", "10.0.0.7", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_TRUE, false},
        /* an identity that is let in by other means than its network is not inside */
        {"198.51.100.7", "198.51.100.7", "", VANTAGE_OUTSIDE, PERMISSION_AUTHENTICATED,
         TOKEN_ROLE_TRUE, false},
        {"198.51.100.7", "198.51.100.7", "", VANTAGE_OUTSIDE, PERMISSION_CLIENT_CERTIFICATE,
         TOKEN_ROLE_TRUE, false},
        /* public_addresses come in place of the socket's own, which stays ours */
        {"198.51.100.7", "198.51.100.7", "198.51.100.9", VANTAGE_OUTSIDE, PERMISSION_NONE,
         TOKEN_ROLE_TRUE, false},
        {"192.0.2.7", "172.22.1.1", "198.51.100.9", VANTAGE_OUTSIDE, PERMISSION_NONE,
         TOKEN_ROLE_HIDDEN, false},
        {"192.0.2.7", "192.0.2.7", "198.51.100.9", VANTAGE_OUTSIDE, PERMISSION_NONE,
         TOKEN_ROLE_TRUE, false},
        /* private, so that no stranger sees us under it: RFC 6598, 4193, link-local, loopback */
        {"100.64.0.7", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_UNKNOWN,
         false},
        {"169.254.0.7", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_UNKNOWN,
         false},
        {"127.0.0.1", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_UNKNOWN,
         false},
        {"fd00::7", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_UNKNOWN, false},
        {"fe80::7", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_UNKNOWN, false},
        {"::1", "172.22.1.1", "", VANTAGE_OUTSIDE, PERMISSION_NONE, TOKEN_ROLE_UNKNOWN, false},
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
        const struct milter_talk_view view = {rows[i].claimed, &source, &result.endpoint.address,
                                              &client, rows[i].permission};
        enum token_role role = milter_talk_role(&settings, &view);
        if (role != rows[i].role) {
            fail_msg("row %zu: role %d instead of %d", i, role, rows[i].role);
        }
    }
}

/* ---- the filter's word --------------------------------------------------------------- */

/* Gives the asker the answer of a filter with this key to its hello. */
static void answer_hello(const struct milter_talk *asker, const struct token_key *with,
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
        assert_int_equal(milter_talk_is_mistakable(&settings, rows[i].role, &hello),
                         rows[i].mistakable);
    }
    const struct observation stranger = {.permission = PERMISSION_NONE};
    settings.declared = VANTAGE_CLAIMED;
    assert_false(milter_talk_is_mistakable(&settings, TOKEN_ROLE_CLAIMED, &stranger));
}

static void somebody_elses_server_is_said_no_hello(void **state)
{
    (void)state;
    struct milter_talk asker = {0};

    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    result.endpoint.hosted = true;
    assert_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    assert_false(asker.said);
    result.endpoint.hosted = false;
}

static void without_a_key_nothing_is_said(void **state)
{
    struct milter_talk asker = {.said = false};

    (void)state;
    settings.key = NULL;
    asker.said = true; /* as of an earlier one */
    assert_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    assert_false(asker.said);
}

static void the_mta_s_own_words_are_no_answer_to_a_hello(void **state)
{
    struct milter_talk asker = {.said = false};

    (void)state;
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    assert_int_equal(
        milter_talk_take_hello(&asker, &settings, &result, "5.7.1 Relay access denied"),
        MILTER_TALK_NOTHING);
    assert_false(result.milter.unverified);
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, "5.7.0 rwo1,hello,mac="),
                     MILTER_TALK_UNVERIFIED);
    assert_true(result.milter.unverified);
}

/* Of our public addresses those count that are of the connection's family. */
static void a_trusted_address_of_the_other_family_does_not_make_us_an_insider(void **state)
{
    const struct address both[] = {address_of("2001:db8:51::7"), address_of("192.0.2.9")};
    const struct address first = address_of("198.51.100.7");
    const struct address private_one = address_of("fd00::7");
    const struct address second = address_of("10.0.0.7");

    (void)state;
    settings.public_addresses = both;
    settings.public_address_count = 2;
    assert_false(milter_talk_is_trusted(&settings, &private_one));
    assert_true(milter_talk_is_trusted(&settings, &second));
    assert_true(milter_talk_is_trusted(&settings, &first));
    settings.public_address_count = 1;
    assert_false(milter_talk_is_trusted(&settings, &first));
}

static void an_answered_hello_makes_asks_and_their_answer_is_known(void **state)
{
    struct milter_talk asker = {.said = false};
    char line[OBSERVATION_SIZE + 16];
    char path[] = "<" TOKEN_ASK_BLANK "@outside.example.net>";
    char text[OBSERVATION_SIZE];
    struct observation observation = {.kind = OBSERVATION_ASK,
                                      .decision = DECISION_ACCEPTED,
                                      .destination = DESTINATION_EXTERNAL};

    (void)state;
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    assert_false(milter_talk_seal(&asker, 1, "<a@b.example>", path));
    answer_hello(&asker, &key, "198.51.100.7", line);
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, line),
                     MILTER_TALK_OBSERVED);
    assert_true(result.milter.observed);
    assert_int_equal(result.milter.role, TOKEN_ROLE_TRUE);
    assert_true(milter_talk_seal(&asker, 1, "<a@b.example>", path));
    assert_null(strstr(path, TOKEN_ASK_BLANK));
    assert_true(observation_build(&observation, &asker.binding, path, text));
    assert_int_equal(milter_talk_take_ask(&asker, text, path, path, &observation),
                     MILTER_TALK_OBSERVED);
    assert_int_equal(
        milter_talk_take_ask(&asker, text, "<other@b.example>", "<other@b.example>", &observation),
        MILTER_TALK_UNVERIFIED);
    assert_int_equal(
        milter_talk_take_ask(&asker, "5.7.1 Relay access denied", path, path, &observation),
        MILTER_TALK_NOTHING);
}

static void an_answer_with_another_key_is_not_believed(void **state)
{
    struct milter_talk asker = {.said = false};
    char line[OBSERVATION_SIZE + 16];

    (void)state;
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    answer_hello(&asker, &other_key, "172.22.1.1", line);
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, line),
                     MILTER_TALK_UNVERIFIED);
    assert_false(result.milter.observed);
    assert_true(result.milter.unverified);
    assert_false(asker.verified);
}

/* The filter answers a hello by what it saw or by its clock, and an ask by what was decided: one in
 * the place of another proves nothing, though every MAC is right. */
static void an_answer_of_another_kind_is_not_believed(void **state)
{
    struct observation ask = {.kind = OBSERVATION_ASK, .decision = DECISION_ACCEPTED};
    struct observation clock = {.kind = OBSERVATION_CLOCK, .time = NOW};
    struct observation told;
    struct milter_talk asker = {.said = false};
    char line[OBSERVATION_SIZE + 16];
    char text[OBSERVATION_SIZE];

    (void)state;
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    assert_true(observation_build(&ask, &asker.binding, asker.path, text));
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, text),
                     MILTER_TALK_UNVERIFIED);
    assert_true(result.milter.unverified);
    assert_false(milter_talk_take_tally(&asker, text, &told));
    assert_true(observation_build(&clock, &asker.binding, asker.path, text));
    assert_false(milter_talk_take_tally(&asker, text, &told));
    answer_hello(&asker, &other_key, "198.51.100.7", line);
    assert_false(milter_talk_take_tally(&asker, line, &told));
    assert_false(milter_talk_take_tally(&asker, "5.7.1 Relay access denied", &told));
    answer_hello(&asker, &key, "198.51.100.7", line);
    assert_true(milter_talk_take_tally(&asker, line, &told));
    assert_int_equal(told.client_port, 4242);
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, line),
                     MILTER_TALK_OBSERVED);
    /* Of an ask with that very path. */
    assert_int_equal(milter_talk_take_ask(&asker, line, asker.path, asker.path, &told),
                     MILTER_TALK_UNVERIFIED);
    assert_true(observation_build(&clock, &asker.binding, asker.path, text));
    assert_int_equal(milter_talk_take_ask(&asker, text, asker.path, asker.path, &told),
                     MILTER_TALK_UNVERIFIED);
    assert_int_equal(milter_talk_take_ask(&asker, "5.7.1 rwo1,", asker.path, asker.path, &told),
                     MILTER_TALK_UNVERIFIED);
}

/* As one who has seen the key's earlier connections might replay it. */
static void nothing_is_believed_of_an_ask_before_the_hello_was_answered(void **state)
{
    struct observation ask = {.kind = OBSERVATION_ASK, .decision = DECISION_ACCEPTED};
    struct observation told;
    struct milter_talk asker = {.said = false};
    char text[OBSERVATION_SIZE];

    (void)state;
    asker.binding.key = &key;
    assert_true(observation_build(&ask, &asker.binding, "<a@b.example>", text));
    assert_int_equal(milter_talk_take_ask(&asker, text, "<a@b.example>", "<a@b.example>", &told),
                     MILTER_TALK_NOTHING);
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    assert_true(observation_build(&ask, &asker.binding, "<a@b.example>", text));
    assert_int_equal(milter_talk_take_ask(&asker, text, "<a@b.example>", "<a@b.example>", &told),
                     MILTER_TALK_UNVERIFIED);
}

/* Of the path that was sent, and of that which the MTA reads it as. */
static void an_answer_may_name_the_path_as_the_mta_read_it(void **state)
{
    struct observation ask = {.kind = OBSERVATION_ASK, .decision = DECISION_ACCEPTED};
    struct observation told;
    struct milter_talk asker = {.said = false};
    char line[OBSERVATION_SIZE + 16];
    char text[OBSERVATION_SIZE];

    (void)state;
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    answer_hello(&asker, &key, "198.51.100.7", line);
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, line),
                     MILTER_TALK_OBSERVED);
    assert_true(observation_build(&ask, &asker.binding, "<read@b.example>", text));
    assert_int_equal(
        milter_talk_take_ask(&asker, text, "<sent@b.example>", "<read@b.example>", &told),
        MILTER_TALK_OBSERVED);
    assert_int_equal(
        milter_talk_take_ask(&asker, text, "<read@b.example>", "<other@b.example>", &told),
        MILTER_TALK_OBSERVED);
    assert_int_equal(
        milter_talk_take_ask(&asker, text, "<sent@b.example>", "<other@b.example>", &told),
        MILTER_TALK_UNVERIFIED);
}

/* Each hello begins anew: its asks wait for its own answer. */
static void another_hello_makes_recipients_ordinary_until_it_is_answered(void **state)
{
    struct milter_talk asker = {.said = false};
    char line[OBSERVATION_SIZE + 16];
    char path[] = "<" TOKEN_ASK_BLANK "@outside.example.net>";

    (void)state;
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    answer_hello(&asker, &key, "172.22.1.1", line);
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, line),
                     MILTER_TALK_OBSERVED);
    assert_true(asker.verified && asker.mistakable);
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    assert_false(asker.verified || asker.mistakable);
    assert_false(milter_talk_seal(&asker, 1, "<a@b.example>", path));
}

/* Of the answers to a client that we made up, the endpoint gets only the fact that a filter is
 * there.
 */
static void an_answer_to_a_claimed_identity_is_not_kept_unless_the_vantage_is(void **state)
{
    char line[OBSERVATION_SIZE + 16];

    (void)state;
    for (int declared = 0; declared <= 1; declared++) {
        struct milter_talk asker = {.claimed = true};
        fresh(NULL);
        settings.declared = declared == 1 ? VANTAGE_CLAIMED : VANTAGE_OUTSIDE;
        assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
        answer_hello(&asker, &key, "127.0.0.1", line);
        assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, line),
                         MILTER_TALK_OBSERVED);
        assert_int_equal(asker.role, TOKEN_ROLE_CLAIMED);
        assert_true(asker.verified);
        assert_int_equal(result.milter.observed, declared == 1);
    }
    struct milter_talk asker = {.claimed = false};
    fresh(NULL);
    settings.declared = VANTAGE_CLAIMED;
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    answer_hello(&asker, &key, "198.51.100.7", line);
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, line),
                     MILTER_TALK_OBSERVED);
    assert_int_equal(asker.role, TOKEN_ROLE_CLAIMED);
}

static bool no_nonce(uint8_t octets[TOKEN_NONCE])
{
    (void)octets;
    return false;
}

static void without_a_nonce_nothing_is_said(void **state)
{
    struct milter_talk asker = {.said = false};

    (void)state;
    settings.nonce = no_nonce;
    assert_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    assert_false(asker.said);
    settings.nonce = nonce;
    assert_null(milter_talk_hello(&asker, &settings, &result, "rw1.example.net"));
    assert_false(asker.said);
}

/* The route names the way: the probe, the target and the endpoint with its mode of TLS. */
static void a_hello_has_the_time_the_domain_and_the_route_of_its_endpoint(void **state)
{
    struct milter_talk asker = {.said = false};
    struct token_hello hello;
    uint8_t route[TOKEN_ROUTE];

    (void)state;
    assert_true(token_hello_parse(
        milter_talk_hello(&asker, &settings, &result, "Outside.example.net"), &hello));
    assert_true(token_hello_verify(&key, &hello));
    assert_int_equal(hello.time, NOW);
    assert_string_equal(hello.domain, "outside.example.net");
    assert_true(token_route(&key, "probe.example.net", "mx", "203.0.113.25:25/none", route));
    assert_memory_equal(hello.route, route, sizeof(route));
    result.tls = TLS_STARTTLS;
    result.endpoint.address = address_of("2001:db8::25");
    result.endpoint.port = 587;
    assert_true(token_hello_parse(
        milter_talk_hello(&asker, &settings, &result, "outside.example.net"), &hello));
    assert_true(token_route(&key, "probe.example.net", "mx", "[2001:db8::25]:587/starttls", route));
    assert_memory_equal(hello.route, route, sizeof(route));
}

static void of_several_answers_the_one_that_hides_us_is_kept(void **state)
{
    struct milter_talk asker = {.said = false};
    char line[OBSERVATION_SIZE + 16];
    static const char *const clients[] = {"198.51.100.7", "172.22.1.1", "198.51.100.7"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
        answer_hello(&asker, &key, clients[i], line);
        assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, line),
                         MILTER_TALK_OBSERVED);
    }
    assert_int_equal(result.milter.role, TOKEN_ROLE_HIDDEN);
    struct address hidden = address_of("172.22.1.1");
    assert_true(address_equal(&result.milter.hello.client, &hidden));
    /* The first of them. */
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    answer_hello(&asker, &key, "172.22.1.2", line);
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, line),
                     MILTER_TALK_OBSERVED);
    assert_true(address_equal(&result.milter.hello.client, &hidden));
}

static void clocks_that_differ_are_told_apart_from_silence(void **state)
{
    struct milter_talk asker = {.said = false};
    struct observation observation = {.kind = OBSERVATION_CLOCK, .time = NOW + 700};
    char text[OBSERVATION_SIZE];

    (void)state;
    assert_non_null(milter_talk_hello(&asker, &settings, &result, "outside.example.net"));
    assert_true(observation_build(&observation, &asker.binding, asker.path, text));
    assert_int_equal(milter_talk_take_hello(&asker, &settings, &result, text), MILTER_TALK_CLOCK);
    assert_true(result.milter.clock_differs);
    assert_int_equal(result.milter.clock_ahead, 700);
    assert_false(result.milter.observed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_role_that_fits_is_the_probes, fresh),
        cmocka_unit_test_setup(only_what_a_grant_does_not_prove_can_be_mistaken, fresh),
        cmocka_unit_test_setup(somebody_elses_server_is_said_no_hello, fresh),
        cmocka_unit_test_setup(without_a_key_nothing_is_said, fresh),
        cmocka_unit_test_setup(an_answered_hello_makes_asks_and_their_answer_is_known, fresh),
        cmocka_unit_test_setup(an_answer_with_another_key_is_not_believed, fresh),
        cmocka_unit_test_setup(an_answer_of_another_kind_is_not_believed, fresh),
        cmocka_unit_test_setup(nothing_is_believed_of_an_ask_before_the_hello_was_answered, fresh),
        cmocka_unit_test_setup(an_answer_may_name_the_path_as_the_mta_read_it, fresh),
        cmocka_unit_test_setup(another_hello_makes_recipients_ordinary_until_it_is_answered, fresh),
        cmocka_unit_test_setup(an_answer_to_a_claimed_identity_is_not_kept_unless_the_vantage_is,
                               fresh),
        cmocka_unit_test_setup(without_a_nonce_nothing_is_said, fresh),
        cmocka_unit_test_setup(a_hello_has_the_time_the_domain_and_the_route_of_its_endpoint,
                               fresh),
        cmocka_unit_test_setup(the_mta_s_own_words_are_no_answer_to_a_hello, fresh),
        cmocka_unit_test_setup(a_trusted_address_of_the_other_family_does_not_make_us_an_insider,
                               fresh),
        cmocka_unit_test_setup(of_several_answers_the_one_that_hides_us_is_kept, fresh),
        cmocka_unit_test_setup(clocks_that_differ_are_told_apart_from_silence, fresh),
    };

    return cmocka_run_group_tests_name("asker", tests, begin, end);
}

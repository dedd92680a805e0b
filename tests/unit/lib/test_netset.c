#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/failing_alloc.h"
#include "tests/unit/random_bytes.h"

/* NOLINTNEXTLINE(bugprone-suspicious-include): so that its allocations can be made to fail */
#include "lib/netset.c"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct address parsed(const char *text)
{
    struct address address;
    if (!address_parse(text, &address))
        fail_msg("%s is no address", text);
    return address;
}

static struct network network_of(const char *text)
{
    struct network network;
    if (network_parse(text, &network) != NETWORK_OK)
        fail_msg("%s is no network", text);
    return network;
}

static struct netset *set_of(const char *const texts[], size_t count)
{
    struct network networks[64];
    assert_true(count <= ROWS(networks));
    for (size_t i = 0; i < count; i++)
        networks[i] = network_of(texts[i]);
    struct netset *set = netset_new(networks, count);
    assert_non_null(set);
    return set;
}

static bool holds(const struct netset *set, const char *text)
{
    struct address address = parsed(text);
    return netset_contains(set, &address);
}

struct parse_row {
    const char *text;
    enum network_error error;
    const char *shown; /* what it is, or the remedy */
};

static void networks_are_read_with_and_without_prefix(void **state)
{
    (void)state;
    static const struct parse_row rows[] = {
        {"192.0.2.0/24", NETWORK_OK, "192.0.2.0/24"},
        {"192.0.2.1", NETWORK_OK, "192.0.2.1/32"},
        {"0.0.0.0/0", NETWORK_OK, "0.0.0.0/0"},
        {"::/0", NETWORK_OK, "::/0"},
        {"2001:db8::/32", NETWORK_OK, "2001:db8::/32"},
        {"[2001:db8::]/32", NETWORK_OK, "2001:db8::/32"},
        {"[2001:db8::1]", NETWORK_OK, "2001:db8::1/128"},
        {"2001:db8::1/128", NETWORK_OK, "2001:db8::1/128"},
        {"::ffff:10.0.0.0/104", NETWORK_OK, "10.0.0.0/8"},
        {"::ffff:0.0.0.0/96", NETWORK_OK, "0.0.0.0/0"},
        {"::ffff:192.0.2.1", NETWORK_OK, "192.0.2.1/32"},
        {"::ffff:192.0.2.1/128", NETWORK_OK, "192.0.2.1/32"},
        {"10.0.0.1/8", NETWORK_HOST_BITS_SET, "10.0.0.0/8"},
        {"192.0.2.129/25", NETWORK_HOST_BITS_SET, "192.0.2.128/25"},
        {"2001:db8::1/64", NETWORK_HOST_BITS_SET, "2001:db8::/64"},
        {"::ffff:10.0.0.1/104", NETWORK_HOST_BITS_SET, "10.0.0.0/8"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct network network;
        char text[NETWORK_TEXT_SIZE];
        assert_int_equal(network_parse(rows[i].text, &network), rows[i].error);
        assert_string_equal(network_format(&network, text), rows[i].shown);
    }
}

static void what_is_no_network_is_refused_and_leaves_the_output(void **state)
{
    (void)state;
    static const struct parse_row rows[] = {
        {"", NETWORK_BAD_ADDRESS, NULL},
        {"/8", NETWORK_BAD_ADDRESS, NULL},
        {"10/8", NETWORK_BAD_ADDRESS, NULL},
        {"example.org", NETWORK_BAD_ADDRESS, NULL},
        {"[2001:db8::/32]", NETWORK_BAD_ADDRESS, NULL},
        {"192.0.2.256/24", NETWORK_BAD_ADDRESS, NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:1111:2222:"
         "3333:"
         "4444:5555/64",
         NETWORK_BAD_ADDRESS, NULL},
        {"192.0.2.0/", NETWORK_BAD_PREFIX, NULL},
        {"192.0.2.0/33", NETWORK_BAD_PREFIX, NULL},
        {"192.0.2.0/-1", NETWORK_BAD_PREFIX, NULL},
        {"192.0.2.0/+8", NETWORK_BAD_PREFIX, NULL},
        {"192.0.2.0/ 24", NETWORK_BAD_PREFIX, NULL},
        {"192.0.2.0/024", NETWORK_BAD_PREFIX, NULL},
        {"192.0.2.0/24/24", NETWORK_BAD_PREFIX, NULL},
        {"192.0.2.0/255.255.255.0", NETWORK_BAD_PREFIX, NULL},
        {"192.0.2.0/4294967320", NETWORK_BAD_PREFIX, NULL},
        {"2001:db8::/129", NETWORK_BAD_PREFIX, NULL},
        {"::ffff:10.0.0.0/95", NETWORK_BAD_PREFIX, NULL},
        {"::ffff:10.0.0.0/8", NETWORK_BAD_PREFIX, NULL},
        {"::ffff:10.0.0.0/129", NETWORK_BAD_PREFIX, NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct network out = network_of("198.51.100.0/24");
        char text[NETWORK_TEXT_SIZE];
        if (network_parse(rows[i].text, &out) != rows[i].error)
            fail_msg("%s is misjudged", rows[i].text);
        assert_string_equal(network_format(&out, text), "198.51.100.0/24");
    }
}

static void a_network_is_wide_only_in_public_space(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool wide;
    } rows[] = {
        {"192.0.0.0/15", true},   {"198.51.0.0/16", false},  {"10.0.0.0/8", false},
        {"10.0.0.0/7", true},     {"100.64.0.0/10", false},  {"100.0.0.0/8", true},
        {"127.0.0.0/8", false},   {"126.0.0.0/7", true},     {"172.16.0.0/12", false},
        {"172.0.0.0/8", true},    {"192.168.0.0/16", false}, {"0.0.0.0/0", true},
        {"0.0.0.0/1", true},      {"0.0.0.0/8", true},       {"::ffff:0:0/96", true},
        {"2001:db8::/32", false}, {"2001:d00::/24", true},   {"2001:db8::/31", true},
        {"fc00::/7", false},      {"fd00::/8", false},       {"fc00::/6", true},
        {"fe80::/10", false},     {"::1/128", false},        {"::/0", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct network network = network_of(rows[i].text);
        if (network_is_wide(&network) != rows[i].wide)
            fail_msg("%s is misjudged", rows[i].text);
    }
}

static void a_set_holds_its_networks_to_the_last_address(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.64/26", "10.0.0.0/8", "203.0.113.7",
                                        "2001:db8:1::/48", "255.255.255.255"};
    struct netset *set = set_of(texts, ROWS(texts));
    assert_true(holds(set, "192.0.2.64"));
    assert_true(holds(set, "192.0.2.127"));
    assert_false(holds(set, "192.0.2.63"));
    assert_false(holds(set, "192.0.2.128"));
    assert_true(holds(set, "10.0.0.0"));
    assert_true(holds(set, "10.255.255.255"));
    assert_false(holds(set, "11.0.0.0"));
    assert_true(holds(set, "203.0.113.7"));
    assert_false(holds(set, "203.0.113.6"));
    assert_false(holds(set, "203.0.113.8"));
    assert_true(holds(set, "255.255.255.255"));
    assert_true(holds(set, "2001:db8:1:ffff:ffff:ffff:ffff:ffff"));
    assert_false(holds(set, "2001:db8:2::"));
    netset_free(set);
}

static void a_mapped_client_is_in_an_ipv4_network(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.0/24"};
    struct netset *set = set_of(texts, ROWS(texts));
    assert_true(holds(set, "::ffff:192.0.2.9"));
    netset_free(set);
}

static void the_families_do_not_mix(void **state)
{
    (void)state;
    static const char *const ipv6_only[] = {"::/0"};
    static const char *const ipv4_only[] = {"0.0.0.0/0"};
    struct netset *six = set_of(ipv6_only, 1);
    struct netset *four = set_of(ipv4_only, 1);
    assert_true(holds(six, "2001:db8::1"));
    assert_false(holds(six, "192.0.2.1"));
    assert_true(holds(four, "192.0.2.1"));
    assert_true(holds(four, "255.255.255.255"));
    assert_false(holds(four, "2001:db8::1"));
    netset_free(six);
    netset_free(four);
}

static void overlapping_and_adjacent_networks_become_one_range(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "10.128.0.0/9",   "10.1.0.0/16",        "10.0.0.0/9",       "192.0.2.128/25",
        "192.0.2.0/25",   "192.0.2.77",         "255.255.255.0/24", "2001:db8:1::/48",
        "2001:db8::/48",  "ffff::/16",          "198.51.100.10",    "198.51.100.12",
        "ffff:ffff::/32", "255.255.255.255/32",
    };
    struct netset *set = set_of(texts, ROWS(texts));
    assert_int_equal(set->ipv4.count, 5);
    assert_int_equal(set->ipv6.count, 2);
    assert_true(holds(set, "10.1.2.3"));
    assert_true(holds(set, "10.200.2.3"));
    assert_true(holds(set, "192.0.2.127"));
    assert_false(holds(set, "198.51.100.11"));
    assert_true(holds(set, "2001:db8:1::1"));
    assert_false(holds(set, "2001:db8:2::1"));
    netset_free(set);
}

static void the_narrowest_declared_network_explains(void **state)
{
    (void)state;
    static const char *const texts[] = {"10.0.0.0/8", "10.1.2.0/24", "10.1.0.0/16", "::/0"};
    struct netset *set = set_of(texts, ROWS(texts));
    struct address address = parsed("10.1.2.3");
    char text[NETWORK_TEXT_SIZE];
    assert_string_equal(network_format(netset_find(set, &address), text), "10.1.2.0/24");
    address = parsed("10.1.3.3");
    assert_string_equal(network_format(netset_find(set, &address), text), "10.1.0.0/16");
    address = parsed("2001:db8::1");
    assert_string_equal(network_format(netset_find(set, &address), text), "::/0");
    address = parsed("192.0.2.1");
    assert_null(netset_find(set, &address));
    assert_null(netset_find(NULL, &address));
    netset_free(set);
}

static void an_empty_set_a_null_set_and_no_address_hold_nothing(void **state)
{
    (void)state;
    static const char *const everything[] = {"0.0.0.0/0", "::/0"};
    struct address none = {.family = ADDRESS_NONE};
    struct netset *empty = netset_new(NULL, 0);
    struct netset *full = set_of(everything, 2);
    assert_non_null(empty);
    assert_false(holds(empty, "192.0.2.1"));
    assert_false(holds(empty, "2001:db8::1"));
    assert_false(holds(NULL, "192.0.2.1"));
    assert_false(netset_contains(full, &none));
    assert_null(netset_find(full, &none));
    netset_free(empty);
    netset_free(full);
    netset_free(NULL);
}

static void random_sets_agree_with_asking_each_network(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 300; round++) {
        struct network networks[40];
        size_t count = random_number(&seed) % ROWS(networks);
        for (size_t i = 0; i < count; i++) {
            bool ipv4 = random_number(&seed) % 2 == 0;
            networks[i] = (struct network){.base.family = ipv4 ? ADDRESS_IPV4 : ADDRESS_IPV6};
            /* Few distinct values, so that networks overlap and touch. */
            for (size_t octet = 0; octet < (ipv4 ? 4 : 16); octet++)
                networks[i].base.octets[octet] = (uint8_t)(0 - random_number(&seed) % 3);
            networks[i].prefix = random_number(&seed) % (family_bits(networks[i].base.family) + 1);
            clear_host_bits(&networks[i]);
        }
        struct netset *set = netset_new(networks, count);
        assert_non_null(set);
        for (int question = 0; question < 200; question++) {
            bool ipv4 = random_number(&seed) % 2 == 0;
            struct address address = {.family = ipv4 ? ADDRESS_IPV4 : ADDRESS_IPV6};
            for (size_t octet = 0; octet < (ipv4 ? 4 : 16); octet++)
                address.octets[octet] = (uint8_t)(1 - random_number(&seed) % 5);
            assert_int_equal(netset_contains(set, &address), netset_find(set, &address) != NULL);
        }
        netset_free(set);
    }
}

static void memory_that_runs_out_gives_no_set_and_leaks_nothing(void **state)
{
    (void)state;
    struct network network = network_of("192.0.2.0/24");
    for (unsigned long calls = 0; calls < 3; calls++) {
        failing_alloc_after(calls);
        assert_null(netset_new(&network, 1));
    }
    failing_alloc_after(3);
    struct netset *set = netset_new(&network, 1);
    failing_alloc_never();
    assert_non_null(set);
    netset_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_read_with_and_without_prefix),
        cmocka_unit_test(what_is_no_network_is_refused_and_leaves_the_output),
        cmocka_unit_test(a_network_is_wide_only_in_public_space),
        cmocka_unit_test(a_set_holds_its_networks_to_the_last_address),
        cmocka_unit_test(a_mapped_client_is_in_an_ipv4_network),
        cmocka_unit_test(the_families_do_not_mix),
        cmocka_unit_test(overlapping_and_adjacent_networks_become_one_range),
        cmocka_unit_test(the_narrowest_declared_network_explains),
        cmocka_unit_test(an_empty_set_a_null_set_and_no_address_hold_nothing),
        cmocka_unit_test(random_sets_agree_with_asking_each_network),
        cmocka_unit_test(memory_that_runs_out_gives_no_set_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

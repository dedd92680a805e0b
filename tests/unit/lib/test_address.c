#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "lib/address.h"
#include "tests/unit/random_bytes.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct address parsed(const char *text)
{
    struct address address;
    if (!address_parse(text, &address))
        fail_msg("%s is no address", text);
    return address;
}

static void assert_formatted(const char *text, const char *expected)
{
    struct address address = parsed(text);
    char out[ADDRESS_TEXT_SIZE];
    assert_ptr_equal(address_format(&address, out), out);
    assert_string_equal(out, expected);
}

static void the_forms_of_the_mtas_are_read(void **state)
{
    (void)state;
    assert_formatted("192.0.2.1", "192.0.2.1");
    assert_formatted("[192.0.2.1]", "192.0.2.1");
    assert_formatted("2001:db8::1", "2001:db8::1");
    assert_formatted("IPv6:2001:db8::1", "2001:db8::1");
    assert_formatted("ipv6:2001:db8::1", "2001:db8::1");
    assert_formatted("[IPv6:2001:db8::1]", "2001:db8::1");
    assert_formatted("[2001:db8::1]", "2001:db8::1");
}

static void an_address_has_one_canonical_text(void **state)
{
    (void)state;
    assert_formatted("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1");
    assert_formatted("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    assert_formatted("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    assert_formatted("2001:DB8:ABCD:ef01:1234:5678:9ABC:ffff",
                     "2001:db8:abcd:ef01:1234:5678:9abc:ffff");
    assert_formatted("::", "::");
}

static void a_mapped_ipv4_address_is_the_ipv4_address(void **state)
{
    (void)state;
    struct address ipv4 = parsed("192.0.2.1");
    struct address mapped = parsed("::ffff:192.0.2.1");
    struct address hexadecimal = parsed("[IPv6:::FFFF:c000:0201]");
    assert_int_equal(mapped.family, ADDRESS_IPV4);
    assert_true(address_equal(&ipv4, &mapped));
    assert_true(address_equal(&ipv4, &hexadecimal));
}

static void what_is_no_address_is_refused_and_leaves_the_output(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[",
        "]",
        "[]",
        "[[192.0.2.1]]",
        "[192.0.2.1",
        "192.0.2.1]",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.1.",
        "192.0.2.01",
        " 192.0.2.1",
        "192.0.2.1 ",
        "192.0.2.1:25",
        "192.0.2.1/32",
        "IPv6:",
        "IPv6:192.0.2.1",
        "[IPv6:192.0.2.1]",
        "IPv6:IPv6:2001:db8::1",
        "2001:db8::1::2",
        "2001:db8:::1",
        "2001:db8::12345",
        "fe80::1%eth0",
        "mx.example.org",
        "unknown",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
    };
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct address out = parsed("198.51.100.7");
        struct address before = out;
        if (address_parse(texts[i], &out))
            fail_msg("%s was taken for an address", texts[i]);
        assert_true(address_equal(&out, &before));
    }
}

static void a_socket_address_survives_the_way_there_and_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1", "2001:db8::1"};
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct address address = parsed(texts[i]);
        struct sockaddr_storage storage;
        socklen_t length = address_to_sockaddr(&address, 2525, &storage);
        struct address back = address_from_sockaddr((const struct sockaddr *)&storage);
        assert_int_equal(length, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        assert_true(address_equal(&address, &back));
        /* sin_port and sin6_port stand in the same place. */
        assert_int_equal(ntohs(((const struct sockaddr_in *)&storage)->sin_port), 2525);
    }
}

static void a_mapped_socket_address_is_ipv4(void **state)
{
    (void)state;
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
    static const uint8_t octets[16] = {[10] = 0xFF, [11] = 0xFF, [12] = 192, [14] = 2, [15] = 1};
    memcpy(&mapped.sin6_addr, octets, sizeof(octets));
    struct address expected = parsed("192.0.2.1");
    struct address address = address_from_sockaddr((const struct sockaddr *)&mapped);
    assert_true(address_equal(&address, &expected));
}

static void a_unix_socket_and_no_socket_have_no_address(void **state)
{
    (void)state;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_storage storage;
    char text[ENDPOINT_TEXT_SIZE];
    struct address none = address_from_sockaddr((const struct sockaddr *)&local);
    assert_int_equal(none.family, ADDRESS_NONE);
    assert_int_equal(address_from_sockaddr(NULL).family, ADDRESS_NONE);
    assert_int_equal(address_to_sockaddr(&none, 25, &storage), 0);
    assert_string_equal(address_format(&none, text), "unknown");
    assert_string_equal(address_format_port(&none, 25, text), "unknown");
    assert_string_equal(address_format_literal(&none, text), "unknown");
    assert_string_equal(address_format_fold(&none, text), "unknown");
    assert_false(address_is_private(&none));
    assert_false(address_is_loopback(&none));
}

static void ports_and_literals_bracket_as_the_rfcs_say(void **state)
{
    (void)state;
    struct address ipv4 = parsed("192.0.2.1");
    struct address ipv6 = parsed("2001:db8::1");
    struct address longest = parsed("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff");
    char text[ENDPOINT_TEXT_SIZE];
    assert_string_equal(address_format_port(&ipv4, 25, text), "192.0.2.1:25");
    assert_string_equal(address_format_port(&ipv6, 465, text), "[2001:db8::1]:465");
    assert_string_equal(address_format_port(&longest, 65535, text),
                        "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535");
    assert_string_equal(address_format_literal(&ipv4, text), "[192.0.2.1]");
    assert_string_equal(address_format_literal(&ipv6, text), "[IPv6:2001:db8::1]");
    assert_string_equal(address_format_literal(&longest, text),
                        "[IPv6:2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]");
}

static void incidents_fold_by_24_and_48_bits(void **state)
{
    (void)state;
    struct address ipv4 = parsed("192.0.2.211");
    struct address ipv6 = parsed("2001:db8:1234:5678::9");
    char text[NETWORK_TEXT_SIZE];
    assert_string_equal(address_format_fold(&ipv4, text), "192.0.2.0/24");
    assert_string_equal(address_format_fold(&ipv6, text), "2001:db8:1234::/48");
}

static void equality_minds_the_family(void **state)
{
    (void)state;
    struct address ipv4 = parsed("0.0.0.0");
    struct address ipv6 = parsed("::");
    struct address other = parsed("0.0.0.1");
    assert_false(address_equal(&ipv4, &ipv6));
    assert_false(address_equal(&ipv4, &other));
    assert_true(address_equal(&ipv6, &ipv6));
}

struct private_row {
    const char *text;
    unsigned int prefix; /* 0: public */
};

static void private_space_is_what_the_internet_does_not_reach(void **state)
{
    (void)state;
    static const struct private_row rows[] = {
        {"0.0.0.0", 32},        {"0.0.0.1", 0},
        {"10.0.0.0", 8},        {"10.255.255.255", 8},
        {"9.255.255.255", 0},   {"11.0.0.0", 0},
        {"100.64.0.0", 10},     {"100.127.255.255", 10},
        {"100.63.255.255", 0},  {"100.128.0.0", 0},
        {"127.0.0.1", 8},       {"127.255.255.255", 8},
        {"128.0.0.0", 0},       {"169.254.0.1", 16},
        {"169.253.255.255", 0}, {"169.255.0.0", 0},
        {"172.16.0.0", 12},     {"172.31.255.255", 12},
        {"172.15.255.255", 0},  {"172.32.0.0", 0},
        {"192.168.0.0", 16},    {"192.168.255.255", 16},
        {"192.167.255.255", 0}, {"192.169.0.0", 0},
        {"192.0.2.1", 0},       {"198.51.100.1", 0},
        {"203.0.113.1", 0},     {"::", 128},
        {"::1", 128},           {"::2", 0},
        {"fc00::1", 7},         {"fdff:ffff::1", 7},
        {"fbff::1", 0},         {"fe00::1", 0},
        {"fe80::1", 10},        {"febf::1", 10},
        {"fe7f::1", 0},         {"fec0::1", 0},
        {"2001:db8::1", 0},     {"::ffff:10.0.0.1", 8},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address address = parsed(rows[i].text);
        if (address_private_prefix(&address) != rows[i].prefix ||
            address_is_private(&address) != (rows[i].prefix != 0))
            fail_msg("%s is misjudged", rows[i].text);
    }
}

static void no_server_of_the_internet_has_a_special_address(void **state)
{
    (void)state;
    static const char *const special[] = {"0.0.0.0",
                                          "0.1.2.3",
                                          "10.1.2.3",
                                          "100.64.0.1",
                                          "127.0.0.1",
                                          "169.254.1.1",
                                          "172.31.255.255",
                                          "192.168.1.5",
                                          "192.0.0.8",
                                          "198.18.0.1",
                                          "198.19.255.255",
                                          "224.0.0.1",
                                          "239.255.255.255",
                                          "240.0.0.1",
                                          "255.255.255.255",
                                          "::",
                                          "::1",
                                          "fe80::1",
                                          "fec0::1",
                                          "fc00::1",
                                          "fdff::1",
                                          "ff02::1",
                                          "100::1",
                                          "::ffff:10.0.0.1",
                                          "::ffff:127.0.0.1",
                                          "2002:a00:1::1",
                                          "2002:7f00:1::",
                                          "2002:c0a8:105::1",
                                          "64:ff9b::10.0.0.1",
                                          "64:ff9b::192.168.1.5",
                                          "64:ff9b:1::127.0.0.1",
                                          "::10.0.0.1"};
    static const char *const usual[] = {"1.1.1.1",
                                        "9.255.255.255",
                                        "100.63.255.255",
                                        "100.128.0.1",
                                        "172.32.0.1",
                                        "192.0.1.1",
                                        "192.0.2.1",
                                        "198.17.255.255",
                                        "198.20.0.1",
                                        "198.51.100.7",
                                        "203.0.113.25",
                                        "223.255.255.255",
                                        "2001:db8::1",
                                        "2a00::1",
                                        "fbff::1",
                                        "2002:c000:201::1",
                                        "64:ff9b::192.0.2.1",
                                        "100:0:0:1::1",
                                        "64:ff9c::10.0.0.1"};
    struct address none = {.family = ADDRESS_NONE};

    for (size_t i = 0; i < ROWS(special); i++) {
        struct address address = parsed(special[i]);
        if (!address_is_unreachable(&address)) {
            fail_msg("%s", special[i]);
        }
    }
    for (size_t i = 0; i < ROWS(usual); i++) {
        struct address address = parsed(usual[i]);
        if (address_is_unreachable(&address)) {
            fail_msg("%s", usual[i]);
        }
    }
    assert_false(address_is_unreachable(&none));
}

static void loopback_is_127_and_double_colon_one(void **state)
{
    (void)state;
    struct address address = parsed("127.9.9.9");
    assert_true(address_is_loopback(&address));
    address = parsed("::1");
    assert_true(address_is_loopback(&address));
    address = parsed("::ffff:127.0.0.1");
    assert_true(address_is_loopback(&address));
    address = parsed("126.0.0.1");
    assert_false(address_is_loopback(&address));
    address = parsed("7f00::1");
    assert_false(address_is_loopback(&address));
}

static void an_ipv4_compatible_address_is_no_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool compatible;
    } cases[] = {{"::1:25", true}, {"::192.0.2.1", true},    {"::2", true},     {"::", false},
                 {"::1", false},   {"0:0:0:0:0:1::", false}, {"0.0.0.2", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address address;
        assert_true(address_parse(cases[i].text, &address));
        assert_int_equal(address_is_ipv4_compatible(&address), cases[i].compatible);
    }
}

static void bits_are_compared_up_to_the_prefix(void **state)
{
    (void)state;
    static const uint8_t base[16] = {0xAB, 0xC0};
    struct address address = {.family = ADDRESS_IPV6, .octets = {0xAB, 0xDF}};
    assert_true(address_in_prefix(&address, base, 0));
    assert_true(address_in_prefix(&address, base, 8));
    assert_true(address_in_prefix(&address, base, 11));
    assert_false(address_in_prefix(&address, base, 12));
    assert_false(address_in_prefix(&address, base, 128));
}

static void what_is_read_from_noise_reads_the_same_again(void **state)
{
    (void)state;
    static const char letters[] = "0129afF.::[]%IPv6 ";
    uint64_t seed = 7;
    size_t read = 0;
    for (int round = 0; round < 200000; round++) {
        char text[24];
        char out[ADDRESS_TEXT_SIZE];
        struct address address;
        struct address again;
        size_t length = random_number(&seed) % sizeof(text);
        random_text(&seed, letters, sizeof(letters) - 1, text, length);
        text[length] = '\0';
        if (!address_parse(text, &address))
            continue;
        read++;
        assert_true(address_parse(address_format(&address, out), &again));
        assert_true(address_equal(&address, &again));
    }
    assert_true(read > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_forms_of_the_mtas_are_read),
        cmocka_unit_test(an_address_has_one_canonical_text),
        cmocka_unit_test(a_mapped_ipv4_address_is_the_ipv4_address),
        cmocka_unit_test(what_is_no_address_is_refused_and_leaves_the_output),
        cmocka_unit_test(a_socket_address_survives_the_way_there_and_back),
        cmocka_unit_test(a_mapped_socket_address_is_ipv4),
        cmocka_unit_test(a_unix_socket_and_no_socket_have_no_address),
        cmocka_unit_test(ports_and_literals_bracket_as_the_rfcs_say),
        cmocka_unit_test(incidents_fold_by_24_and_48_bits),
        cmocka_unit_test(equality_minds_the_family),
        cmocka_unit_test(private_space_is_what_the_internet_does_not_reach),
        cmocka_unit_test(no_server_of_the_internet_has_a_special_address),
        cmocka_unit_test(loopback_is_127_and_double_colon_one),
        cmocka_unit_test(an_ipv4_compatible_address_is_no_hosts),
        cmocka_unit_test(bits_are_compared_up_to_the_prefix),
        cmocka_unit_test(what_is_read_from_noise_reads_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

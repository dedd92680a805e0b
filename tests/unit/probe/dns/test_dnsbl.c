#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/dns/dnsbl.h"

static struct address address_of(const char *text)
{
    struct address address;

    assert_true(address_parse(text, &address));
    return address;
}

static void an_ipv4_address_is_asked_for_with_its_octets_reversed(void **state)
{
    (void)state;
    struct address address = address_of("203.0.113.25");
    char name[DOMAIN_SIZE];

    assert_true(dnsbl_name(&address, "zen.spamhaus.org", name));
    assert_string_equal(name, "25.113.0.203.zen.spamhaus.org");
    assert_true(dnsbl_pointer_name(&address, name));
    assert_string_equal(name, "25.113.0.203.in-addr.arpa");
}

static void an_ipv6_address_is_asked_for_with_its_nibbles_reversed(void **state)
{
    (void)state;
    struct address address = address_of("2001:db8:1:2:3:4:567:89ab");
    char name[DOMAIN_SIZE];

    /* The example of RFC 5782 section 2.4. */
    assert_true(dnsbl_name(&address, "ugly.example.com", name));
    assert_string_equal(name, "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2."
                              "ugly.example.com");
    assert_true(dnsbl_pointer_name(&address, name));
    assert_string_equal(name + 64, "ip6.arpa");
}

static void a_name_that_dns_cannot_hold_is_not_asked_for(void **state)
{
    (void)state;
    struct address address = address_of("2001:db8::1");
    struct address none = {.family = ADDRESS_NONE};
    char zone[DOMAIN_SIZE];
    char name[DOMAIN_SIZE] = "untouched";

    memset(zone, 'a', sizeof(zone));
    zone[253 - 64] = '\0';
    assert_true(dnsbl_name(&address, zone, name));
    assert_int_equal(strlen(name), 253);
    strcpy(name, "untouched");
    zone[253 - 64] = 'a';
    zone[253 - 64 + 1] = '\0';
    assert_false(dnsbl_name(&address, zone, name));
    assert_false(dnsbl_name(&none, "bl.example.net", name));
    assert_string_equal(name, "untouched");
}

static void answers_mean_what_their_list_says(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *answer;
        enum dnsbl_meaning meaning;
        const char *list;
    } rows[] = {
        {"zen.spamhaus.org", "127.0.0.2", DNSBL_ABUSE, "Spamhaus SBL"},
        {"zen.spamhaus.org", "127.0.0.3", DNSBL_ABUSE, "Spamhaus CSS"},
        {"zen.spamhaus.org", "127.0.0.4", DNSBL_ABUSE, "Spamhaus XBL"},
        {"zen.spamhaus.org", "127.0.0.9", DNSBL_ABUSE, "Spamhaus DROP"},
        {"zen.spamhaus.org", "127.0.0.10", DNSBL_POLICY, "Spamhaus PBL"},
        {"zen.spamhaus.org", "127.0.0.11", DNSBL_POLICY, "Spamhaus PBL"},
        {"zen.spamhaus.org", "127.0.0.99", DNSBL_ABUSE, NULL},
        {"abcd.zen.dq.spamhaus.net", "127.0.0.10", DNSBL_POLICY, "Spamhaus PBL"},
        {"bl.spamcop.net", "127.0.0.2", DNSBL_ABUSE, "SpamCop"},
        {"dnsbl-2.uceprotect.net", "127.0.0.2", DNSBL_NEIGHBOURHOOD, "UCEPROTECT level 2"},
        {"all.spamrats.com", "127.0.0.36", DNSBL_POLICY, "RATS-Dyna"},
        {"all.spamrats.com", "127.0.0.38", DNSBL_ABUSE, "RATS-Spam"},
        {"bl.example.net", "127.0.0.2", DNSBL_ABUSE, NULL},
        {"bl.example.net", "127.0.0.10", DNSBL_POLICY, NULL},
        {"dul.example.net", "127.0.0.2", DNSBL_POLICY, NULL},
        {"dulcimer.example.net", "127.0.0.2", DNSBL_ABUSE, NULL},
        {"zen.spamhaus.org", "2001:db8::1", DNSBL_NOTHING, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address answer = address_of(rows[i].answer);
        struct dnsbl_reading reading = dnsbl_read(rows[i].zone, &answer);
        if (reading.meaning != rows[i].meaning ||
            (reading.list == NULL) != (rows[i].list == NULL) ||
            (reading.list != NULL && strcmp(reading.list, rows[i].list) != 0)) {
            fail_msg("%s %s", rows[i].zone, rows[i].answer);
        }
        assert_null(reading.text);
    }
}

static void errors_of_the_query_are_no_listings(void **state)
{
    (void)state;
    static const char *const answers[] = {"127.255.255.252", "127.255.255.254", "127.255.255.255",
                                          "127.255.255.0",   "127.255.255.1",   "127.0.0.1",
                                          "192.0.2.1",       "0.0.0.0"};

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct address answer = address_of(answers[i]);
        struct dnsbl_reading reading = dnsbl_read("zen.spamhaus.org", &answer);
        assert_int_equal(reading.meaning, DNSBL_ERROR);
        assert_non_null(reading.text);
    }
}

static void a_customers_key_is_not_shown(void **state)
{
    (void)state;
    assert_string_equal(dnsbl_shown("abcd.zen.dq.spamhaus.net"), "zen.dq.spamhaus.net");
    assert_string_equal(dnsbl_shown("bl.example.net"), "bl.example.net");
}

static void known_lists_say_where_to_ask_for_removal(void **state)
{
    (void)state;
    assert_string_equal(dnsbl_removal("zen.spamhaus.org"), "https://check.spamhaus.org/");
    assert_null(dnsbl_removal("bl.example.net"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_is_asked_for_with_its_octets_reversed),
        cmocka_unit_test(an_ipv6_address_is_asked_for_with_its_nibbles_reversed),
        cmocka_unit_test(a_name_that_dns_cannot_hold_is_not_asked_for),
        cmocka_unit_test(answers_mean_what_their_list_says),
        cmocka_unit_test(errors_of_the_query_are_no_listings),
        cmocka_unit_test(a_customers_key_is_not_shown),
        cmocka_unit_test(known_lists_say_where_to_ask_for_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

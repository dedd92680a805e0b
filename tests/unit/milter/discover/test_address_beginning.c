/* Networks as Sendmail's tables name them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/netset.h"
#include "milter/discover/address_beginning.h"

static void an_address_or_its_beginning_is_a_network(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *network;
    } cases[] = {
        {"10", "10.0.0.0/8"},
        {"10.1", "10.1.0.0/16"},
        {"192.0.2", "192.0.2.0/24"},
        {"192.0.2.7", "192.0.2.7/32"},
        {"[192.0.2.7]", "192.0.2.7/32"},
        {"IPv6:2001:db8", "2001:db8::/32"},
        {"ipv6:2001:DB8:0:7", "2001:db8:0:7::/64"},
        {"IPv6:2001:db8:1:2:3:4:5", "2001:db8:1:2:3:4:5:0/112"},
        {"IPv6:2001:db8::25", "2001:db8::25/128"},
        {"IPv6:2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6/128"},
        {"2001:db8::25", "2001:db8::25/128"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[NETWORK_TEXT_SIZE] = "";
        char formatted[NETWORK_TEXT_SIZE];
        struct network network;

        assert_true(address_beginning(cases[i].text, text));
        assert_int_equal(network_parse(text, &network), NETWORK_OK);
        network_format(&network, formatted);
        assert_string_equal(formatted, cases[i].network);
    }
}

static void whatever_else_is_none(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        ".",
        "10.",
        ".1",
        "10..1",
        "256",
        "10.300",
        "1.2.3.4.5",
        "1000",
        "partner.test",
        "10.1.test",
        "2001:db8",
        "IPv6:",
        "IPv6:2001:",
        "IPv6:20011",
        "IPv6:1:2:3:4:5:6:7:8:9",
        "IPv6:2001:xyz",
        "IPv6:10.1",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[NETWORK_TEXT_SIZE] = "untouched";

        if (address_beginning(cases[i], text)) {
            fail_msg("%s", cases[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_or_its_beginning_is_a_network),
        cmocka_unit_test(whatever_else_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

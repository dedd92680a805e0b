#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/postfix/derive_keys.h"

static void a_key_of_an_access_table_is_an_address_or_a_network(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *network; /* NULL: a name */
    } rows[] = {
        {"198.51.100.7", "198.51.100.7/32"},
        {"198.51.100", "198.51.100.0/24"},
        {"198.51", "198.51.0.0/16"},
        {"198", "198.0.0.0/8"},
        {"198.51.100.0/22", "198.51.100.0/22"},
        {"[2001:db8::]/32", "2001:db8::/32"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"2001:db8", "2001:db8::/32"},
        {"10.0.0.1/8", "10.0.0.0/8"},
        {"partner.test", NULL},
        {"mx9", NULL},
        {"", NULL},
        {"1.2.3.4.5", NULL},
        {"300", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct network network;
        char text[NETWORK_TEXT_SIZE];
        assert_int_equal(derive_network(rows[i].key, &network), rows[i].network != NULL);
        if (rows[i].network != NULL) {
            struct network wanted;
            char wanted_text[NETWORK_TEXT_SIZE];
            assert_int_equal(network_parse(rows[i].network, &wanted), NETWORK_OK);
            assert_string_equal(network_format(&network, text),
                                network_format(&wanted, wanted_text));
        }
    }
}

static void a_value_permits_unless_it_says_otherwise(void **state)
{
    (void)state;
    static const char *const permits[] = {"OK",
                                          "ok",
                                          "20231104",
                                          "partner",
                                          "permit_mynetworks",
                                          "5",
                                          "reject_unknown_client_hostname, permit",
                                          "info_desk",
                                          "warn_if_reject reject_x, permit"};
    static const char *const others[] = {
        "REJECT",  "reject go away", "DUNNO",        "550 no", "4.7.1 later", "DEFER_IF_PERMIT x",
        "DISCARD", "HOLD",           "PREPEND X: y", ""};

    for (size_t i = 0; i < sizeof(permits) / sizeof(permits[0]); i++) {
        assert_true(derive_permits(permits[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(derive_permits(others[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_of_an_access_table_is_an_address_or_a_network),
        cmocka_unit_test(a_value_permits_unless_it_says_otherwise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

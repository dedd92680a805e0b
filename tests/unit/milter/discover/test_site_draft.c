/* A configuration written from what an MTA says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "milter/discover/site_draft.h"

/* The printed text; to be freed. NULL: nothing was printed. */
static char *print(struct site_draft *draft)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    bool printed = site_draft_print(draft, "Postfix (/etc/postfix)", out);
    assert_int_equal(fclose(out), 0);
    site_draft_free(draft);
    if (!printed) {
        assert_int_equal(size, 0);
        free(text);
        return NULL;
    }
    return text;
}

static void everything_is_there_once_in_order_with_its_source(void **state)
{
    (void)state;
    struct site_draft draft = {0};

    site_draft_add_domain(&draft, "B.Example", "mydestination");
    site_draft_add_domain(&draft, "a.example.", "relay_domains");
    site_draft_add_domain(&draft, "b.example", "relay_domains");
    site_draft_add_domain(&draft, ".c.example", "relay_domains");
    site_draft_add_network(&draft, "[::1]/128", "mynetworks");
    site_draft_add_network(&draft, "192.0.2.7", "mynetworks");
    site_draft_add_mailer(&draft, "local", "local_transport");
    assert_true(site_draft_has_domain(&draft, "A.example"));
    assert_false(site_draft_has_domain(&draft, "c.example"));
    char *text = print(&draft);
    assert_non_null(text);
    assert_non_null(strstr(text, "site {\n"
                                 "    domains = {\n"
                                 "        \".c.example\",  # relay_domains\n"
                                 "        \"a.example\",  # relay_domains\n"
                                 "        \"b.example\"  # "));
    assert_non_null(strstr(text, "    trusted_networks = {\n"
                                 "        \"192.0.2.7/32\",  # mynetworks\n"
                                 "        \"::1/128\"  # mynetworks\n"
                                 "    }\n"
                                 "}\n"
                                 "milter {\n"
                                 "    own_mailers = {\n"
                                 "        \"local\"  # local_transport\n"
                                 "    }\n"
                                 "}\n"));
    free(text);
}

static struct address address_of(const char *text)
{
    struct address address;

    assert_true(address_parse(text, &address));
    return address;
}

static void a_public_network_that_has_neighbours_gets_a_remark(void **state)
{
    (void)state;
    static const struct {
        const char *network;
        const char *remark; /* NULL: none */
    } rows[] = {
        {"203.0.113.0/24", "256 addresses, of which this host has 2 (203.0.113.25, 203.0.113.26)"},
        {"203.0.112.0/20", "4096 addresses, of which this host has 2 "},
        {"203.0.113.24/31", "2 addresses, of which this host has 1 (203.0.113.25): its neighbours"},
        {"198.51.0.0/16", "65536 addresses, none of them this host's"},
        {"2001:db8:113::/64", "2^64 addresses, of which this host has 1 (2001:db8:113::25)"},
        {"2001:db8:113::/48", "2^80 addresses, of which this host has 1 "},
        {"2001:db8:999::/112", "65536 addresses, none of them this host's"},
        {"203.0.113.25", NULL},
        {"198.51.100.7", NULL}, /* one that somebody chose */
        {"2001:db8:113::25", NULL},
        {"10.0.0.0/8", NULL},
        {"172.22.1.0/24", NULL},
        {"100.64.0.0/10", NULL},
        {"127.0.0.0/8", NULL},
        {"169.254.0.0/16", NULL},
        {"fd00::/8", NULL},
        {"fe80::/10", NULL},
    };
    const struct address own[] = {address_of("127.0.0.1"), address_of("203.0.113.25"),
                                  address_of("203.0.113.26"), address_of("2001:db8:113::25"),
                                  address_of("10.1.2.3")};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct site_draft draft = {.own = own, .own_count = sizeof(own) / sizeof own[0]};
        site_draft_add_domain(&draft, "example.org", "mydestination");
        site_draft_add_network(&draft, rows[i].network, "mynetworks");
        char *text = print(&draft);
        assert_non_null(text);
        const char *careful = strstr(text, "  # mynetworks. CAREFUL: public, ");
        if ((careful != NULL) != (rows[i].remark != NULL) ||
            (careful != NULL && strstr(careful, rows[i].remark) == NULL)) {
            fail_msg("%s: %s", rows[i].network, text);
        }
        free(text);
    }
}

static void a_host_with_many_addresses_in_a_network_names_the_first(void **state)
{
    (void)state;
    struct address own[6];
    for (size_t i = 0; i < 6; i++) {
        own[i] = address_of("203.0.113.1");
        own[i].octets[3] = (uint8_t)(i + 1);
    }
    struct site_draft draft = {.own = own, .own_count = 6};
    site_draft_add_domain(&draft, "example.org", "mydestination");
    site_draft_add_network(&draft, "203.0.113.0/29", "access map");
    site_draft_add_network(&draft, "203.0.113.0/29", "access map");
    char *text = print(&draft);
    assert_non_null(strstr(text, "8 addresses, of which this host has 6 (203.0.113.1, 203.0.113.2, "
                                 "203.0.113.3, ...)"));
    free(text);
}

static void what_the_configuration_would_refuse_is_a_comment(void **state)
{
    (void)state;
    struct site_draft draft = {0};

    site_draft_add_domain(&draft, "example.org", "mydestination");
    site_draft_add_domain(&draft, "a\"b\n} milter { user = \"root\"", "mydestination");
    site_draft_add_domain(&draft, "[192.0.2.1]", "mydestination");
    site_draft_add_domain(&draft, "-", "mydestination");
    site_draft_add_network(&draft, "0.0.0.0/0", "mynetworks");
    site_draft_add_network(&draft, "nonsense", "mynetworks");
    site_draft_add_mailer(&draft, "a b", "local_transport");
    char *text = print(&draft);
    assert_non_null(text);
    assert_non_null(strstr(text, "# a\"b\\x0A} milter { user = \"root\": left out"));
    assert_non_null(strstr(text, "# -: left out"));
    assert_non_null(strstr(text, "# 0.0.0.0/0: LEFT OUT"));
    assert_non_null(strstr(text, "# nonsense: left out"));
    assert_non_null(strstr(text, "# a b: left out"));
    assert_null(strstr(text, "192.0.2.1"));
    assert_non_null(strstr(text, "trusted_networks = { }\n"));
    assert_non_null(strstr(text, "own_mailers = { }\n"));
    free(text);
}

static void without_a_domain_the_rest_is_printed_and_one_is_asked_for(void **state)
{
    (void)state;
    struct site_draft draft = {0};

    site_draft_note(&draft, "static:all", "matches everything");
    site_draft_add_network(&draft, "192.0.2.7", "mynetworks");
    char *text = print(&draft);
    assert_non_null(text);
    assert_non_null(strstr(text, "# static:all: matches everything\n"));
    assert_non_null(strstr(text, "site {\n"
                                 "    # No domain can be listed: name yours here.\n"
                                 "    domains = { }\n"));
    assert_non_null(strstr(text, "\"192.0.2.7/32\"  # mynetworks\n"));
    free(text);
}

static void without_memory_nothing_is_printed(void **state)
{
    (void)state;
    struct site_draft draft = {.out_of_memory = true};

    assert_null(print(&draft));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_there_once_in_order_with_its_source),
        cmocka_unit_test(a_public_network_that_has_neighbours_gets_a_remark),
        cmocka_unit_test(a_host_with_many_addresses_in_a_network_names_the_first),
        cmocka_unit_test(what_the_configuration_would_refuse_is_a_comment),
        cmocka_unit_test(without_a_domain_the_rest_is_printed_and_one_is_asked_for),
        cmocka_unit_test(without_memory_nothing_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

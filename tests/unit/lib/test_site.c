#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/failing_alloc.h"

/* NOLINTNEXTLINE(bugprone-suspicious-include): so that its allocations can be made to fail */
#include "lib/site.c"

static struct network network_of(const char *text)
{
    struct network network;
    assert_int_equal(network_parse(text, &network), NETWORK_OK);
    return network;
}

static char *copy_of(const char *text)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    return copy;
}

static struct site_settings example_settings(void)
{
    struct site_settings settings = {
        .domains = domainset_new(),
        .main_domain = copy_of("example.org"),
        .networks = malloc(2 * sizeof(struct network)),
        .network_count = 2,
        .certificates = calloc(2, sizeof(char *)),
        .certificate_count = 2,
    };
    if (settings.domains == NULL || settings.networks == NULL || settings.certificates == NULL)
        abort();
    settings.owners = domainset_new();
    settings.hosts = domainset_new();
    assert_true(domainset_add(settings.owners, "example.org"));
    assert_true(domainset_add(settings.owners, "xn--bcher-kva.example"));
    assert_true(domainset_add(settings.hosts, "mx.provider.test"));
    assert_true(domainset_add(settings.hosts, ".relays.test"));
    assert_true(domainset_add(settings.domains, "example.org"));
    assert_true(domainset_add(settings.domains, ".example.org"));
    assert_true(domainset_add(settings.domains, "xn--bcher-kva.example"));
    settings.networks[0] = network_of("10.0.0.0/8");
    settings.networks[1] = network_of("10.1.0.0/16");
    settings.certificates[0] = copy_of("branch.example.org");
    settings.certificates[1] = copy_of("printer");
    return settings;
}

static int set_up(void **state)
{
    struct site_settings settings = example_settings();
    *state = site_new(&settings);
    if (*state != NULL)
        return 0;
    site_settings_free(&settings);
    return -1;
}

static int tear_down(void **state)
{
    site_free(*state);
    return 0;
}

static bool owns(const struct site *site, const char *domain)
{
    return site_owns_domain(site, domain, strlen(domain));
}

static void a_domain_is_owned_however_it_is_written(void **state)
{
    assert_true(owns(*state, "example.org"));
    assert_true(owns(*state, "EXAMPLE.org."));
    assert_true(owns(*state, "mx.example.org"));
    assert_true(owns(*state, "B\303\234CHER.example"));
    assert_true(owns(*state, "xn--Bcher-kva.example"));
    assert_true(site_owns_domain(*state, "example.org> SIZE=1", 11));
}

static void what_is_not_declared_or_no_domain_is_nobodys(void **state)
{
    assert_false(owns(*state, "outside.test"));
    assert_false(owns(*state, "www.xn--bcher-kva.example"));
    assert_false(owns(*state, "example.org.outside.test"));
    assert_false(owns(*state, ".example.org"));
    assert_false(owns(*state, "example..org"));
    assert_false(owns(*state, "[10.0.0.1]"));
    assert_false(owns(*state, ""));
    assert_false(site_owns_domain(*state, "example.org\0", 12));
}

static void a_host_is_the_sites_by_its_registrable_domain_or_because_it_is_declared(void **state)
{
    static const char *const own[] = {
        "mx.example.org",   "example.org",     "a.b.example.org", "www.xn--bcher-kva.example",
        "mx.provider.test", "mx1.relays.test", "a.b.relays.test"};
    static const char *const others[] = {"mx.example.net",
                                         "mx.notexample.org",
                                         "example.org.provider.test",
                                         "provider.test",
                                         "mx2.provider.test",
                                         "a.mx.provider.test",
                                         "relays.test",
                                         "org",
                                         "xn--bcher-kva.org",
                                         "192.0.2.1",
                                         "[192.0.2.1]"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        assert_true(site_owns_host(*state, own[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(site_owns_host(*state, others[i]));
    }
}

/* A site that declares a public suffix is the one that gives out the names below it. */
static void what_is_below_a_declared_public_suffix_is_the_sites(void **state)
{
    (void)state;
    struct site_settings settings = {
        .domains = domainset_new(), .owners = domainset_new(), .main_domain = copy_of("co.uk")};
    assert_true(domainset_add(settings.domains, "co.uk"));
    assert_true(domainset_add(settings.owners, "co.uk"));
    struct site *site = site_new(&settings);
    assert_true(site_owns_host(site, "co.uk"));
    assert_true(site_owns_host(site, "mx.co.uk"));
    assert_false(site_owns_host(site, "mx.org.uk"));
    site_free(site);
}

static void trusted_networks_are_trusted_and_the_narrowest_explains(void **state)
{
    struct address inside = {.family = ADDRESS_IPV4, .octets = {10, 1, 2, 3}};
    struct address outside = {.family = ADDRESS_IPV4, .octets = {192, 0, 2, 1}};
    struct address none = {.family = ADDRESS_NONE};
    char text[NETWORK_TEXT_SIZE];
    assert_true(site_trusts(*state, &inside));
    assert_string_equal(network_format(site_trusted_network(*state, &inside), text), "10.1.0.0/16");
    assert_false(site_trusts(*state, &outside));
    assert_null(site_trusted_network(*state, &outside));
    assert_false(site_trusts(*state, &none));
}

static void only_a_declared_certificate_is_trusted(void **state)
{
    assert_true(site_trusts_certificate(*state, "branch.example.org"));
    assert_true(site_trusts_certificate(*state, "printer"));
    assert_false(site_trusts_certificate(*state, "Printer"));
    assert_false(site_trusts_certificate(*state, "printer2"));
    assert_false(site_trusts_certificate(*state, ""));
    assert_false(site_trusts_certificate(*state, NULL));
}

static void senders_fall_into_three_classes(void **state)
{
    assert_int_equal(site_classify_sender(*state, "<>"), SENDER_NULL);
    assert_int_equal(site_classify_sender(*state, ""), SENDER_NULL);
    assert_int_equal(site_classify_sender(*state, NULL), SENDER_NULL);
    assert_int_equal(site_classify_sender(*state, "<u@Example.ORG>"), SENDER_OWN);
    assert_int_equal(site_classify_sender(*state, "u@mx.example.org"), SENDER_OWN);
    assert_int_equal(site_classify_sender(*state, "<u@outside.test>"), SENDER_EXTERNAL);
    assert_int_equal(site_classify_sender(*state, "<\"u@example.org\"@outside.test>"),
                     SENDER_EXTERNAL);
    assert_int_equal(site_classify_sender(*state, "<@example.org:u@outside.test>"),
                     SENDER_EXTERNAL);
}

static void a_sender_without_a_domain_is_own_and_one_with_an_empty_domain_is_not(void **state)
{
    assert_int_equal(site_classify_sender(*state, "<root>"), SENDER_OWN);
    assert_int_equal(site_classify_sender(*state, "<postmaster>"), SENDER_OWN);
    assert_int_equal(site_classify_sender(*state, "<root@>"), SENDER_EXTERNAL);
}

static void a_site_takes_over_its_settings_and_empties_them(void **state)
{
    (void)state;
    struct site_settings settings = example_settings();
    struct site_settings empty = {0};
    struct site *site = site_new(&settings);
    assert_non_null(site);
    assert_memory_equal(&settings, &empty, sizeof(empty));
    assert_string_equal(site_main_domain(site), "example.org");
    site_settings_free(&settings);
    site_free(site);
    site_free(NULL);
}

static void a_site_of_nothing_owns_and_trusts_nothing(void **state)
{
    (void)state;
    struct site_settings settings = {0};
    struct address client = {.family = ADDRESS_IPV4, .octets = {127, 0, 0, 1}};
    struct site *site = site_new(&settings);
    assert_non_null(site);
    assert_false(owns(site, "example.org"));
    assert_false(site_trusts(site, &client));
    assert_false(site_trusts_certificate(site, "printer"));
    assert_null(site_main_domain(site));
    site_free(site);
}

static void memory_that_runs_out_leaves_the_settings(void **state)
{
    (void)state;
    struct site_settings settings = example_settings();
    failing_alloc_after(0);
    assert_null(site_new(&settings));
    failing_alloc_never();
    assert_string_equal(settings.main_domain, "example.org");
    assert_int_equal(settings.network_count, 2);
    struct site *site = site_new(&settings);
    if (site == NULL)
        site_settings_free(&settings);
    assert_non_null(site);
    assert_true(owns(site, "example.org"));
    site_free(site);
}

static void the_declared_domain_above_a_name_is_found(void **state)
{
    assert_string_equal(site_parent_domain(*state, "mx.example.org"), "example.org");
    assert_string_equal(site_parent_domain(*state, "a.b.example.org"), "b.example.org");
    assert_string_equal(site_parent_domain(*state, "www.xn--bcher-kva.example"),
                        "xn--bcher-kva.example");
    assert_string_equal(site_parent_domain(*state, "www.mx.xn--bcher-kva.example"),
                        "xn--bcher-kva.example");
    assert_null(site_parent_domain(*state, "mx.outside.test"));
    assert_null(site_parent_domain(*state, "example"));
    assert_null(site_parent_domain(*state, "notexample.org"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_domain_is_owned_however_it_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_host_is_the_sites_by_its_registrable_domain_or_because_it_is_declared, set_up,
            tear_down),
        cmocka_unit_test(what_is_below_a_declared_public_suffix_is_the_sites),
        cmocka_unit_test_setup_teardown(what_is_not_declared_or_no_domain_is_nobodys, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(trusted_networks_are_trusted_and_the_narrowest_explains,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_a_declared_certificate_is_trusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(senders_fall_into_three_classes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_sender_without_a_domain_is_own_and_one_with_an_empty_domain_is_not, set_up,
            tear_down),
        cmocka_unit_test(a_site_takes_over_its_settings_and_empties_them),
        cmocka_unit_test(a_site_of_nothing_owns_and_trusts_nothing),
        cmocka_unit_test(memory_that_runs_out_leaves_the_settings),
        cmocka_unit_test_setup_teardown(the_declared_domain_above_a_name_is_found, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

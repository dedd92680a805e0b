#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/target.h"

static uint16_t two_ports[] = {465, 587};

static struct conf_target configured[] = {
    {.name = (char[]){"mx"},
     .domain = (char[]){"example.org"},
     .ports = two_ports,
     .port_count = 1},
    {.name = (char[]){"submission"},
     .host = (char[]){"Mail.Example.org"},
     .ports = two_ports,
     .port_count = 2,
     .tls = TLS_IMPLICIT},
};

static struct conf conf = {.probe = {.targets = configured, .target_count = 2}};

static struct target parse(const char *argument)
{
    struct target target;
    char error[TARGET_ERROR_SIZE] = "";

    if (!target_from_argument(argument, &conf, &target, error)) {
        fail_msg("%s: %s", argument, error);
    }
    return target;
}

static void refuse(const char *argument, const char *part)
{
    struct target target = {.port = 77};
    char error[TARGET_ERROR_SIZE] = "";

    assert_false(target_from_argument(argument, &conf, &target, error));
    assert_non_null(strstr(error, part));
    assert_int_equal(target.port, 77);
}

static void a_configured_name_is_that_target(void **state)
{
    (void)state;
    struct target target = parse("submission");

    assert_true(target.configured);
    assert_false(target.by_mx);
    assert_string_equal(target.name, "submission");
    assert_string_equal(target.host, "mail.example.org");
    assert_int_equal(target.port_count, 2);
    assert_int_equal(target_port(&target, 1), 587);
    assert_int_equal(target.tls, TLS_IMPLICIT);
    assert_true(parse("mx").by_mx);
}

static void an_address_that_was_meant_to_have_a_port_is_refused(void **state)
{
    (void)state;
    refuse("::1:25", "\"::1:25\" is an address without a port; for port 25 of ::1 write [::1]:25");
    refuse("::1:c0a8", "no server has an address in ::/96");
    refuse("::25", "no server has an address in ::/96");
    refuse("::192.0.2.1", "no server has an address in ::/96");
    refuse("[::1:25]", "no server has an address in ::/96");
    refuse("[::1:25]:587", "no server has an address in ::/96");
    assert_int_equal(parse("[::1]:587").port, 587);
    assert_string_equal(parse("::1").host, "::1");
    assert_string_equal(parse("2001:db8::1:25").host, "2001:db8::1:25");
}

static void a_host_is_asked_on_port_25(void **state)
{
    (void)state;
    struct target target = parse("MX2.example.org");

    assert_false(target.configured);
    assert_string_equal(target.name, "MX2.example.org");
    assert_string_equal(target.host, "mx2.example.org");
    assert_int_equal(target.address.family, ADDRESS_NONE);
    assert_int_equal(target.port_count, 1);
    assert_int_equal(target_port(&target, 0), 25);
    assert_int_equal(target.tls, TLS_AUTO);
}

static void a_port_follows_a_host_or_an_ipv4_address(void **state)
{
    (void)state;
    struct target host = parse("mx.example.org:587");
    assert_string_equal(host.host, "mx.example.org");
    assert_int_equal(target_port(&host, 0), 587);

    struct target address = parse("192.0.2.1:2525");
    assert_int_equal(address.address.family, ADDRESS_IPV4);
    assert_string_equal(address.host, "192.0.2.1");
    assert_int_equal(target_port(&address, 0), 2525);
}

static void ipv6_stands_bare_or_in_brackets_and_takes_a_port_only_in_brackets(void **state)
{
    (void)state;
    assert_string_equal(parse("2001:DB8::25").host, "2001:db8::25");
    assert_string_equal(parse("[2001:db8::25]").host, "2001:db8::25");

    struct target target = parse("[2001:db8::25]:587");
    assert_int_equal(target.address.family, ADDRESS_IPV6);
    assert_int_equal(target_port(&target, 0), 587);
}

static void domain_and_a_name_mean_its_mx_hosts(void **state)
{
    (void)state;
    struct target target = parse("domain:Example.NET");

    assert_true(target.by_mx);
    assert_string_equal(target.host, "example.net");
    assert_string_equal(target.name, "domain:Example.NET");
}

static void what_is_no_target_is_refused_with_what_is_allowed(void **state)
{
    (void)state;
    refuse("", "host");
    refuse("mx.example.org:0", "1 to 65535");
    refuse("mx.example.org:65536", "1 to 65535");
    refuse("mx.example.org:", "1 to 65535");
    refuse("mx.example.org:+25", "1 to 65535");
    refuse("mx.example.org:25x", "1 to 65535");
    refuse("a b", "domain:NAME");
    refuse("-", "neither");
    refuse("-mx.example.org", "neither");
    refuse("domain:-", "no domain name");
    refuse("domain:", "no domain name");
    refuse("domain:192.0.2.1", "no domain name");
    refuse("[mx.example.org]", "neither");
    refuse("user@example.org", "neither");
    refuse("192.0.2.0/24", "neither");
    refuse("a:b:25", "host name or address");
    refuse("\033[2Jx y", "\\x1B[2Jx y");
}

static struct site *make_site(const char *const *domains, const char *main_domain)
{
    struct site_settings settings = {.domains = domainset_new(),
                                     .main_domain = strdup(main_domain)};

    for (; *domains != NULL; domains++) {
        assert_true(domainset_add(settings.domains, *domains));
    }
    struct site *site = site_new(&settings);
    assert_non_null(site);
    return site;
}

static void check_own(const struct site *site, const char *argument, const char *host,
                      const char *expected)
{
    struct target target = parse(argument);
    char own[RESULT_HOST_SIZE];

    target_own_domain(&target, host, site, own);
    assert_string_equal(own, expected);
}

static void the_own_domain_is_the_targets_or_the_nearest_declared_parent(void **state)
{
    (void)state;
    const char *const domains[] = {"example.org", "sub.example.org", "alone.test", NULL};
    struct site *site = make_site(domains, "example.org");

    check_own(site, "domain:example.net", "mx.sub.example.org", "example.net");
    check_own(site, "mx.sub.example.org", "mx.sub.example.org", "sub.example.org");
    check_own(site, "mx.example.org", "mx.example.org", "example.org");
    check_own(site, "alone.test", "alone.test", "alone.test");
    check_own(site, "mx.example.com", "mx.example.com", "example.org");
    check_own(site, "192.0.2.1", "192.0.2.1", "example.org");
    site_free(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configured_name_is_that_target),
        cmocka_unit_test(an_address_that_was_meant_to_have_a_port_is_refused),
        cmocka_unit_test(a_host_is_asked_on_port_25),
        cmocka_unit_test(a_port_follows_a_host_or_an_ipv4_address),
        cmocka_unit_test(ipv6_stands_bare_or_in_brackets_and_takes_a_port_only_in_brackets),
        cmocka_unit_test(domain_and_a_name_mean_its_mx_hosts),
        cmocka_unit_test(what_is_no_target_is_refused_with_what_is_allowed),
        cmocka_unit_test(the_own_domain_is_the_targets_or_the_nearest_declared_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

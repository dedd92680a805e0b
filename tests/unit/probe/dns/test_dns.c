#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/dns/dns.h"
#include "probe/dns/endpoints.h"
#include "tests/unit/liar.h"

static const struct liar_row rows[] = {
    {.name = "crowd.example.org",
     .type = "A",
     .records = "A 192.0.2.101\nA 192.0.2.102\nA 192.0.2.103\nA 192.0.2.104\nA 192.0.2.105\nA "
                "192.0.2.106\nA 192.0.2.107\nA 192.0.2.108\nA 192.0.2.109\nA 192.0.2.110\nA "
                "192.0.2.111\nA 192.0.2.112\nA 192.0.2.113\nA 192.0.2.114\nA 192.0.2.115\nA "
                "192.0.2.116\nA 192.0.2.117\nA 192.0.2.118\nA 192.0.2.119\nA 192.0.2.120"},
    {.name = "crowd.example.org", .type = "AAAA", .records = "AAAA 2001:db8::99"},
    {.name = "example.org",
     .type = "MX",
     .records = "MX 20 mx2.example.org\nMX 10 MX1.Example.org\nMX 20 a.example.org"},
    {.name = "hosted.example.org",
     .type = "MX",
     .records = "MX 10 mx.provider.test\nMX 20 mx1.example.org\nMX 30 inner.provider.test"},
    {.name = "mx.provider.test", .type = "A", .records = "A 192.0.2.31"},
    {.name = "inner.provider.test", .type = "A", .records = "A 10.9.0.1"},
    {.name = "private.example.org",
     .type = "A",
     .records = "A 192.168.1.5\nA 10.9.0.7\nA 192.0.2.7"},
    {.name = "private.example.org", .type = "AAAA", .records = "AAAA fd00::5"},
    {.name = "null.example.org", .type = "MX", .records = "MX 0 ."},
    {.name = "implicit.example.org", .type = "A", .records = "A 192.0.2.9"},
    {.name = "alias.example.org", .type = "MX", .records = "CNAME implicit.example.org"},
    {.name = "alias.example.org",
     .type = "A",
     .records = "CNAME implicit.example.org\nA 192.0.2.9"},
    {.name = "alias.example.org", .type = "AAAA", .records = "CNAME implicit.example.org"},
    {.name = "broken.example.org", .type = "MX", .rcode = 2},
    {.name = "strange.example.org",
     .type = "MX",
     .records = "MX 5 bad\033name\nMX 10 mx1.example.org"},
    {.name = "mx1.example.org", .type = "A", .records = "A 192.0.2.2\nA 192.0.2.1\nA 192.0.2.2"},
    {.name = "mx1.example.org", .type = "AAAA", .records = "AAAA 2001:db8::25"},
    {.name = "mx2.example.org", .type = "A", .records = "A 192.0.2.3"},
    {.name = "mx2.example.org", .type = "AAAA", .rcode = 2},
    {.name = "a.example.org", .type = "AAAA", .records = "AAAA 2001:db8::26"},
    {.name = "mapped.example.org", .type = "AAAA", .records = "AAAA ::ffff:192.0.2.7"},
    {.name = "cut.example.org", .type = "A", .way = LIAR_TRUNCATED, .records = "A 192.0.2.8"},
    {.name = "silent.example.org", .type = "A", .way = LIAR_SILENT},
    {.name = "silent.example.org", .type = "AAAA", .way = LIAR_SILENT},
    {.name = "noise.example.org", .type = "A", .way = LIAR_GARBAGE},
    {.name = "noise.example.org", .type = "AAAA", .way = LIAR_GARBAGE},
    {.name = NULL},
};

/* A resolver, a loop, and the last answer. */
struct bench {
    struct liar *liar;
    struct loop *loop;
    struct dns *dns;
    struct dns_answer answer; /* with texts and addresses of its own */
    int answers;
};

static struct bench bench;

/* A resolver that says nothing is given `timeout_ms`; any other has long answered. */
static int set_up_with(int timeout_ms)
{
    char error[DNS_ERROR_SIZE];
    struct dns_server server = {0};

    memset(&bench, 0, sizeof(bench));
    bench.liar = liar_start(rows);
    bench.loop = loop_new();
    if (!address_parse("127.0.0.1", &server.address)) {
        return -1;
    }
    server.port = liar_port(bench.liar);
    const struct dns_settings settings = {.servers = &server,
                                          .server_count = 1,
                                          .timeout_ms = timeout_ms,
                                          .tries = 1,
                                          .deadline_ms = 3 * timeout_ms};
    bench.dns = dns_new(bench.loop, &settings, error);
    return bench.dns != NULL ? 0 : -1;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(20000);
}

static int set_up_hurried(void **state)
{
    (void)state;
    return set_up_with(500);
}

static int tear_down(void **state)
{
    (void)state;
    dns_answer_clear(&bench.answer);
    dns_free(bench.dns);
    loop_free(bench.loop);
    liar_stop(bench.liar);
    return 0;
}

static void *copy_of(const void *from, size_t size)
{
    void *copy = malloc(size + 1);

    assert_non_null(copy);
    return size > 0 ? memcpy(copy, from, size) : copy;
}

static void on_answer(const struct dns_answer *answer, void *user)
{
    (void)user;
    dns_answer_clear(&bench.answer);
    bench.answer = *answer;
    bench.answer.texts = copy_of(answer->texts, answer->text_count * sizeof(answer->texts[0]));
    bench.answer.addresses =
        copy_of(answer->addresses, answer->address_count * sizeof(answer->addresses[0]));
    bench.answers++;
    loop_break(bench.loop);
}

static const struct dns_answer *ask_mx(const char *domain)
{
    bench.answers = 0;
    dns_ask(bench.dns, domain, DNS_MX, on_answer, NULL);
    if (bench.answers == 0) {
        loop_run(bench.loop);
    }
    assert_int_equal(bench.answers, 1);
    return &bench.answer;
}

static const struct dns_answer *ask_addresses(const char *host)
{
    bench.answers = 0;
    dns_ask_addresses(bench.dns, host, on_answer, NULL);
    if (bench.answers == 0) {
        loop_run(bench.loop);
    }
    assert_int_equal(bench.answers, 1);
    return &bench.answer;
}

static void assert_address(const struct address *address, const char *expected)
{
    char text[ADDRESS_TEXT_SIZE];

    assert_string_equal(address_format(address, text), expected);
}

static void mx_hosts_come_by_preference_and_normalised(void **state)
{
    (void)state;
    const struct dns_answer *answer = ask_mx("example.org");

    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->text_count, 3);
    assert_string_equal(answer->texts[0].text, "mx1.example.org");
    assert_int_equal(answer->texts[0].preference, 10);
    assert_string_equal(answer->texts[1].text, "a.example.org");
    assert_string_equal(answer->texts[2].text, "mx2.example.org");
    assert_string_equal(answer->trouble, "");
}

static void a_null_mx_is_told_as_that(void **state)
{
    (void)state;
    const struct dns_answer *answer = ask_mx("null.example.org");

    assert_int_equal(answer->status, DNS_OK);
    assert_true(answer->null_mx);
    assert_int_equal(answer->text_count, 0);
}

static void no_mx_no_domain_and_no_answer_are_three_things(void **state)
{
    (void)state;
    assert_int_equal(ask_mx("implicit.example.org")->status, DNS_NO_DATA);
    assert_string_equal(bench.answer.trouble, "");
    assert_int_equal(ask_mx("nowhere.example.org")->status, DNS_NO_NAME);
    assert_int_equal(ask_mx("broken.example.org")->status, DNS_FAILED);
    assert_non_null(strstr(bench.answer.trouble, "broken.example.org"));
}

static void an_mx_host_that_is_no_name_is_left_out_and_told(void **state)
{
    (void)state;
    const struct dns_answer *answer = ask_mx("strange.example.org");

    assert_int_equal(answer->text_count, 1);
    assert_string_equal(answer->texts[0].text, "mx1.example.org");
    assert_string_not_equal(answer->trouble, "");
    assert_null(strchr(answer->trouble, '\033'));
}

static void both_families_come_sorted_and_without_doubles(void **state)
{
    (void)state;
    const struct dns_answer *answer = ask_addresses("mx1.example.org");

    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->address_count, 3);
    assert_address(&answer->addresses[0], "192.0.2.1");
    assert_address(&answer->addresses[1], "192.0.2.2");
    assert_address(&answer->addresses[2], "2001:db8::25");
}

static void a_family_that_could_not_be_asked_is_told_beside_the_other(void **state)
{
    (void)state;
    const struct dns_answer *answer = ask_addresses("mx2.example.org");

    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->address_count, 1);
    assert_non_null(strstr(answer->trouble, "AAAA"));
}

static void an_alias_is_followed(void **state)
{
    (void)state;
    const struct dns_answer *answer = ask_addresses("alias.example.org");

    assert_int_equal(answer->status, DNS_OK);
    assert_int_equal(answer->address_count, 1);
    assert_address(&answer->addresses[0], "192.0.2.9");
    assert_string_equal(answer->trouble, "");
    assert_int_equal(ask_mx("alias.example.org")->text_count, 0);
    assert_int_not_equal(bench.answer.status, DNS_FAILED);
}

static void a_mapped_address_is_ipv4(void **state)
{
    (void)state;
    assert_address(&ask_addresses("mapped.example.org")->addresses[0], "192.0.2.7");
}

static void a_truncated_answer_is_fetched_over_tcp(void **state)
{
    (void)state;
    const struct dns_answer *answer = ask_addresses("cut.example.org");

    assert_int_equal(answer->address_count, 1);
    assert_address(&answer->addresses[0], "192.0.2.8");
}

static void a_silent_resolver_fails_within_the_deadline(void **state)
{
    (void)state;
    int64_t began = loop_now(bench.loop);

    assert_int_equal(ask_addresses("silent.example.org")->status, DNS_FAILED);
    assert_string_not_equal(bench.answer.trouble, "");
    assert_in_range(loop_now(bench.loop) - began, 1, 60000);
}

static void noise_is_a_failure(void **state)
{
    (void)state;
    assert_int_equal(ask_addresses("noise.example.org")->status, DNS_FAILED);
    assert_int_equal(bench.answer.address_count, 0);
}

static void localhost_is_known_without_asking(void **state)
{
    (void)state;
    const struct dns_answer *answer = ask_addresses("localhost");

    assert_int_equal(answer->address_count, 2);
    assert_address(&answer->addresses[0], "127.0.0.1");
    assert_address(&answer->addresses[1], "::1");
    assert_int_equal(ask_addresses("notlocalhost")->address_count, 0);
}

static void open_questions_are_dropped_with_the_channel(void **state)
{
    (void)state;
    bench.answers = 0;
    dns_ask_addresses(bench.dns, "silent.example.org", on_answer, NULL);
    dns_ask(bench.dns, "example.org", DNS_MX, on_answer, NULL);
    dns_free(bench.dns);
    bench.dns = NULL;
    assert_int_equal(bench.answers, 0);
}

/* ---- from a target to endpoints ---- */

static struct {
    struct resolved found[64];
    char trouble[64][DNS_TROUBLE_SIZE];
    size_t count;
    int done;
} endpoints;

static void on_found(const struct resolved *resolved, void *user)
{
    (void)user;
    assert_true(endpoints.count < 64);
    snprintf(endpoints.trouble[endpoints.count], DNS_TROUBLE_SIZE, "%s",
             resolved->trouble != NULL ? resolved->trouble : "");
    endpoints.found[endpoints.count++] = *resolved;
}

static void on_done(void *user)
{
    (void)user;
    endpoints.done++;
    loop_break(bench.loop);
}

static void resolve(const struct target *target)
{
    static const struct endpoints_listener listener = {.found = on_found, .done = on_done};
    struct site_settings settings = {.domains = domainset_new(),
                                     .owners = domainset_new(),
                                     .main_domain = strdup("example.org"),
                                     .networks = calloc(1, sizeof(struct network)),
                                     .network_count = 1};
    assert_non_null(settings.networks);
    assert_int_equal(network_parse("10.9.0.0/16", &settings.networks[0]), NETWORK_OK);
    assert_true(domainset_add(settings.domains, "example.org"));
    assert_true(domainset_add(settings.owners, "example.org"));
    struct site *site = site_new(&settings);
    const struct endpoints_request request = {
        .target = target, .site = site, .listener = &listener};
    struct endpoints *resolution = endpoints_new(bench.dns, &request);

    memset(&endpoints, 0, sizeof(endpoints));
    endpoints_begin(resolution);
    if (endpoints.done == 0) {
        loop_run(bench.loop);
    }
    assert_int_equal(endpoints.done, 1);
    assert_true(endpoints_is_done(resolution));
    endpoints_free(resolution);
    site_free(site);
}

static struct target domain_target(const char *domain)
{
    struct target target = {
        .name = "t", .by_mx = true, .port = 25, .port_count = 1, .tls = TLS_AUTO};

    snprintf(target.host, sizeof(target.host), "%s", domain);
    return target;
}

static bool has_endpoint(const char *host, const char *address, uint16_t port)
{
    for (size_t i = 0; i < endpoints.count; i++) {
        const struct endpoint *endpoint = &endpoints.found[i].endpoint;
        char text[ADDRESS_TEXT_SIZE];
        if (strcmp(endpoint->host, host) == 0 && endpoint->port == port &&
            strcmp(address_format(&endpoint->address, text), address) == 0) {
            return true;
        }
    }
    return false;
}

static void each_address_of_each_mx_host_is_an_endpoint_and_what_is_unknown_is_one_too(void **state)
{
    (void)state;
    struct target target = domain_target("example.org");

    resolve(&target);
    assert_int_equal(endpoints.count, 6);
    assert_true(has_endpoint("mx1.example.org", "192.0.2.1", 25));
    assert_true(has_endpoint("mx1.example.org", "192.0.2.2", 25));
    assert_true(has_endpoint("mx1.example.org", "2001:db8::25", 25));
    assert_true(has_endpoint("mx2.example.org", "192.0.2.3", 25));
    assert_true(has_endpoint("a.example.org", "2001:db8::26", 25));
    assert_true(has_endpoint("mx2.example.org", "unknown", 25)); /* its AAAA failed */
    for (size_t i = 0; i < endpoints.count; i++) {
        assert_string_equal(endpoints.found[i].endpoint.own, "example.org");
        assert_int_equal(endpoints.found[i].rank == 0,
                         strcmp(endpoints.found[i].endpoint.host, "mx1.example.org") == 0);
    }
}

static size_t with_address(void)
{
    size_t count = 0;
    for (size_t i = 0; i < endpoints.count; i++) {
        count += endpoints.found[i].endpoint.address.family != ADDRESS_NONE;
    }
    return count;
}

/* Of 20 IPv4 and 1 IPv6 address the one is asked, too. */
static void a_hosts_addresses_and_a_targets_endpoints_are_bounded_and_this_is_told(void **state)
{
    (void)state;
    struct target target = domain_target("crowd.example.org");

    resolve(&target);
    assert_int_equal(with_address(), ENDPOINTS_HOST_ADDRESSES);
    assert_true(has_endpoint("crowd.example.org", "2001:db8::99", 25));
    assert_int_equal(endpoints.count, ENDPOINTS_HOST_ADDRESSES + 1);
    assert_string_equal(endpoints.trouble[ENDPOINTS_HOST_ADDRESSES],
                        "crowd.example.org has 21 addresses, and only 16 of them were asked");
    target.by_mx = false;
    target.port_count = 3;
    resolve(&target);
    assert_int_equal(with_address(), ENDPOINTS_TARGET_ENDPOINTS);
    assert_string_equal(endpoints.trouble[endpoints.count - 1],
                        "16 more endpoints were not asked: a target has at most 32");
}

/* Of the endpoint with this address. */
static const struct resolved *resolved_as(const char *text, size_t *index)
{
    for (size_t i = 0; i < endpoints.count; i++) {
        char shown[ADDRESS_TEXT_SIZE];
        if (strcmp(address_format(&endpoints.found[i].endpoint.address, shown), text) == 0) {
            *index = i;
            return &endpoints.found[i];
        }
    }
    fail_msg("no endpoint %s", text);
    return NULL;
}

static void an_mx_host_is_somebody_elses_unless_its_name_or_address_is_the_sites(void **state)
{
    (void)state;
    struct target target = domain_target("hosted.example.org");
    size_t i;

    resolve(&target);
    assert_true(resolved_as("192.0.2.31", &i)->endpoint.hosted);
    assert_false(resolved_as("10.9.0.1", &i)->endpoint.hosted); /* a trusted network */
    assert_string_equal(endpoints.trouble[i], "");
    assert_false(resolved_as("192.0.2.1", &i)->endpoint.hosted); /* its name */
}

static void a_host_that_the_operator_named_is_never_somebody_elses(void **state)
{
    (void)state;
    struct target target = domain_target("mx.provider.test");
    size_t i;

    target.by_mx = false;
    resolve(&target);
    assert_false(resolved_as("192.0.2.31", &i)->endpoint.hosted);
}

static void a_private_address_that_only_dns_names_is_not_asked_and_is_told(void **state)
{
    (void)state;
    struct target target = domain_target("private.example.org");
    size_t i;

    for (int by_mx = 0; by_mx < 2; by_mx++) {
        target.by_mx = by_mx == 1;
        resolve(&target);
        assert_int_equal(endpoints.count, 4);
        (void)resolved_as("192.168.1.5", &i);
        assert_string_equal(endpoints.trouble[i],
                            "192.168.1.5 is no address of the internet, and only DNS says that "
                            "private.example.org has it");
        (void)resolved_as("fd00::5", &i);
        assert_string_not_equal(endpoints.trouble[i], "");
        (void)resolved_as("10.9.0.7", &i); /* trusted */
        assert_string_equal(endpoints.trouble[i], "");
        (void)resolved_as("192.0.2.7", &i);
        assert_string_equal(endpoints.trouble[i], "");
    }
}

static void a_private_address_that_the_operator_named_is_asked(void **state)
{
    (void)state;
    static const char *const hosts[] = {"192.168.1.5", "127.0.0.1", "::1", "fe80::1"};
    struct target target = {.port = 25, .port_count = 1};

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        snprintf(target.host, sizeof(target.host), "%s", hosts[i]);
        assert_true(address_parse(hosts[i], &target.address));
        resolve(&target);
        assert_int_equal(endpoints.count, 1);
        assert_string_equal(endpoints.trouble[0], "");
    }
    target = domain_target("localhost"); /* whoever says so means it */
    target.by_mx = false;
    resolve(&target);
    assert_true(endpoints.count > 0);
    for (size_t i = 0; i < endpoints.count; i++) {
        assert_string_equal(endpoints.trouble[i], "");
    }
}

static void a_domain_without_mx_is_its_own_mx(void **state)
{
    (void)state;
    struct target target = domain_target("implicit.example.org");

    resolve(&target);
    assert_int_equal(endpoints.count, 1);
    assert_true(has_endpoint("implicit.example.org", "192.0.2.9", 25));
}

static void without_any_address_one_endpoint_says_why(void **state)
{
    static const struct {
        const char *domain;
        const char *why;
    } cases[] = {
        {"null.example.org", "RFC 7505"},
        {"nowhere.example.org", "There is no domain nowhere.example.org"},
        {"broken.example.org", "MX records of broken.example.org"},
        {"silent.example.org", "silent.example.org"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target target = domain_target(cases[i].domain);
        resolve(&target);
        assert_int_equal(endpoints.count, 1);
        assert_true(has_endpoint(cases[i].domain, "unknown", 25));
        assert_non_null(strstr(endpoints.trouble[0], cases[i].why));
    }
}

static void an_address_needs_no_dns_and_every_port_is_an_endpoint(void **state)
{
    (void)state;
    static const uint16_t ports[] = {465, 587};
    struct target target = {.host = "192.0.2.44", .ports = ports, .port_count = 2};

    assert_true(address_parse("192.0.2.44", &target.address));
    resolve(&target);
    assert_int_equal(endpoints.count, 2);
    assert_true(has_endpoint("192.0.2.44", "192.0.2.44", 465));
    assert_true(has_endpoint("192.0.2.44", "192.0.2.44", 587));
}

#define DNS_TEST(name)         cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define DNS_TEST_HURRIED(name) cmocka_unit_test_setup_teardown(name, set_up_hurried, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DNS_TEST(mx_hosts_come_by_preference_and_normalised),
        DNS_TEST(a_null_mx_is_told_as_that),
        DNS_TEST(no_mx_no_domain_and_no_answer_are_three_things),
        DNS_TEST(an_mx_host_that_is_no_name_is_left_out_and_told),
        DNS_TEST(both_families_come_sorted_and_without_doubles),
        DNS_TEST(a_family_that_could_not_be_asked_is_told_beside_the_other),
        DNS_TEST(an_alias_is_followed),
        DNS_TEST(a_mapped_address_is_ipv4),
        DNS_TEST(a_truncated_answer_is_fetched_over_tcp),
        DNS_TEST_HURRIED(a_silent_resolver_fails_within_the_deadline),
        DNS_TEST(noise_is_a_failure),
        DNS_TEST(localhost_is_known_without_asking),
        DNS_TEST(open_questions_are_dropped_with_the_channel),
        DNS_TEST(each_address_of_each_mx_host_is_an_endpoint_and_what_is_unknown_is_one_too),
        DNS_TEST(a_hosts_addresses_and_a_targets_endpoints_are_bounded_and_this_is_told),
        DNS_TEST(an_mx_host_is_somebody_elses_unless_its_name_or_address_is_the_sites),
        DNS_TEST(a_host_that_the_operator_named_is_never_somebody_elses),
        DNS_TEST(a_private_address_that_only_dns_names_is_not_asked_and_is_told),
        DNS_TEST(a_private_address_that_the_operator_named_is_asked),
        DNS_TEST(a_domain_without_mx_is_its_own_mx),
        DNS_TEST_HURRIED(without_any_address_one_endpoint_says_why),
        DNS_TEST(an_address_needs_no_dns_and_every_port_is_an_endpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

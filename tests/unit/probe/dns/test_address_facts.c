#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/dns/address_facts.h"
#include "tests/unit/liar.h"

#define REVERSE6 "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."

/* The test entries of RFC 5782 section 5, ::FFFF:7F00:N. */
#define MAPPED(n) #n ".0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."

static const struct liar_row rows[] = {
    {.name = "25.113.0.203.in-addr.arpa", .type = "PTR", .records = "PTR MX.Example.org"},
    {.name = "mx.example.org", .type = "A", .records = "A 192.0.2.1\nA 203.0.113.25"},
    {.name = "mx.example.org", .type = "AAAA", .records = "AAAA 2001:db8::25"},
    {.name = REVERSE6 "ip6.arpa", .type = "PTR", .records = "PTR mx.example.org"},
    {.name = REVERSE6 "bl.example.net", .type = "A", .records = "A 127.0.0.2"},
    {.name = "25.113.0.203.bl.example.net", .type = "A", .records = "A 127.0.0.3\nA 127.0.0.10"},
    {.name = "25.113.0.203.bl.example.net", .type = "TXT", .records = "TXT first |piece"},
    {.name = "2.0.0.127.bl.example.net", .type = "A", .records = "A 127.0.0.2"},
    {.name = MAPPED(2) "bl.example.net", .type = "A", .records = "A 127.0.0.2"},
    {.name = "1.0.0.127.broken.example.net", .type = "A", .records = "A 192.0.2.1"},
    {.name = "2.0.0.127.noise.example.net", .type = "A", .rcode = 2},
    {.name = "25.113.0.203.silent.example.net", .type = "A", .way = LIAR_SILENT},
    {.name = "25.113.0.203.noise.example.net", .type = "A", .way = LIAR_GARBAGE},
    {.name = "25.113.0.203.broken.example.net", .type = "A", .rcode = 2},
    /* A range that is delegated name by name (RFC 2317). */
    {.name = "7.100.51.198.in-addr.arpa",
     .type = "PTR",
     .records = "CNAME 7.0-15.100.51.198.in-addr.arpa\nPTR two.example.org\nPTR one.example.org"},
    {.name = "one.example.org", .type = "A", .records = "A 198.51.100.7"},
    {.name = NULL},
};

static char bl[] = "bl.example.net";
static char silent[] = "silent.example.net";
static char noise[] = "noise.example.net";
static char broken[] = "broken.example.net";
static char *const zones[] = {bl, silent, noise, broken};

#define ZONES (sizeof(zones) / sizeof(zones[0]))

static struct {
    struct liar *liar;
    struct loop *loop;
    struct dns *dns;
    struct address_facts *inquiries;
    int done;
} bench;

static void on_done(void *user)
{
    (void)user;
    bench.done++;
    loop_break(bench.loop);
}

/* How long an answer is awaited. A hang alone reaches the first, on a busy machine, too: c-ares
 * doubles its time with each try. The second is for what is never answered. */
static const struct dns_settings patient = {
    .timeout_ms = 60000, .tries = 10, .deadline_ms = 600000};
static const struct dns_settings impatient = {.timeout_ms = 250, .tries = 1, .deadline_ms = 1000};

/* With the first `zone_count` lists. */
static int begin(const struct dns_settings *patience, size_t zone_count)
{
    char error[DNS_ERROR_SIZE];
    struct dns_server server = {0};

    memset(&bench, 0, sizeof(bench));
    bench.liar = liar_start(rows);
    bench.loop = loop_new();
    assert_true(address_parse("127.0.0.1", &server.address));
    server.port = liar_port(bench.liar);
    struct dns_settings settings = *patience;
    settings.servers = &server;
    settings.server_count = 1;
    bench.dns = dns_new(bench.loop, &settings, error);
    const struct address_facts_settings inquiries = {
        .dns = bench.dns, .zones = zones, .zone_count = zone_count, .done = on_done};
    bench.inquiries = address_facts_new(&inquiries);
    return bench.dns != NULL && bench.inquiries != NULL ? 0 : -1;
}

/* One list, which answers. */
static int one_list(void **state)
{
    (void)state;
    return begin(&patient, 1);
}

/* All of them, for addresses about which each answers. */
static int all_lists(void **state)
{
    (void)state;
    return begin(&patient, ZONES);
}

static int all_lists_and_no_patience(void **state)
{
    (void)state;
    return begin(&impatient, ZONES);
}

static int tear_down(void **state)
{
    (void)state;
    dns_free(bench.dns);
    address_facts_free(bench.inquiries);
    loop_free(bench.loop);
    liar_stop(bench.liar);
    return 0;
}

static const struct posture_dns *ask(const char *text)
{
    struct address address;

    assert_true(address_parse(text, &address));
    struct address_inquiry *inquiry = address_facts_ask(bench.inquiries, &address);
    assert_non_null(inquiry);
    while (!address_inquiry_is_done(inquiry)) {
        assert_int_equal(loop_run(bench.loop), 0);
    }
    return address_inquiry_posture(inquiry);
}

static void a_name_is_followed_back_to_its_address(void **state)
{
    (void)state;
    static const char *const addresses[] = {"203.0.113.25", "2001:db8::25"};

    for (size_t i = 0; i < 2; i++) {
        const struct posture_dns *posture = ask(addresses[i]);
        assert_int_equal(posture->pointer, POSTURE_HAD);
        assert_int_equal(posture->name_count, 1);
        assert_string_equal(posture->names[0].name, "mx.example.org");
        assert_true(posture->names[0].agrees);
    }
}

static void several_names_behind_an_alias_are_all_taken(void **state)
{
    (void)state;
    const struct posture_dns *posture = ask("198.51.100.7");

    assert_int_equal(posture->name_count, 2);
    for (size_t i = 0; i < 2; i++) {
        bool one = strcmp(posture->names[i].name, "one.example.org") == 0;
        assert_int_equal(posture->names[i].agrees, one);
        assert_int_equal(posture->names[i].forward, one ? POSTURE_HAD : POSTURE_NONE);
    }
}

static void no_name_is_none(void **state)
{
    (void)state;
    assert_int_equal(ask("192.0.2.77")->pointer, POSTURE_NONE);
}

static void listings_come_with_all_answers_and_the_reason_in_one_piece(void **state)
{
    (void)state;
    const struct posture_listing *listing = &ask("203.0.113.25")->listings[0];

    assert_string_equal(listing->zone, "bl.example.net");
    assert_int_equal(listing->entry.state, POSTURE_HAD);
    assert_int_equal(listing->entry.answer_count, 2);
    assert_string_equal(listing->reason, "first piece");
    listing = &ask("2001:db8::25")->listings[0];
    assert_int_equal(listing->entry.state, POSTURE_HAD);
    assert_string_equal(listing->reason, "");
}

static void silence_noise_and_failure_are_not_known(void **state)
{
    (void)state;
    const struct posture_dns *posture = ask("203.0.113.25");

    assert_int_equal(posture->listing_count, ZONES);
    for (size_t i = 1; i < ZONES; i++) {
        assert_int_equal(posture->listings[i].entry.state, POSTURE_FAILED);
    }
}

static void an_address_that_no_list_has_is_on_none(void **state)
{
    (void)state;
    const struct posture_dns *posture = ask("192.0.2.77");

    for (size_t i = 0; i < ZONES; i++) {
        assert_int_equal(posture->listings[i].entry.state, POSTURE_NONE);
    }
}

static void each_list_says_of_itself_whether_it_is_one(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        size_t zone;
        enum posture_answer listed;
        enum posture_answer unlisted;
    } cases[] = {
        {"192.0.2.77", 0, POSTURE_HAD, POSTURE_NONE},
        {"192.0.2.77", 1, POSTURE_NONE, POSTURE_NONE},
        {"192.0.2.77", 2, POSTURE_FAILED, POSTURE_NONE},
        {"192.0.2.77", 3, POSTURE_NONE, POSTURE_HAD},
        {"2001:db8::25", 0, POSTURE_HAD, POSTURE_NONE},
        {"2001:db8::25", 3, POSTURE_NONE, POSTURE_NONE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct posture_listing *listing = &ask(cases[i].address)->listings[cases[i].zone];
        assert_int_equal(listing->tests->listed.state, cases[i].listed);
        assert_int_equal(listing->tests->unlisted.state, cases[i].unlisted);
        assert_int_equal(listing->tests_v4->listed.state, cases[i].zone == 0   ? POSTURE_HAD
                                                          : cases[i].zone == 2 ? POSTURE_FAILED
                                                                               : POSTURE_NONE);
    }
}

static void an_address_is_asked_about_once(void **state)
{
    (void)state;
    const struct posture_dns *first = ask("203.0.113.25");

    assert_ptr_equal(ask("203.0.113.25"), first);
    assert_int_equal(bench.done, 1);
}

static void what_is_known_can_be_read_before_the_rest_has_come(void **state)
{
    (void)state;
    struct address address;

    assert_true(address_parse("203.0.113.25", &address));
    struct address_inquiry *inquiry = address_facts_ask(bench.inquiries, &address);
    assert_false(address_inquiry_is_done(inquiry));
    assert_int_equal(address_inquiry_posture(inquiry)->pointer, POSTURE_PENDING);
    assert_int_equal(address_inquiry_posture(inquiry)->listings[1].entry.state, POSTURE_PENDING);
}

#define CASE(name, lists) cmocka_unit_test_setup_teardown(name, lists, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_name_is_followed_back_to_its_address, one_list),
        CASE(several_names_behind_an_alias_are_all_taken, one_list),
        CASE(no_name_is_none, one_list),
        CASE(listings_come_with_all_answers_and_the_reason_in_one_piece, one_list),
        CASE(silence_noise_and_failure_are_not_known, all_lists_and_no_patience),
        CASE(an_address_that_no_list_has_is_on_none, all_lists),
        CASE(each_list_says_of_itself_whether_it_is_one, all_lists),
        CASE(an_address_is_asked_about_once, one_list),
        CASE(what_is_known_can_be_read_before_the_rest_has_come, all_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

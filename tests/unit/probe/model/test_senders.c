#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/senders.h"

/* Which of a site's domains an audit asks for as senders. */

static struct endpoint_result result;
static struct site *site;

/* A site of this many: d0.example, d1.example ..., of which `own` is the endpoint's. */
static void declare(size_t count, const char *own)
{
    struct site_settings settings = {.domains = domainset_new()};

    assert_non_null(settings.domains);
    for (size_t i = 0; i < count; i++) {
        char domain[32];
        snprintf(domain, sizeof(domain), "d%zu.example", i);
        assert_true(domainset_add(settings.domains, domain));
    }
    site_free(site);
    site = site_new(&settings);
    assert_non_null(site);
    snprintf(result.endpoint.own, sizeof(result.endpoint.own), "%s", own);
}

/* As the battery makes them; the first `asked` have their answers. */
static void make_rows(size_t asked, enum outcome outcome)
{
    result.technique_count = 0;
    for (size_t i = 0; i < result.senders.count; i++) {
        struct technique_result *row = result_add(&result, technique_find("own-sender"));
        assert_non_null(row);
        row->own = result.senders.domains[i];
        row->asked = i < asked;
        row->outcome = outcome;
    }
}

static int set_up(void **state)
{
    (void)state;
    result_free(&result);
    memset(&result, 0, sizeof(result));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    result_free(&result);
    site_free(site);
    site = NULL;
    return 0;
}

static void all_other_domains_are_asked_for_where_there_is_room(void **state)
{
    (void)state;
    char note[RESULT_NOTE_SIZE];

    declare(16, "d3.example");
    senders_choose(&result, site, 0);
    assert_int_equal(result.senders.count, 15);
    assert_int_equal(result.senders.left_out, 0);
    for (size_t i = 0; i < result.senders.count; i++) {
        assert_string_not_equal(result.senders.domains[i], "d3.example");
    }
    make_rows(15, OUTCOME_RELAY_DENIED);
    assert_int_equal(senders_next(&result), 0);
    assert_false(senders_tell_left(&result, site, note));
}

static void a_site_of_one_domain_has_no_others(void **state)
{
    (void)state;
    declare(1, "d0.example");
    senders_choose(&result, site, 0);
    assert_int_equal(result.senders.count, 0);
    assert_int_equal(result.senders.left_out, 0);
    assert_int_equal(senders_next(&result), 0);
}

/* As many audits as it takes ask for each once before any is asked for twice. */
static void each_domain_has_its_turn(void **state)
{
    (void)state;
    enum {
        DOMAINS = 100
    };
    unsigned int times[DOMAINS] = {0};
    size_t place = 0;

    declare(DOMAINS, "d7.example");
    for (unsigned int audit = 0; audit < 33; audit++) { /* 33 times 15 are 5 times 99 */
        senders_choose(&result, site, place);
        assert_int_equal(result.senders.count, 15);
        assert_int_equal(result.senders.left_out, DOMAINS - 16);
        for (size_t i = 0; i < 15; i++) {
            times[strtol(result.senders.domains[i] + 1, NULL, 10)]++;
        }
        make_rows(15, OUTCOME_RELAY_DENIED);
        place = senders_next(&result);
    }
    for (size_t i = 0; i < DOMAINS; i++) {
        assert_int_equal(times[i], i == 7 ? 0 : 5);
    }
}

static void those_that_max_refusals_left_are_next_and_are_named(void **state)
{
    (void)state;
    char note[RESULT_NOTE_SIZE];

    declare(20, "d0.example");
    senders_choose(&result, site, 0);
    make_rows(9, OUTCOME_RELAY_DENIED);
    assert_true(senders_tell_left(&result, site, note));
    for (size_t i = 1; i < 20; i++) {
        char domain[32];
        snprintf(domain, sizeof(domain), " d%zu.example", i);
        assert_int_equal(strstr(note, domain) != NULL, i >= 10);
    }
    size_t place = senders_next(&result);
    senders_choose(&result, site, place);
    assert_string_equal(result.senders.domains[0], "d10.example");
}

static void more_than_a_note_holds_are_counted(void **state)
{
    (void)state;
    char note[RESULT_NOTE_SIZE];

    declare(100000, "d0.example");
    senders_choose(&result, site, 0);
    make_rows(15, OUTCOME_RELAY_DENIED);
    assert_true(senders_tell_left(&result, site, note));
    assert_non_null(strstr(note, " d16.example, d17.example, "));
    assert_non_null(strstr(note, " more. The next audit"));
    assert_true(strlen(note) < RESULT_NOTE_SIZE - 1);
}

static void one_that_was_granted_is_asked_for_again(void **state)
{
    (void)state;
    declare(100, "d0.example");
    senders_choose(&result, site, 0);
    make_rows(15, OUTCOME_RELAY_DENIED);
    result.techniques[4].outcome = OUTCOME_ACCEPTED;
    senders_choose(&result, site, senders_next(&result));
    assert_string_equal(result.senders.domains[0], "d5.example");
}

static void a_pattern_is_asked_for_by_a_subdomain(void **state)
{
    (void)state;
    declare(1, "d0.example");
    struct site_settings settings = {.domains = domainset_new()};
    assert_true(domainset_add(settings.domains, ".shop.example"));
    site_free(site);
    site = site_new(&settings);
    senders_choose(&result, site, 0);
    assert_int_equal(result.senders.count, 1);
    assert_string_equal(result.senders.domains[0], "relaywarden.shop.example");
}

/* An earlier configuration left this. */
static void a_place_that_is_none_is_some_domains(void **state)
{
    (void)state;
    declare(40, "d0.example");
    for (size_t place = 0; place < 1000; place++) {
        senders_choose(&result, site, place);
        assert_int_equal(result.senders.count, 15);
        for (size_t i = 0; i < 15; i++) {
            assert_int_equal(result.senders.domains[i][0], 'd');
            assert_true(site_owns_domain(site, result.senders.domains[i],
                                         strlen(result.senders.domains[i])));
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_other_domains_are_asked_for_where_there_is_room),
        CASE(a_site_of_one_domain_has_no_others),
        CASE(each_domain_has_its_turn),
        CASE(those_that_max_refusals_left_are_next_and_are_named),
        CASE(more_than_a_note_holds_are_counted),
        CASE(one_that_was_granted_is_asked_for_again),
        CASE(a_pattern_is_asked_for_by_a_subdomain),
        CASE(a_place_that_is_none_is_some_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

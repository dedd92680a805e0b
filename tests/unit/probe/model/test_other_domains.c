#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/other_domains.h"

/* Which of a site's domains an audit asks for beside the endpoint's own. */

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
    for (size_t i = 0; i < result.others[DOMAIN_AS_SENDER].count; i++) {
        struct technique_result *row = result_add(&result, technique_find("own-sender"));
        assert_non_null(row);
        row->own = result.others[DOMAIN_AS_SENDER].domains[i];
        row->asked = i < asked;
        row->outcome = outcome;
    }
}

/* Where the next audit goes on. */
static size_t next_place(enum domain_role role)
{
    size_t place;

    (void)other_domains_wait(&result, role, &place);
    return place;
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
    other_domains_choose(&result, DOMAIN_AS_SENDER, site, 0);
    assert_int_equal(result.others[DOMAIN_AS_SENDER].count, 15);
    assert_int_equal(result.others[DOMAIN_AS_SENDER].left_out, 0);
    for (size_t i = 0; i < result.others[DOMAIN_AS_SENDER].count; i++) {
        assert_string_not_equal(result.others[DOMAIN_AS_SENDER].domains[i], "d3.example");
    }
    make_rows(15, OUTCOME_RELAY_DENIED);
    assert_int_equal(next_place(DOMAIN_AS_SENDER), 0);
    assert_false(other_domains_tell_left(&result, DOMAIN_AS_SENDER, site, note));
}

static void a_site_of_one_domain_has_no_others(void **state)
{
    (void)state;
    declare(1, "d0.example");
    other_domains_choose(&result, DOMAIN_AS_SENDER, site, 0);
    assert_int_equal(result.others[DOMAIN_AS_SENDER].count, 0);
    assert_int_equal(result.others[DOMAIN_AS_SENDER].left_out, 0);
    assert_int_equal(next_place(DOMAIN_AS_SENDER), 0);
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
        other_domains_choose(&result, DOMAIN_AS_SENDER, site, place);
        assert_int_equal(result.others[DOMAIN_AS_SENDER].count, 15);
        assert_int_equal(result.others[DOMAIN_AS_SENDER].left_out, DOMAINS - 16);
        for (size_t i = 0; i < 15; i++) {
            times[strtol(result.others[DOMAIN_AS_SENDER].domains[i] + 1, NULL, 10)]++;
        }
        make_rows(15, OUTCOME_RELAY_DENIED);
        place = next_place(DOMAIN_AS_SENDER);
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
    other_domains_choose(&result, DOMAIN_AS_SENDER, site, 0);
    make_rows(9, OUTCOME_RELAY_DENIED);
    assert_true(other_domains_tell_left(&result, DOMAIN_AS_SENDER, site, note));
    for (size_t i = 1; i < 20; i++) {
        char domain[32];
        snprintf(domain, sizeof(domain), " d%zu.example", i);
        assert_int_equal(strstr(note, domain) != NULL, i >= 10);
    }
    size_t place = next_place(DOMAIN_AS_SENDER);
    other_domains_choose(&result, DOMAIN_AS_SENDER, site, place);
    assert_string_equal(result.others[DOMAIN_AS_SENDER].domains[0], "d10.example");
}

static void more_than_a_note_holds_are_counted(void **state)
{
    (void)state;
    char note[RESULT_NOTE_SIZE];

    declare(100000, "d0.example");
    other_domains_choose(&result, DOMAIN_AS_SENDER, site, 0);
    make_rows(15, OUTCOME_RELAY_DENIED);
    assert_true(other_domains_tell_left(&result, DOMAIN_AS_SENDER, site, note));
    assert_non_null(strstr(note, " d16.example, d17.example, "));
    assert_non_null(strstr(note, " more. The next audit"));
    assert_true(strlen(note) < RESULT_NOTE_SIZE - 1);
}

static void one_that_was_granted_is_asked_for_again(void **state)
{
    (void)state;
    declare(100, "d0.example");
    other_domains_choose(&result, DOMAIN_AS_SENDER, site, 0);
    make_rows(15, OUTCOME_RELAY_DENIED);
    result.techniques[4].outcome = OUTCOME_ACCEPTED;
    other_domains_choose(&result, DOMAIN_AS_SENDER, site, next_place(DOMAIN_AS_SENDER));
    assert_string_equal(result.others[DOMAIN_AS_SENDER].domains[0], "d5.example");
}

static void a_pattern_is_asked_for_by_a_subdomain(void **state)
{
    (void)state;
    declare(1, "d0.example");
    struct site_settings settings = {.domains = domainset_new()};
    assert_true(domainset_add(settings.domains, ".shop.example"));
    site_free(site);
    site = site_new(&settings);
    other_domains_choose(&result, DOMAIN_AS_SENDER, site, 0);
    assert_int_equal(result.others[DOMAIN_AS_SENDER].count, 1);
    assert_string_equal(result.others[DOMAIN_AS_SENDER].domains[0], "relaywarden.shop.example");
}

/* An earlier configuration left this. */
static void a_place_that_is_none_is_some_domains(void **state)
{
    (void)state;
    declare(40, "d0.example");
    for (size_t place = 0; place < 1000; place++) {
        other_domains_choose(&result, DOMAIN_AS_SENDER, site, place);
        assert_int_equal(result.others[DOMAIN_AS_SENDER].count, 15);
        for (size_t i = 0; i < 15; i++) {
            assert_int_equal(result.others[DOMAIN_AS_SENDER].domains[i][0], 'd');
            assert_true(site_owns_domain(site, result.others[DOMAIN_AS_SENDER].domains[i],
                                         strlen(result.others[DOMAIN_AS_SENDER].domains[i])));
        }
    }
}

/* Each needs a connection of its own, so there are fewer, with turns of their own. */
static void domains_to_greet_by_have_turns_of_their_own(void **state)
{
    (void)state;
    char note[RESULT_NOTE_SIZE];
    size_t place;

    declare(40, "d0.example");
    other_domains_choose(&result, DOMAIN_AS_SENDER, site, 0);
    other_domains_choose(&result, DOMAIN_AS_HELO, site, 20);
    make_rows(15, OUTCOME_RELAY_DENIED);
    assert_int_equal(result.others[DOMAIN_AS_HELO].count, 7);
    assert_true(other_domains_wait(&result, DOMAIN_AS_HELO, &place));
    assert_int_equal(place, result.others[DOMAIN_AS_HELO].places[0]);
    assert_true(other_domains_tell_left(&result, DOMAIN_AS_HELO, site, note));
    assert_memory_equal(note, "Not greeted in the name of ", strlen("Not greeted in the name of "));
    for (size_t i = 0; i < 7; i++) {
        assert_non_null(strstr(note, result.others[DOMAIN_AS_HELO].domains[i]));
    }

    for (size_t i = 0; i < 7; i++) {
        struct technique_result *row = result_add(&result, technique_find("helo-own"));
        row->own = result.others[DOMAIN_AS_HELO].domains[i];
        row->asked = true;
        row->outcome = i == 3 ? OUTCOME_ACCEPTED : OUTCOME_RELAY_DENIED;
    }
    assert_true(other_domains_wait(&result, DOMAIN_AS_HELO, &place));
    assert_int_equal(place, result.others[DOMAIN_AS_HELO].places[3]);
    result.techniques[15 + 3].outcome = OUTCOME_RELAY_DENIED;
    assert_true(other_domains_wait(&result, DOMAIN_AS_HELO, &place));
    assert_int_equal(place, result.others[DOMAIN_AS_HELO].next);
    assert_int_equal(next_place(DOMAIN_AS_SENDER), result.others[DOMAIN_AS_SENDER].next);
}

/* The first of them has the place 0, which is also that of a site of which none are left. */
static void the_first_domain_waits_too(void **state)
{
    (void)state;
    size_t place = 1;

    declare(2, "d1.example");
    other_domains_choose(&result, DOMAIN_AS_HELO, site, 0);
    assert_int_equal(result.others[DOMAIN_AS_HELO].count, 1);
    assert_true(other_domains_wait(&result, DOMAIN_AS_HELO, &place));
    assert_int_equal(place, 0);
    struct technique_result *row = result_add(&result, technique_find("helo-own"));
    row->own = result.others[DOMAIN_AS_HELO].domains[0];
    row->asked = true;
    row->outcome = OUTCOME_RELAY_DENIED;
    assert_false(other_domains_wait(&result, DOMAIN_AS_HELO, &place));
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
        CASE(domains_to_greet_by_have_turns_of_their_own),
        CASE(the_first_domain_waits_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

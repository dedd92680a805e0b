/* Counting the undeclared domains of each mailer, also from many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/failing_alloc.h"

/* NOLINTNEXTLINE(bugprone-suspicious-include): so that allocations can fail */
#include "milter/undeclared.c"

static struct undeclared undeclared;

static int set_up(void **state)
{
    (void)state;
    return undeclared_init(&undeclared, 3) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    undeclared_free(&undeclared);
    return 0;
}

static unsigned int note(const char *domain)
{
    return undeclared_note(&undeclared, 0, domain, 1000);
}

static unsigned int note_number(size_t mailer, unsigned int number, int64_t now)
{
    char domain[32];

    snprintf(domain, sizeof(domain), "d%u.test", number);
    return undeclared_note(&undeclared, mailer, domain, now);
}

static void a_domain_counts_once(void **state)
{
    (void)state;
    assert_int_equal(note("a.test"), 1);
    assert_int_equal(note("a.test"), 1);
    assert_int_equal(note("b.test"), 2);
    assert_int_equal(note("a.test"), 2);
}

static void what_a_stranger_can_make_up_is_one_domain(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"customer.test", "a0.customer.test", "x.y.a1.customer.test"},
        {"customer.co.uk", "a.customer.co.uk", "b.customer.co.uk"},
        {"xn--mller-kva.example", "a.xn--mller-kva.example", "b.xn--mller-kva.example"},
        {"co.uk", "co.uk", "co.uk"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(note(rows[i][j]), 1);
        }
        undeclared_free(&undeclared);
        assert_true(undeclared_init(&undeclared, 3));
    }
}

/* Debian's Postfix takes mail for mx, localhost and localhost.localdomain, and for its literals. */
static void names_that_nobody_can_register_leave_the_count_as_it_is(void **state)
{
    (void)state;
    static const char *const names[] = {"mx",
                                        "localhost",
                                        "localhost.localdomain",
                                        "a.localhost",
                                        "[127.0.0.1]",
                                        "[192.0.2.1]",
                                        "[ipv6:2001:db8::1]",
                                        "mx.corp",
                                        "mx.corp.local",
                                        "a.home.arpa",
                                        "home.arpa",
                                        ""};
    char list[UNDECLARED_LISTED][DOMAIN_SIZE];

    assert_int_equal(note("customer.test"), 1);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(note(names[i]), 1);
    }
    assert_int_equal(note("customer.test"), 1);
    assert_int_equal(undeclared_list(&undeclared, 1000, list), 1 + UNDECLARED_MAX + 1);
    assert_string_equal(list[0], "customer.test");
    assert_string_equal(list[1], "mx");
    assert_string_equal(list[4], "[]");
    assert_int_equal(undeclared_list(&undeclared, 1000 + UNDECLARED_DAY, list), 0);
}

static void each_private_networks_name_is_one_domain(void **state)
{
    (void)state;
    static const char *const names[] = {"corp", "home",  "home.arpa",   "internal",  "intranet",
                                        "lan",  "local", "localdomain", "localhost", "private"};
    char below[64];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        undeclared_free(&undeclared);
        assert_true(undeclared_init(&undeclared, 3));
        for (int number = 0; number < 9; number++) {
            snprintf(below, sizeof(below), "x.a%d.%s", number, names[i]);
            assert_int_equal(note(below), 0);
        }
        char list[UNDECLARED_LISTED][DOMAIN_SIZE];
        assert_int_equal(undeclared_list(&undeclared, 1000, list), 1);
        assert_string_equal(list[0], names[i]);
    }
}

static void without_memory_nothing_is_changed(void **state)
{
    (void)state;
    struct undeclared other = {.carrier_count = 7};

    failing_alloc_after(0);
    assert_false(undeclared_init(&other, 3));
    failing_alloc_never();
    assert_int_equal(other.carrier_count, 7);
    assert_null(other.carriers);
}

static void what_somebody_registered_is_a_domain_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(note("one.co.uk"), 1);
    assert_int_equal(note("two.co.uk"), 2);
    assert_int_equal(note("a.notinternal"), 3);
    assert_int_equal(note("not.internal.example"), 4);
}

static void each_mailer_has_a_count_of_its_own(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < UNDECLARED_MAX; i++) {
        assert_int_equal(note_number(0, i, 1), i + 1);
        assert_int_equal(note_number(2, i + 100, 1), i + 1);
    }
    assert_int_equal(note_number(0, 50, 1), UNDECLARED_MAX + 1);
    assert_int_equal(note_number(2, 100, 1), UNDECLARED_MAX);
    assert_int_equal(note_number(1, 50, 1), 1);
}

static void the_count_stops_one_past_the_limit(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 100; i++) {
        unsigned int wanted = i < UNDECLARED_MAX ? i + 1 : UNDECLARED_MAX + 1;
        assert_int_equal(note_number(0, i, 1), wanted);
    }
    assert_int_equal(note_number(0, 0, 1), UNDECLARED_MAX + 1);
}

static void a_domain_leaves_the_count_after_a_day(void **state)
{
    (void)state;
    for (unsigned int i = 0; i <= UNDECLARED_MAX; i++) {
        note_number(0, i, 1000 + i);
    }
    assert_int_equal(note_number(0, 1, 1000 + UNDECLARED_DAY - 1), UNDECLARED_MAX + 1);
    /* Seen again meanwhile or not: the first one is gone, the second is not. */
    assert_int_equal(note_number(0, 1, 1000 + UNDECLARED_DAY), UNDECLARED_MAX);
    assert_int_equal(note_number(0, 0, 1000 + UNDECLARED_DAY), UNDECLARED_MAX + 1);
    assert_int_equal(note_number(0, 7, 2000 + UNDECLARED_DAY), 2);
    assert_int_equal(note_number(0, 8, 1), 3);
}

static void a_name_that_does_not_count_leaves_its_place_after_a_day(void **state)
{
    (void)state;
    char list[UNDECLARED_LISTED][DOMAIN_SIZE];
    char name[32];

    for (unsigned int i = 0; i <= UNDECLARED_MAX; i++) {
        snprintf(name, sizeof(name), "mx%u", i);
        undeclared_note(&undeclared, 0, name, 1000);
    }
    undeclared_note(&undeclared, 0, "later", 1000 + UNDECLARED_DAY);
    assert_int_equal(undeclared_list(&undeclared, 1000 + UNDECLARED_DAY, list), 1);
    assert_string_equal(list[0], "later");
}

static void the_list_has_each_domain_once(void **state)
{
    (void)state;
    char list[UNDECLARED_LISTED][DOMAIN_SIZE];

    assert_int_equal(undeclared_list(&undeclared, 1, list), 0);
    undeclared_note(&undeclared, 0, "a.test", 1);
    undeclared_note(&undeclared, 2, "x.a.test", 1);
    undeclared_note(&undeclared, 2, "b.test", 2);
    undeclared_note(&undeclared, 0, "c.test", 2);
    assert_int_equal(undeclared_list(&undeclared, 3, list), 3);
    assert_string_equal(list[0], "a.test");
    assert_string_equal(list[1], "c.test");
    assert_string_equal(list[2], "b.test");
    assert_int_equal(undeclared_list(&undeclared, 1 + UNDECLARED_DAY, list), 2);
    assert_string_equal(list[0], "c.test");
    assert_string_equal(list[1], "b.test");
}

static void a_long_list_is_cut(void **state)
{
    (void)state;
    static char list[UNDECLARED_LISTED][DOMAIN_SIZE];

    undeclared_free(&undeclared);
    assert_true(undeclared_init(&undeclared, 100));
    for (unsigned int i = 0; i < 100; i++) {
        note_number(i, i, 1);
    }
    assert_int_equal(undeclared_list(&undeclared, 1, list), UNDECLARED_LISTED);
}

static void *note_four(void *unused)
{
    for (unsigned int round = 0; round < 1000; round++) {
        note_number(0, round % 4, 1);
    }
    return unused;
}

static void threads_that_note_the_same_domains_count_each_once(void **state)
{
    (void)state;
    pthread_t threads[8];

    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, note_four, NULL), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(note_number(0, 3, 1), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void every_private_suffix_is_one_domain(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"corp", "home",  "home.arpa",   "internal",  "intranet",
                                           "lan",  "local", "localdomain", "localhost", "private"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char domain[64];
        tear_down(state);
        set_up(state);
        snprintf(domain, sizeof(domain), "a.one.%s", suffixes[i]);
        assert_int_equal(note(domain), 0);
        snprintf(domain, sizeof(domain), "b.two.%s", suffixes[i]);
        assert_int_equal(note(domain), 0);
        assert_int_equal(note("other.test"), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_domain_counts_once),
        TEST(what_a_stranger_can_make_up_is_one_domain),
        TEST(names_that_nobody_can_register_leave_the_count_as_it_is),
        TEST(each_private_networks_name_is_one_domain),
        TEST(without_memory_nothing_is_changed),
        TEST(what_somebody_registered_is_a_domain_of_its_own),
        TEST(each_mailer_has_a_count_of_its_own),
        TEST(the_count_stops_one_past_the_limit),
        TEST(a_domain_leaves_the_count_after_a_day),
        TEST(a_name_that_does_not_count_leaves_its_place_after_a_day),
        TEST(the_list_has_each_domain_once),
        TEST(a_long_list_is_cut),
        TEST(threads_that_note_the_same_domains_count_each_once),
        cmocka_unit_test_setup_teardown(every_private_suffix_is_one_domain, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

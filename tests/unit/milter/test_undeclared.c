/* Counting different undeclared domains, also from many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "milter/undeclared.h"

/* That declares these; up to a NULL. */
static struct site *site_of(const char *first, ...)
{
    struct site_settings settings = {.domains = domainset_new()};
    va_list names;

    va_start(names, first);
    assert_non_null(settings.domains);
    const char *name = first;
    do {
        assert_true(domainset_add(settings.domains, name));
    } while ((name = va_arg(names, const char *)) != NULL);
    va_end(names);
    settings.main_domain = strdup(first);
    struct site *site = site_new(&settings);
    assert_non_null(site);
    return site;
}

static struct site *site; /* example.org */

static int set_up(void **state)
{
    (void)state;
    site = site_of("example.org", (char *)NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    site_free(site);
    return 0;
}

static unsigned int note_number(struct undeclared *undeclared, unsigned int number)
{
    char domain[32];

    snprintf(domain, sizeof domain, "d%u.test", number);
    return undeclared_note(undeclared, site, domain);
}

static void a_domain_counts_once(void **state)
{
    (void)state;
    struct undeclared undeclared = {.mutex = PTHREAD_MUTEX_INITIALIZER};

    assert_int_equal(undeclared_note(&undeclared, site, "a.test"), 1);
    assert_int_equal(undeclared_note(&undeclared, site, "a.test"), 1);
    assert_int_equal(undeclared_note(&undeclared, site, "b.test"), 2);
    assert_int_equal(undeclared_note(&undeclared, site, "a.test"), 2);
}

static void what_is_one_fact_is_one_domain(void **state)
{
    (void)state;
    struct undeclared undeclared = {.mutex = PTHREAD_MUTEX_INITIALIZER};

    assert_int_equal(undeclared_note(&undeclared, site, "a.example.org"), 1);
    assert_int_equal(undeclared_note(&undeclared, site, "b.c.example.org"), 1);
    assert_int_equal(undeclared_note(&undeclared, site, "[192.0.2.1]"), 2);
    assert_int_equal(undeclared_note(&undeclared, site, "[192.0.2.2]"), 2);
}

static void the_count_stops_one_past_the_limit(void **state)
{
    (void)state;
    struct undeclared undeclared = {.mutex = PTHREAD_MUTEX_INITIALIZER};

    for (unsigned int i = 0; i < UNDECLARED_MAX; i++) {
        assert_int_equal(note_number(&undeclared, i), i + 1);
    }
    for (unsigned int i = UNDECLARED_MAX; i < 100; i++) {
        assert_int_equal(note_number(&undeclared, i), UNDECLARED_MAX + 1);
    }
    assert_int_equal(note_number(&undeclared, 0), UNDECLARED_MAX + 1);
}

static void what_the_new_site_declares_no_longer_counts(void **state)
{
    (void)state;
    struct undeclared before = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct undeclared after = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct site *next = site_of("example.org", "a.test", "other.test", (char *)NULL);

    undeclared_note(&before, site, "a.test");
    undeclared_note(&before, site, "b.test");
    undeclared_note(&before, site, "x.example.org");
    undeclared_note(&before, site, "one.other.test");
    undeclared_note(&before, site, "two.other.test");
    assert_int_equal(undeclared_note(&before, site, "[192.0.2.1]"), 6);
    /* b.test, the subdomains of example.org, those of other.test, the literal */
    undeclared_take_over(&after, next, &before);
    assert_int_equal(undeclared_note(&after, next, "b.test"), 4);
    assert_int_equal(undeclared_note(&after, next, "y.example.org"), 4);
    assert_int_equal(undeclared_note(&after, next, "three.other.test"), 4);
    assert_int_equal(undeclared_note(&after, next, "[192.0.2.9]"), 4);
    assert_int_equal(undeclared_note(&after, next, "c.test"), 5);
    site_free(next);
}

static void a_full_count_stays_full_if_nothing_of_it_is_declared(void **state)
{
    (void)state;
    struct undeclared before = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct undeclared after = {.mutex = PTHREAD_MUTEX_INITIALIZER};

    for (unsigned int i = 0; i < 100; i++) {
        note_number(&before, i);
    }
    undeclared_take_over(&after, site, &before);
    assert_int_equal(note_number(&after, 0), UNDECLARED_MAX + 1);
}

static void *note_ten(void *undeclared)
{
    for (unsigned int round = 0; round < 1000; round++) {
        note_number(undeclared, round % 10);
    }
    return NULL;
}

static void threads_that_note_the_same_domains_count_each_once(void **state)
{
    (void)state;
    struct undeclared undeclared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct undeclared after = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[8];

    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, note_ten, &undeclared), 0);
    }
    undeclared_take_over(&after, site, &undeclared);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(note_number(&undeclared, 3), 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_domain_counts_once),
        TEST(what_is_one_fact_is_one_domain),
        TEST(the_count_stops_one_past_the_limit),
        TEST(what_the_new_site_declares_no_longer_counts),
        TEST(a_full_count_stays_full_if_nothing_of_it_is_declared),
        TEST(threads_that_note_the_same_domains_count_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Counting different undeclared domains, also from many threads at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "milter/undeclared.h"

static unsigned int note_number(struct undeclared *undeclared, unsigned int number)
{
    char domain[32];

    snprintf(domain, sizeof domain, "d%u.test", number);
    return undeclared_note(undeclared, domain);
}

static void a_domain_counts_once(void **state)
{
    (void)state;
    struct undeclared undeclared = {0};

    assert_int_equal(undeclared_note(&undeclared, "a.test"), 1);
    assert_int_equal(undeclared_note(&undeclared, "a.test"), 1);
    assert_int_equal(undeclared_note(&undeclared, "b.test"), 2);
    assert_int_equal(undeclared_note(&undeclared, "a.test"), 2);
}

static void the_count_stops_one_past_the_limit(void **state)
{
    (void)state;
    struct undeclared undeclared = {0};

    for (unsigned int i = 0; i < UNDECLARED_MAX; i++) {
        assert_int_equal(note_number(&undeclared, i), i + 1);
    }
    for (unsigned int i = UNDECLARED_MAX; i < 100; i++) {
        assert_int_equal(note_number(&undeclared, i), UNDECLARED_MAX + 1);
    }
    assert_int_equal(note_number(&undeclared, 0), UNDECLARED_MAX + 1);
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
    struct undeclared undeclared = {0};
    pthread_t threads[8];

    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, note_ten, &undeclared), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(note_number(&undeclared, 3), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_domain_counts_once),
        cmocka_unit_test(the_count_stops_one_past_the_limit),
        cmocka_unit_test(threads_that_note_the_same_domains_count_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

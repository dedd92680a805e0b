#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/failing_alloc.h"

/* NOLINTNEXTLINE(bugprone-suspicious-include): so that its allocations can be made to fail */
#include "lib/domainset.c"

static struct domainset *new_set(void)
{
    struct domainset *set = domainset_new();
    assert_non_null(set);
    return set;
}

static void an_exact_domain_is_held_without_its_subdomains(void **state)
{
    (void)state;
    struct domainset *set = new_set();
    assert_true(domainset_add(set, "example.org"));
    assert_true(domainset_contains(set, "example.org"));
    assert_false(domainset_contains(set, "a.example.org"));
    assert_false(domainset_contains(set, "org"));
    assert_false(domainset_contains(set, "badexample.org"));
    assert_false(domainset_contains(set, "example.or"));
    domainset_free(set);
}

static void a_leading_dot_holds_every_subdomain_but_not_the_name(void **state)
{
    (void)state;
    struct domainset *set = new_set();
    assert_true(domainset_add(set, ".example.org"));
    assert_true(domainset_contains(set, "a.example.org"));
    assert_true(domainset_contains(set, "c.b.a.example.org"));
    assert_false(domainset_contains(set, "example.org"));
    assert_false(domainset_contains(set, "badexample.org"));
    assert_false(domainset_contains(set, "a.example.org.test"));
    assert_false(domainset_contains(set, ".example.org"));
    domainset_free(set);
}

static void an_exact_domain_and_its_pattern_are_two(void **state)
{
    (void)state;
    struct domainset *set = new_set();
    assert_true(domainset_add(set, "example.org"));
    assert_true(domainset_add(set, ".example.org"));
    assert_int_equal(domainset_count(set), 2);
    assert_true(domainset_contains(set, "example.org"));
    assert_true(domainset_contains(set, "a.example.org"));
    domainset_free(set);
}

static void doubles_count_once(void **state)
{
    (void)state;
    struct domainset *set = new_set();
    for (int i = 0; i < 1000; i++)
        assert_true(domainset_add(set, i % 2 == 0 ? "example.org" : ".example.org"));
    assert_int_equal(domainset_count(set), 2);
    domainset_free(set);
}

static void an_empty_set_and_a_null_set_hold_nothing(void **state)
{
    (void)state;
    struct domainset *set = new_set();
    assert_int_equal(domainset_count(set), 0);
    assert_false(domainset_contains(set, "example.org"));
    assert_false(domainset_contains(set, ""));
    assert_int_equal(domainset_count(NULL), 0);
    assert_false(domainset_contains(NULL, "example.org"));
    domainset_free(set);
    domainset_free(NULL);
}

static void the_hash_is_siphash_1_3(void **state)
{
    (void)state;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    /* Key 00..0f; the empty text, then 00..0e. Folded to 32 bits. */
    static const struct domainset keyed = {
        .key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    static const char text[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    assert_int_equal(hash_name(&keyed, text, 0), (uint32_t)UINT64_C(0xabac0158050fc4dc));
    assert_int_equal(hash_name(&keyed, text, 1), (uint32_t)UINT64_C(0xc9f49bf37d57ca93));
    assert_int_equal(hash_name(&keyed, text, 2), (uint32_t)UINT64_C(0x82cb9b024dc7d44d));
#endif
}

static const char *numbered(char *out, size_t size, unsigned int number)
{
    snprintf(out, size, "%scustomer-%u.example.org", number % 10 == 0 ? "." : "", number);
    return out;
}

static void a_million_domains_are_held_in_about_40_bytes_each(void **state)
{
    (void)state;
    const unsigned int domains = 1000000;
    struct domainset *set = new_set();
    char name[64];
    char below[72];
    for (unsigned int i = 0; i < domains; i++)
        assert_true(domainset_add(set, numbered(name, sizeof(name), i)));
    assert_int_equal(domainset_count(set), domains);
    for (unsigned int i = 0; i < domains; i += 7) {
        numbered(name, sizeof(name), i);
        snprintf(below, sizeof(below), "%s%s", name[0] == '.' ? "a" : "", name);
        assert_true(domainset_contains(set, below));
        snprintf(below, sizeof(below), "x%s", name[0] == '.' ? name + 1 : name);
        assert_false(domainset_contains(set, below));
    }
    size_t bytes = set->slot_count * sizeof(set->slots[0]) + set->arena_size;
    assert_true(bytes / domains < 60);
    assert_true(bytes - (set->arena_size - set->arena_used) < 46 * (size_t)domains);
    domainset_free(set);
}

static void probing_stays_short(void **state)
{
    (void)state;
    struct domainset *set = new_set();
    char name[64];
    for (unsigned int i = 0; i < 98304; i++) /* three quarters of 2^17 */
        assert_true(domainset_add(set, numbered(name, sizeof(name), i)));
    assert_int_equal(set->slot_count, 131072);
    size_t steps = 0;
    for (size_t i = 0; i < set->slot_count; i++) {
        if (set->slots[i].pattern != 0)
            steps += (i - set->slots[i].hash) & (set->slot_count - 1);
    }
    assert_true(steps / set->count < 4); /* linear probing at this load: 1.5 on average */
    domainset_free(set);
}

static void a_failed_growth_leaves_the_set_as_it_was(void **state)
{
    (void)state;
    struct domainset *set = new_set();
    char name[64];
    unsigned int failures = 0;
    for (unsigned int i = 0; i < 2000; i++) {
        for (unsigned long calls = 0;; calls++) {
            failing_alloc_after(calls);
            bool added = domainset_add(set, numbered(name, sizeof(name), i));
            failing_alloc_never();
            if (added)
                break;
            failures++;
            assert_int_equal(domainset_count(set), i);
            for (unsigned int j = 0; j <= i; j++) {
                numbered(name, sizeof(name), j);
                assert_int_equal(holds(set, name, strlen(name)), j < i);
            }
        }
    }
    assert_true(failures > 10);
    domainset_free(set);
}

static void memory_that_runs_out_gives_no_set(void **state)
{
    (void)state;
    for (unsigned long calls = 0; calls < 3; calls++) {
        failing_alloc_after(calls);
        assert_null(domainset_new());
    }
    failing_alloc_never();
}

static void the_longest_name_of_many_labels_is_looked_up(void **state)
{
    (void)state;
    struct domainset *set = new_set();
    char name[254];
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    name[253] = '\0';
    assert_true(domainset_add(set, ".a.a"));
    assert_true(domainset_contains(set, name));
    assert_false(domainset_contains(set, "a.a"));
    domainset_free(set);
}

static void all_patterns_are_visited_once_in_the_order_of_adding(void **state)
{
    (void)state;
    struct domainset *set = new_set();
    size_t place = 0;
    assert_null(domainset_next(set, &place));
    assert_null(domainset_next(NULL, &place));
    for (unsigned int count = 1; count < 200; count++) {
        char name[64];
        assert_true(domainset_add(set, numbered(name, sizeof(name), count)));
        place = 0;
        for (unsigned int i = 1; i <= count; i++) {
            const char *pattern = domainset_next(set, &place);
            assert_non_null(pattern);
            assert_string_equal(pattern, numbered(name, sizeof(name), i));
        }
        assert_null(domainset_next(set, &place));
        assert_null(domainset_next(set, &place));
    }
    /* A place inside a pattern, as another set may have left it, goes on with the next one. */
    place = 4;
    char second[64];
    assert_string_equal(domainset_next(set, &place), numbered(second, sizeof(second), 2));
    place = 1;
    assert_string_equal(domainset_next(set, &place), numbered(second, sizeof(second), 1));
    domainset_free(set);
}

/* Names of each length, as exact ones and as ends of others: no octet of a name is left out. */
static void names_that_differ_in_one_octet_are_two(void **state)
{
    (void)state;
    for (size_t length = 1; length < 40; length++) {
        struct domainset *set = new_set();
        char name[64];
        char other[64];
        char pattern[80];
        memset(name, 'a', length);
        name[length] = '\0';
        assert_true(domainset_add(set, name));
        snprintf(pattern, sizeof(pattern), ".%s", name);
        assert_true(domainset_add(set, pattern));
        for (size_t i = 0; i < length; i++) {
            snprintf(other, sizeof(other), "%s", name);
            other[i] = 'b';
            assert_false(domainset_contains(set, other));
            snprintf(pattern, sizeof(pattern), "x.%s", other);
            assert_false(domainset_contains(set, pattern));
        }
        assert_true(domainset_contains(set, name));
        snprintf(pattern, sizeof(pattern), "x.y.%s", name);
        assert_true(domainset_contains(set, pattern));
        assert_int_equal(domainset_count(set), 2);
        domainset_free(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_domain_is_held_without_its_subdomains),
        cmocka_unit_test(a_leading_dot_holds_every_subdomain_but_not_the_name),
        cmocka_unit_test(an_exact_domain_and_its_pattern_are_two),
        cmocka_unit_test(doubles_count_once),
        cmocka_unit_test(an_empty_set_and_a_null_set_hold_nothing),
        cmocka_unit_test(the_hash_is_siphash_1_3),
        cmocka_unit_test(a_million_domains_are_held_in_about_40_bytes_each),
        cmocka_unit_test(probing_stays_short),
        cmocka_unit_test(a_failed_growth_leaves_the_set_as_it_was),
        cmocka_unit_test(memory_that_runs_out_gives_no_set),
        cmocka_unit_test(the_longest_name_of_many_labels_is_looked_up),
        cmocka_unit_test(all_patterns_are_visited_once_in_the_order_of_adding),
        cmocka_unit_test(names_that_differ_in_one_octet_are_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

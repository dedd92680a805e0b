#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lib/name_index.h"

#define NAMES 5000

static char names[NAMES][16];

static void a_name_leads_to_its_number(void **state)
{
    struct name_index *index = name_index_new(NAMES);

    (void)state;
    assert_non_null(index);
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof(names[i]), "t%zu", i);
        assert_int_equal(name_index_add(index, names[i], i), i);
    }
    for (size_t i = 0; i < NAMES; i++) {
        char copy[16];
        snprintf(copy, sizeof(copy), "t%zu", i);
        assert_int_equal(name_index_find(index, copy), i);
    }
    assert_int_equal(name_index_find(index, "t5000"), NAME_INDEX_NONE);
    assert_int_equal(name_index_find(index, ""), NAME_INDEX_NONE);
    name_index_free(index);
}

static void the_first_of_a_name_keeps_it(void **state)
{
    struct name_index *index = name_index_new(2);

    (void)state;
    assert_non_null(index);
    assert_int_equal(name_index_add(index, "a", 7), 7);
    assert_int_equal(name_index_add(index, "a", 8), 7);
    assert_int_equal(name_index_add(index, "b", 8), 8);
    assert_int_equal(name_index_find(index, "a"), 7);
    name_index_free(index);
}

static void past_its_room_it_takes_no_name(void **state)
{
    struct name_index *index = name_index_new(1);

    (void)state;
    assert_non_null(index);
    assert_int_equal(name_index_find(index, "a"), NAME_INDEX_NONE);
    assert_int_equal(name_index_add(index, "a", 0), 0);
    assert_int_equal(name_index_add(index, "b", 1), NAME_INDEX_NONE);
    assert_int_equal(name_index_find(index, "b"), NAME_INDEX_NONE);
    name_index_free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_leads_to_its_number),
        cmocka_unit_test(the_first_of_a_name_keeps_it),
        cmocka_unit_test(past_its_room_it_takes_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/element.h"

static char *cut(const char *text, const struct rehearse_element *elements, size_t count)
{
    size_t which[8];
    size_t length = 0;

    for (size_t i = 0; i < count; i++) {
        which[i] = i;
    }
    char *out = rehearse_elements_cut(elements, which, count, text, strlen(text), 0, &length);
    assert_non_null(out);
    assert_int_equal(strlen(out), length);
    return out;
}

static void a_span_is_taken_out_and_its_newlines_stay(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct rehearse_element elements[3];
        size_t count;
        const char *out;
    } rows[] = {
        {"a b c\n", {{.begin = 2, .end = 3}}, 1, "a  c\n"},
        {"a\nb\nc\n", {{.begin = 0, .end = 3}}, 1, "\n\nc\n"},
        {"abcdef", {{.begin = 1, .end = 4}, {.begin = 2, .end = 5}}, 2, "af"},
        {"abcdef", {{.begin = 4, .end = 5}, {.begin = 0, .end = 1}}, 2, "bcdf"},
        {"level = 0\n", {{.begin = 0, .end = 9, .instead = "level = 2"}}, 1, "level = 2\n"},
        {"abc", {{.begin = 0, .end = 3, .file = 1}}, 1, "abc"},
        {"abc", {{.begin = 2, .end = 9}}, 1, "abc"},
        {"abc",
         {{.begin = 0, .end = 3, .instead = "x"}, {.begin = 0, .end = 1, .instead = "y"}},
         2,
         "x"},
        {"", {{.begin = 0, .end = 0}}, 1, ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *out = cut(rows[i].text, rows[i].elements, rows[i].count);
        assert_string_equal(out, rows[i].out);
        free(out);
    }
}

static void each_kind_of_element_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < REHEARSE_ELEMENT_KINDS; i++) {
        const char *name = rehearse_element_kind_name((enum rehearse_element_kind)i);
        assert_non_null(name);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(name,
                                    rehearse_element_kind_name((enum rehearse_element_kind)k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_is_taken_out_and_its_newlines_stay),
        cmocka_unit_test(each_kind_of_element_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/judge/generic_hostname.h"

/* Feeds every row of a table; all wrong ones are shown before the test fails. */
static void judge_rows(const char *path, size_t least)
{
    FILE *file = fopen(path, "r");
    char line[512];
    size_t rows = 0;
    size_t wrong = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *rest = line;
        struct address address;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        const char *name = strsep(&rest, "\t");
        assert_true(address_parse(strsep(&rest, "\t"), &address));
        const char *judged = hostname_is_generic(name, &address) ? "generic" : "chosen";
        if (strcmp(judged, rest) != 0) {
            print_error("%s: judged %s, should be %s\n", name, judged, rest);
            wrong++;
        }
        rows++;
    }
    fclose(file);
    assert_in_range(rows, least, SIZE_MAX);
    assert_int_equal(wrong, 0);
}

static void every_row_of_the_table_is_judged_right(void **state)
{
    (void)state;
    judge_rows("tests/unit/hostnames.tsv", 27);
}

static void every_row_of_the_larger_table_is_judged_right(void **state)
{
    (void)state;
    judge_rows("tests/unit/hostnames-more.tsv", 90);
}

static bool is_generic(const char *name, const char *address)
{
    struct address parsed;

    assert_true(address_parse(address, &parsed));
    return hostname_is_generic(name, &parsed);
}

static void case_and_a_trailing_dot_do_not_matter(void **state)
{
    (void)state;
    assert_true(is_generic("POOL-72-66-1-2.DSL.Example.Net.", "72.66.1.2"));
    assert_false(is_generic("MX1.Example.Net.", "203.0.113.25"));
}

static void the_same_name_is_judged_by_the_address_that_it_belongs_to(void **state)
{
    (void)state;
    assert_true(is_generic("x113-0-203.example.net", "203.0.113.25"));
    assert_true(is_generic("x0-113-25.example.net", "203.0.113.25"));
    assert_false(is_generic("x0-113-25.example.net", "198.51.100.7"));
}

static void what_is_no_host_in_a_domain_is_not_generic(void **state)
{
    (void)state;
    assert_false(is_generic("", "203.0.113.25"));
    assert_false(is_generic(".", "203.0.113.25"));
    assert_false(is_generic("localhost", "203.0.113.25"));
    assert_false(is_generic("example.org", "203.0.113.25"));
    assert_false(is_generic("example.co.uk", "203.0.113.25"));
}

static void words_in_the_registered_domain_say_nothing(void **state)
{
    (void)state;
    assert_false(is_generic("zeus.dsl.net", "203.0.113.25"));
    assert_false(is_generic("zeus.pool.co.uk", "203.0.113.25"));
    assert_true(is_generic("zeus.dsl.example.co.uk", "203.0.113.25"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_is_judged_right),
        cmocka_unit_test(every_row_of_the_larger_table_is_judged_right),
        cmocka_unit_test(case_and_a_trailing_dot_do_not_matter),
        cmocka_unit_test(the_same_name_is_judged_by_the_address_that_it_belongs_to),
        cmocka_unit_test(what_is_no_host_in_a_domain_is_not_generic),
        cmocka_unit_test(words_in_the_registered_domain_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

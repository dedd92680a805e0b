#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "probe/rehearse/pattern_word.h"

struct row {
    const char *pattern;
    const char *word;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char word[64] = "untouched";
        assert_int_equal(pattern_word(rows[i].pattern, word, sizeof(word)), rows[i].word != NULL);
        if (rows[i].word != NULL) {
            assert_string_equal(word, rows[i].word);
        }
    }
}

static void a_pattern_gives_a_word_that_it_matches(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"/^gw\\.partner\\.test$/", "gw.partner.test"},
        {"/@example\\.org$/i", "@example.org"},
        {"!^a$!", NULL},
        {"|^(a|b)@x$|", "a@x"},
        {"/^(bounce|news)-[0-9]{3,}\\+.*=\\w+@lists\\.test$/", "bounce-111+=x@lists.test"},
        {"/^[^@]+@[[:alpha:]-]+\\.test/", "x@x.test"},
        {"/^\\d{1,3}\\.x$/", "1.x"},
        {"/(?:ab|c)?d(?i)e/", "de"},
        {"/a*?b+?/", "b"},
        {"/^/", ""},
        {"/./", "x"},
        {"/[]]/", "]"},
        {"/[]a-c]/", "a"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_pattern_that_is_not_understood_gives_none(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"/(?=a)b/", NULL},
        {"/(?<!a)b/", NULL},
        {"/(a/", NULL},
        {"/[a/", NULL},
        {"/a)/", NULL},
        {"/\\1/", NULL},
        {"/a{99999}/", NULL},
        {"word", NULL},
        {"/", NULL},
        {"", NULL},
        {"/(((((((((((((((((((((a)))))))))))))))))))))/", NULL},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void what_is_given_is_matched_by_the_librarys_own_engine(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "^(postmaster|abuse)@",
        "^[a-z]{2,5}[0-9]+\\.(de|at)$",
        "x(y(z|w)*)+$",
        "^[^a-z]+\\.$",
        "^.{10}$",
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        char pattern[64];
        char word[64];
        regex_t engine;
        snprintf(pattern, sizeof(pattern), "/%s/", patterns[i]);
        assert_true(pattern_word(pattern, word, sizeof(word)));
        assert_int_equal(regcomp(&engine, patterns[i], REG_EXTENDED | REG_NOSUB), 0);
        assert_int_equal(regexec(&engine, word, 0, NULL, 0), 0);
        regfree(&engine);
    }
}

static void a_word_that_has_no_room_is_none(void **state)
{
    (void)state;
    char word[8];

    assert_false(pattern_word("/a{8}/", word, sizeof(word)));
    assert_true(pattern_word("/a{7}/", word, sizeof(word)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_gives_a_word_that_it_matches),
        cmocka_unit_test(a_pattern_that_is_not_understood_gives_none),
        cmocka_unit_test(what_is_given_is_matched_by_the_librarys_own_engine),
        cmocka_unit_test(a_word_that_has_no_room_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

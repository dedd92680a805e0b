#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/postfix/main_cf.h"
#include "probe/rehearse/postfix/master_cf.h"

static char *value_of(const char *text, const char *name)
{
    struct main_cf main;
    struct cf_joined joined;

    assert_true(main_cf_read(text, strlen(text), &main));
    const struct main_setting *setting = main_cf_find(&main, name);
    if (setting == NULL) {
        main_cf_free(&main);
        return NULL;
    }
    assert_true(cf_join(text, &setting->value, &joined));
    char *value = strdup(joined.text);
    cf_joined_free(&joined);
    main_cf_free(&main);
    return value;
}

static void values_are_read_as_postfix_joins_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *value; /* of "a"; NULL: it is not set */
    } rows[] = {
        {"a = b\n", "b"},
        {"a=b", "b"},
        {"a =\n", ""},
        {"a = b\na = c\n", "c"},
        {"a = b\n   c\n", "b   c"},
        {"a =\n b,\n c\n", " b, c"},
        {"a = b\n# comment\n c\n", "b c"},
        {"a = b\n\n   \n\t c\n", "b\t c"},
        {"a = b\n  # indented comment\n c\n", "b c"},
        {"a = b # no comment\n", "b # no comment"},
        {"# a = b\n", NULL},
        {"b = c\n a = b\n", NULL},
        {"a\n", NULL},
        {"a\n = b\n", "b"},
        {"", NULL},
        {"  a = first\n", "first"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *value = value_of(rows[i].text, "a");
        if (rows[i].value == NULL) {
            assert_null(value);
        } else {
            assert_non_null(value);
            /* White space before the value is not the value's. */
            assert_string_equal(value + strspn(value, " "),
                                rows[i].value + strspn(rows[i].value, " "));
        }
        free(value);
    }
}

static void a_word_in_braces_is_one_word(void **state)
{
    (void)state;
    const char *text = "a inline:{ b=OK, c=OK },unionmap:{hash:x, {y}}  d";
    static const char *const words[] = {"a", "inline:{ b=OK, c=OK }", "unionmap:{hash:x, {y}}",
                                        "d"};
    size_t at = 0;
    size_t begin = 0;
    size_t end = 0;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_true(cf_next_word(text, &at, CF_LIST_SEPARATORS, &begin, &end));
        assert_int_equal(end - begin, strlen(words[i]));
        assert_memory_equal(text + begin, words[i], end - begin);
    }
    assert_false(cf_next_word(text, &at, CF_LIST_SEPARATORS, &begin, &end));
}

static void a_joined_text_knows_where_each_octet_stood(void **state)
{
    (void)state;
    const char *text = "a = b,\n# comment\n  c\n";
    const struct cf_line line = {0, strlen(text) - 1};
    struct cf_joined joined;

    assert_true(cf_join(text, &line, &joined));
    assert_string_equal(joined.text, "a = b,  c");
    assert_int_equal(joined.place[8], strrchr(text, 'c') - text);
    cf_joined_free(&joined);
}

static void overrides_are_read_in_each_of_their_forms(void **state)
{
    (void)state;
    const char *text = "# services\n"
                       "smtp      inet  n       -       y       -       -       smtpd\n"
                       "submission inet n       -       n       -       -       smtpd\n"
                       "  -o syslog_name=postfix/submission\n"
                       "# between\n"
                       "  -o { smtpd_client_restrictions = permit_mynetworks, reject }\n"
                       "  -osmtpd_helo_required=yes -v\n"
                       "  -o x=1 -o x=2\n"
                       "short line\n";
    struct master_cf master;

    assert_true(master_cf_read(text, strlen(text), &master));
    assert_int_equal(master.count, 2);
    assert_string_equal(master.services[0].fields[MASTER_SERVICE], "smtp");
    assert_string_equal(master.services[0].fields[MASTER_CHROOT], "y");
    assert_int_equal(master.services[0].override_count, 0);
    const struct master_service *submission = &master.services[1];
    assert_string_equal(submission->fields[MASTER_COMMAND], "smtpd");
    assert_int_equal(submission->override_count, 5);
    assert_string_equal(master_override_find(submission, "syslog_name")->value,
                        "postfix/submission");
    const struct master_override *braced =
        master_override_find(submission, "smtpd_client_restrictions");
    assert_string_equal(braced->value, "permit_mynetworks, reject");
    assert_memory_equal(text + braced->inner.begin, "permit_mynetworks, reject", 25);
    assert_memory_equal(text + braced->whole.begin, "-o {", 4);
    assert_int_equal(text[braced->whole.end - 1], '}');
    assert_string_equal(master_override_find(submission, "smtpd_helo_required")->value, "yes");
    assert_string_equal(master_override_find(submission, "x")->value, "2");
    assert_null(master_override_find(submission, "y"));
    master_cf_free(&master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_as_postfix_joins_them),
        cmocka_unit_test(a_word_in_braces_is_one_word),
        cmocka_unit_test(a_joined_text_knows_where_each_octet_stood),
        cmocka_unit_test(overrides_are_read_in_each_of_their_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

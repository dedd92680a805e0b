/*
 * The files of targets that a configuration names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/line_file.h"
#include "tests/unit/conf_try.h"

#define SITE  "site { domains = { \"example.org\" } }\n"
#define PROBE "probe { canary = \"canary@outside.example.net\" interval = 2h\n"
#define FILES "target_files = { \"@/other\" }\n"
#define MANY  100000

static struct conf_try attempt;

static void load(const char *text)
{
    conf_try_write(&attempt, "other", text, 0644);
    conf_try_load(&attempt, SITE PROBE FILES "}\n", CONF_PROBE);
}

static void each_line_is_a_target(void **state)
{
    (void)state;
    load("# name kind value ports\n"
         "\n"
         "mx domain Example.ORG\n"
         "  submission\thost  mail.example.org   465,587 # both\r\n"
         "v6 host 2001:DB8::25 25\n");
    conf_try_expect_count(&attempt, 0);
    const struct conf_probe *probe = &attempt.conf->probe;
    assert_int_equal(probe->target_count, 3);
    const struct conf_target *target = probe->targets;
    assert_string_equal(target[0].name, "mx");
    assert_string_equal(target[0].domain, "example.org");
    assert_null(target[0].host);
    assert_int_equal(target[0].port_count, 1);
    assert_int_equal(target[0].ports[0], 25);
    assert_int_equal(target[0].tls, TLS_AUTO);
    assert_int_equal(target[0].expect_milter, CONF_AUTO);
    assert_int_equal(target[0].interval_seconds, 7200);
    assert_string_equal(target[1].name, "submission");
    assert_string_equal(target[1].host, "mail.example.org");
    assert_null(target[1].domain);
    assert_int_equal(target[1].port_count, 2);
    assert_int_equal(target[1].ports[0], 465);
    assert_int_equal(target[1].ports[1], 587);
    assert_string_equal(target[2].host, "2001:db8::25");
}

static void they_stand_behind_those_of_sections(void **state)
{
    (void)state;
    conf_try_write(&attempt, "other", "b host b.example.org\n", 0644);
    conf_try_write(&attempt, "run", "c host c.example.org\n", 0644);
    conf_try_load(&attempt,
                  SITE PROBE "target_files = { \"@/other\", \"@/run\" }\n"
                             "target \"a\" { host = a.example.org }\n}\n",
                  CONF_PROBE);
    conf_try_expect_count(&attempt, 0);
    const struct conf_probe *probe = &attempt.conf->probe;
    assert_int_equal(probe->target_count, 3);
    assert_string_equal(probe->targets[0].name, "a");
    assert_string_equal(probe->targets[1].name, "b");
    assert_string_equal(probe->targets[2].name, "c");
}

static void a_wrong_line_is_named_with_its_file_and_not_shown(void **state)
{
    static const struct {
        const char *line;
        const char *says;
    } rows[] = {
        {"secret", "too few words; a line is NAME domain|host VALUE [PORT[,PORT]...]"},
        {"secret host", "too few words"},
        {"a host secret.example 25 26", "too many words"},
        {"secret:1 host a.example", "cannot be a target's name"},
        {"-secret host a.example", "cannot be a target's name"},
        {"a secret a.example", "neither domain nor host"},
        {"a Host secret.example", "neither domain nor host"},
        {"a host secret..example", "is no host"},
        {"a host [2001:db8::5]", "is no host"},
        {"a host secret.example:25", "is no host"},
        {"a domain secret..example", "is no domain"},
        {"a domain .secret.example", "is no domain"},
        {"a domain -secret.example", "is no domain"},
        {"a host -", "is no host"},
        {"a domain 192.0.2.1", "not a domain"},
        {"a host secret.example 0", "no number from 1 to 65535"},
        {"a host secret.example 65536", "no number from 1 to 65535"},
        {"a host secret.example 25,", "no number from 1 to 65535"},
        {"a host secret.example smtp", "no number from 1 to 65535"},
        {"a host secret.example 25,587,25", "port 25 is there twice"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "\ngood host good.example\n%s\n", rows[i].line);
        load(text);
        conf_try_expect_count(&attempt, 1);
        conf_try_expect_mistake_in(&attempt, "other", 3, rows[i].says);
        assert_null(strstr(attempt.report.mistakes[0], "secret"));
    }
}

static void a_line_that_no_target_needs_is_a_mistake(void **state)
{
    char text[2048];

    (void)state;
    memset(text, 'x', sizeof(text));
    snprintf(text + sizeof(text) / 2 + 500, 100, "\nb host b.example\n");
    load(text);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake_in(&attempt, "other", 1, "longer than a target can be");
}

static void a_file_that_ends_within_a_line_is_a_mistake(void **state)
{
    static const struct {
        const char *text;
        int line;
    } rows[] = {
        {"a host a.example\nb host b.example", 2},
        {"a host a.example\nb host b.example 25,5", 2},
        {"a host a.exam", 1},
        {"a host a.example\nb ho", 2},
        {"a host a.example\n  ", 2},
        {"a host a.example\n# custo", 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        load(rows[i].text);
        conf_try_expect_count(&attempt, 1);
        conf_try_expect_mistake_in(&attempt, "other", rows[i].line,
                                   "end its last line with a newline");
    }
    load("");
    conf_try_expect_count(&attempt, 0);
}

static void a_name_that_is_there_twice_is_a_mistake_with_both_places(void **state)
{
    char first[CONF_TRY_PATH + 64];

    (void)state;
    conf_try_write(&attempt, "other", "b host b.example.org\na host c.example.org\n", 0644);
    conf_try_write(&attempt, "run", "\nb host b.example.org\n", 0644);
    conf_try_load(&attempt,
                  SITE PROBE "target_files = { \"@/other\", \"@/run\" }\n"
                             "target \"a\" { host = a.example.org }\n}\n",
                  CONF_PROBE);
    conf_try_expect_count(&attempt, 2);
    conf_try_expect_mistake_in(&attempt, "other", 2,
                               "name is there twice, first on line 4 of the configuration");
    snprintf(first, sizeof(first), "first on line 1 of \"%s/other\"", attempt.folder);
    conf_try_expect_mistake_in(&attempt, "run", 2, first);
}

static void a_file_of_other_things_gives_a_short_list_and_a_count(void **state)
{
    char text[4096] = "";

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        strcat(text, "no target here at all\n");
    }
    load(text);
    conf_try_expect_count(&attempt, CONF_LINE_MISTAKES + 1);
    conf_try_expect_mistake_in(&attempt, "other", 0, "80 more lines are no targets");
}

static void a_file_that_others_may_change_is_a_mistake(void **state)
{
    (void)state;
    conf_try_write(&attempt, "other", "a host a.example.org\n", 0666);
    conf_try_load(&attempt, SITE PROBE FILES "}\n", CONF_PROBE);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 3, "and it says who is asked; ");
    conf_try_write(&attempt, "other", "", 0644);
}

static void the_filter_does_not_read_them(void **state)
{
    (void)state;
    conf_try_load(&attempt, SITE PROBE "target_files = { \"@/nowhere\" }\n}\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    assert_int_equal(attempt.conf->probe.target_count, 0);
    conf_try_load(&attempt, SITE PROBE "target_files = { \"@/nowhere\" }\n}\n", CONF_PROBE);
    conf_try_expect_mistake(&attempt, 3, "target_files: ");
    conf_try_expect_mistake(&attempt, 3, "cannot be read: No such file");
}

static void a_hundred_thousand_targets_are_fine(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    for (size_t i = 0; i < MANY; i++) {
        fprintf(out, "customer-%zu domain d%zu.example.org 25,587\n", i, i);
    }
    assert_int_equal(fclose(out), 0);
    load(text);
    free(text);
    conf_try_expect_count(&attempt, 0);
    assert_int_equal(attempt.conf->probe.target_count, MANY);
    assert_string_equal(attempt.conf->probe.targets[MANY - 1].domain, "d99999.example.org");
}

static int begin(void **state)
{
    (void)state;
    conf_try_begin(&attempt);
    return 0;
}

static int end(void **state)
{
    (void)state;
    conf_try_end(&attempt);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_a_target),
        cmocka_unit_test(they_stand_behind_those_of_sections),
        cmocka_unit_test(a_wrong_line_is_named_with_its_file_and_not_shown),
        cmocka_unit_test(a_line_that_no_target_needs_is_a_mistake),
        cmocka_unit_test(a_file_that_ends_within_a_line_is_a_mistake),
        cmocka_unit_test(a_name_that_is_there_twice_is_a_mistake_with_both_places),
        cmocka_unit_test(a_file_of_other_things_gives_a_short_list_and_a_count),
        cmocka_unit_test(a_file_that_others_may_change_is_a_mistake),
        cmocka_unit_test(the_filter_does_not_read_them),
        cmocka_unit_test(a_hundred_thousand_targets_are_fine),
    };
    return cmocka_run_group_tests_name("target_files", tests, begin, end);
}

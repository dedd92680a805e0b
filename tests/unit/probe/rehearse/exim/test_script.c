#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/exim/script.h"
#include "probe/rehearse/exim/settle.h"

static struct script script_of(const char *text)
{
    struct script script;

    assert_true(script_read(text, strlen(text), &script));
    return script;
}

static void a_line_goes_on_behind_a_backslash_and_knows_its_places(void **state)
{
    (void)state;
    static const char text[] = "# ours\n\n  hostlist x = a : \\\n"
                               "   # between\n   b\\  \n\n next";
    struct script script = script_of(text);

    assert_int_equal(script.count, 2);
    assert_string_equal(script.lines[0].text, "hostlist x = a : b");
    assert_int_equal(script.lines[0].number, 3);
    size_t b = script.lines[0].length - 1;
    assert_int_equal(text[script.lines[0].place[b]], 'b');
    assert_int_equal(script.lines[0].begin, strstr(text, "hostlist") - text);
    assert_string_equal(script.lines[1].text, "next");
    assert_int_equal(script.lines[1].number, 7);
    assert_int_equal(script_find(&script, 5), 0);
    assert_int_equal(script_find(&script, 2), 2);
    script_free(&script);
}

static void a_setting_is_found_behind_whatever_stands_before_it(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *name; /* NULL: it is none */
        const char *value;
        bool is_negated;
    } rows[] = {
        {"hosts = :", "hosts", ":", false},
        {"accept hosts = +x", "hosts", "+x", false},
        {"deny !  senders=*@y", "senders", "*@y", true},
        {"hostlist relay_from_hosts = 10.0.0.0/8", "relay_from_hosts", "10.0.0.0/8", false},
        {"hide mysql_servers = z", "mysql_servers", "z", false},
        {"NETS == 10.0.0.1", "NETS", "10.0.0.1", false},
        {"accept", NULL, NULL, false},
        {"queue_only", NULL, NULL, false},
        {"acl_check_rcpt:", NULL, NULL, false},
        {"= x", NULL, NULL, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct script script = script_of(rows[i].line);
        struct script_setting setting;
        bool found = script_setting(&script.lines[0], &setting);
        if (found != (rows[i].name != NULL)) {
            fail_msg("\"%s\"", rows[i].line);
        }
        if (found) {
            assert_true(script_is_named(&script.lines[0], &setting, rows[i].name));
            assert_string_equal(script.lines[0].text + setting.value, rows[i].value);
            assert_int_equal(setting.is_negated, rows[i].is_negated);
        }
        script_free(&script);
    }
}

static void a_statement_ends_before_the_next_and_keeps_no_condition_of_others(void **state)
{
    (void)state;
    struct script script = script_of("acl_x:\n"
                                     "  .ifdef A\n"
                                     "  accept\n" /* 2 */
                                     "    .ifndef B\n"
                                     "    local_parts = a\n"
                                     "    .else\n"
                                     "    local_parts = b\n"
                                     "    .endif\n"
                                     "    domains = c\n"
                                     "  .endif\n" /* 9 */
                                     "  require verify = sender\n"
                                     "acl_y:\n"
                                     "  deny\n");

    assert_int_equal(script_statement_end(&script, 2), 9);
    assert_int_equal(script_statement_end(&script, 10), 11);
    assert_int_equal(script_statement_end(&script, 12), 13);
    assert_true(script_is_verb(&script.lines[12]));
    assert_true(script_is_label(&script.lines[11]));
    assert_false(script_is_verb(&script.lines[11]));
    script_free(&script);
}

static void items_are_separated_as_the_list_says(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *separators;
        const char *items[5];
        const char *without_second; /* the list when that is cut */
    } rows[] = {
        {"a : b : c", NULL, {"a", "b", "c"}, "a :  c"},
        {"127.0.0.1 : ::::1", NULL, {"127.0.0.1", "::1"}, "127.0.0.1 "},
        {"<; 2001:db8::/32 ; ::1", NULL, {"2001:db8::/32", "::1"}, "<; 2001:db8::/32 "},
        {"x:y;z", ";:", {"x", "y", "z"}, "x:z"},
        {"", NULL, {NULL}, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct script_list list;
        struct script_item item;
        size_t count = 0;
        script_list_begin(&list, rows[i].list, 0, strlen(rows[i].list), rows[i].separators);
        while (script_list_next(&list, &item)) {
            assert_non_null(rows[i].items[count]);
            assert_string_equal(item.text, rows[i].items[count]);
            if (++count == 2) {
                char cut[64] = "";
                strncat(cut, rows[i].list, item.cut_begin);
                strcat(cut, rows[i].list + item.cut_end);
                assert_string_equal(cut, rows[i].without_second);
            }
        }
        assert_null(rows[i].items[count]);
    }
}

static void settings_of_ours_are_blanked_and_lines_stay(void **state)
{
    (void)state;
    static const char text[] = "log_file_path = /x : \\\n  syslog\n"
                               "no_queue_only\n"
                               "primary_hostname = a\n"
                               "begin acl\n"
                               "x:\n"
                               "  warn delay = 5s\n"
                               "  deny ratelimit = 1 / 1h\n"
                               "  accept log_file_path = y\n";
    size_t length = 0;
    char *milder = settle_milder(text, strlen(text), true, &length);

    assert_non_null(milder);
    assert_string_equal(milder, "\n\n"
                                "\n"
                                "primary_hostname = a\n"
                                "begin acl\n"
                                "x:\n"
                                "  warn \n"
                                "  deny condition = no\n"
                                "  accept log_file_path = y\n");
    free(milder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_goes_on_behind_a_backslash_and_knows_its_places),
        cmocka_unit_test(a_setting_is_found_behind_whatever_stands_before_it),
        cmocka_unit_test(a_statement_ends_before_the_next_and_keeps_no_condition_of_others),
        cmocka_unit_test(items_are_separated_as_the_list_says),
        cmocka_unit_test(settings_of_ours_are_blanked_and_lines_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

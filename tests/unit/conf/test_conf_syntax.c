/*
 * The text of a configuration: what is unclosed, out of place, repeated or not text at all, with
 * the true line of each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/unknown.h"
#include "tests/unit/conf_try.h"

#define SITE   "site { domains = { \"example.org\" } }\n"
#define CANARY "canary = \"canary@outside.example.net\"\n"
#define PROBE  "probe { " CANARY "}\n"

static struct conf_try attempt;

/* One mistake each, for the probe. (Not const: cmocka's state is not.) */
static struct row {
    const char *name;
    const char *text;
    int line;
    const char *says;
} rows[] = {
    {"an_unclosed_section_is_missed_where_the_input_ends", SITE "probe {\n" CANARY, 4,
     "the file ends here, but the opening brace of line 2 is not closed"},
    {"an_unclosed_section_is_missed_on_the_last_line_without_a_newline",
     SITE "probe {\n" CANARY "#", 4, "opening brace of line 2"},
    {"an_unclosed_inner_section_is_missed_where_the_input_ends",
     SITE PROBE "alert {\n syslog {\n facility = mail\n\n", 8, "opening brace of line 5"},
    {"a_section_that_swallows_the_next_is_missed_where_the_input_ends",
     "site { domains = { example.org }\nprobe {\n" CANARY "}\n", 5, "opening brace of line 1"},
    {"an_unclosed_list_is_named_by_its_own_line",
     "site {\n domains = { \"example.org\"\n trusted_networks = { }\n}\n", 5,
     "opening brace of line 2"},
    {"an_unclosed_comment_is_missed_where_the_input_ends", SITE PROBE "/* all\n of * / it\n\n", 7,
     "the comment of line 4 is not closed"},
    {"an_unclosed_double_quote_is_missed_where_the_input_ends",
     "site {\n domains = { \"example.org }\n}\n", 4, "quotation mark of line 2"},
    {"an_unclosed_single_quote_is_missed_where_the_input_ends",
     "site {\n domains = { 'example.org }\n}\n", 4, "quotation mark of line 2"},
    {"of_many_quotes_the_one_that_leaves_its_line_is_the_unclosed_one",
     "site {\n domains = { \"example.org }\n trusted_networks = { \"10.0.0.0/8\" }\n}\n", 5,
     "quotation mark of line 2"},
    {"two_unclosed_quotes_are_found_at_the_first",
     "site {\n domains = { \"example.org }\n trusted_networks = { \"10.0.0.0/8 }\n}\n", 2,
     "not closed on the same line"},
    {"a_backslash_at_the_end_leaves_the_quote_open", "site { domains = { \"a\\", 1,
     "quotation mark of line 1"},
    {"a_closing_brace_too_many_is_a_mistake", SITE PROBE "}\n", 4,
     "a closing brace, but no section or list is open"},
    {"endless_nesting_is_refused",
     "a { a { a { a { a { a { a { a { a { a {\na { a { a { a { a { a {\n"
     "a {",
     3, "more than 16 braces"},
    {"a_missing_equal_sign_is_a_mistake", SITE "probe { " CANARY "interval \"6h\"\n}\n", 3,
     "\"interval\" needs an equal sign"},
    {"a_list_without_an_equal_sign_is_a_mistake", "site {\n domains { \"example.org\" }\n}\n", 2,
     "\"domains\" needs an equal sign"},
    {"a_missing_comma_is_a_mistake",
     "site {\n domains = { \"example.org\"\n \"example.test\" }\n}\n", 3,
     "did not expect \"example.test\" here"},
    {"a_missing_value_is_a_mistake", SITE "probe {\n" CANARY "interval =\n}\n", 5,
     "did not expect \"}\" here"},
    {"a_value_missing_at_the_end_is_a_mistake", SITE PROBE "state_directory =\n", 5,
     "the file ends in the middle of an option"},
    {"two_values_are_a_mistake", SITE "probe {\n" CANARY "interval = 6h 7h\n}\n", 4,
     "did not expect \"7h\" here"},
    {"a_list_in_a_list_is_a_mistake", "site {\n domains = { { a.example } }\n}\n", 2,
     "did not expect \"{\" here"},
    {"a_section_with_an_equal_sign_is_a_mistake", SITE "probe = {\n" CANARY "}\n", 2,
     "section \"probe\" needs an opening brace"},
    {"a_section_with_a_title_that_takes_none_is_a_mistake", SITE "probe \"x\" {\n" CANARY "}\n", 2,
     "section \"probe\" needs an opening brace"},
    {"a_target_without_a_title_is_a_mistake", SITE "probe {\n" CANARY "target { }\n}\n", 4,
     "section \"target\" needs a title"},
    {"a_brace_without_a_name_is_a_mistake", SITE PROBE "{ }\n", 4, "did not expect \"{\" here"},
    {"an_empty_name_is_a_mistake", SITE PROBE "\"\" = 1\n", 4, "cannot be understood"},
    {"a_path_to_an_option_elsewhere_is_a_mistake", SITE PROBE "site|domains = { a.example }\n", 4,
     "cannot be understood"},
    {"plus_equals_is_a_mistake", SITE PROBE "alert { command += { \"/bin/true\" } }\n", 4,
     "\"+=\" is not used here"},
    {"a_plus_sign_outside_of_quotes_is_a_mistake", SITE "probe {\n canary = a+b@x.example\n}\n", 3,
     "\"+\" outside of quotes"},
    {"an_asterisk_outside_of_quotes_is_a_mistake", "site {\n domains = { *.example.org }\n}\n", 2,
     "\"*\" outside of quotes"},
    {"parentheses_are_a_mistake", SITE PROBE "include(\"/etc/other.conf\")\n", 4,
     "\"(\" outside of quotes"},
    {"the_environment_is_not_expanded_in_quotes", SITE PROBE "state_directory = \"${HOME}\"\n", 4,
     "nothing is taken from the environment"},
    {"the_environment_is_not_expanded_outside_of_quotes", SITE PROBE "state_directory = ${HOME}\n",
     4, "nothing is taken from the environment"},
    {"the_environment_is_not_expanded_within_a_word", SITE PROBE "state_directory = /a${HOME}\n", 4,
     "nothing is taken from the environment"},
    {"the_environment_is_not_expanded_in_single_quotes",
     SITE PROBE "state_directory = 'a${HOME}'\n", 4, "nothing is taken from the environment"},
    {"a_control_character_is_a_mistake", SITE PROBE "state_directory = \001\n", 4,
     "a control character (\\x01)"},
    {"a_control_character_in_quotes_is_a_mistake", SITE PROBE "state_directory = \"/\x7f\"\n", 4,
     "a control character (\\x7f)"},
    {"an_escaped_number_is_a_mistake", SITE PROBE "state_directory = \"/a\\0b\"\n", 4,
     "a backslash followed by a number"},
    {"an_escaped_hexadecimal_number_is_a_mistake", SITE PROBE "state_directory = \"/a\\x01\"\n", 4,
     "a backslash followed by a number"},
    {"two_slashes_within_an_unquoted_path_are_a_mistake",
     SITE PROBE "state_directory = /var//lib\n", 4, "\"//\" within a word"},
    {"a_section_twice_is_a_mistake_of_the_second", SITE PROBE "alert {\n}\n\nalert {\n}\n", 7,
     "section alert is there twice, first on line 4"},
    {"an_inner_section_twice_is_a_mistake", SITE PROBE "alert {\nsyslog { }\nsyslog { }\n}\n", 6,
     "section syslog is there twice, first on line 5"},
    {"a_target_twice_is_a_mistake",
     SITE "probe {\n" CANARY
          "target \"mx\" { host = a.example }\n target \"b\" { host = b.example }\n"
          " target mx\n {\n host = c.example }\n}\n",
     7, "section target \"mx\" is there twice, first on line 4"},
    {"a_target_with_a_name_that_looks_like_an_endpoint_is_a_mistake",
     SITE "probe {\n" CANARY "target \"mx:25\" { host = a.example }\n}\n", 4,
     "\"mx:25\" cannot be a target's name"},
    {"a_target_with_an_empty_name_is_a_mistake",
     SITE "probe {\n" CANARY "target \"\" { host = a.example }\n}\n", 4,
     "cannot be a target's name"},
    {"an_unknown_option_outside_of_sections_is_a_mistake", SITE PROBE "socket = \"unix:/a\"\n", 4,
     "it belongs in section \"milter\""},
    {"an_unknown_section_is_a_mistake", SITE PROBE "mlter {\n user = \"\"\n}\n", 4,
     "did you mean \"milter\"?"},
    {"an_option_of_the_file_in_a_section_is_a_mistake",
     SITE "probe {\n" CANARY "state_directory = \"/var/lib\"\n}\n", 4,
     "it belongs outside of all sections"},
    {"an_unknown_option_lists_what_is_allowed", SITE PROBE "alert {\n syslog { level = info }\n}\n",
     5, "unknown option \"level\" in section \"syslog\"; allowed here: facility, format"},
    {"a_name_is_made_printable", SITE PROBE "\"\xc2\x9b\" = 1\n", 4, "\"\\u{9B}\""},
};

/* Every kind of comment, for the count of lines. */
static const char comments[] = "# # \" '{ ${ */\n"
                               "//\n"
                               "/**/ /* * ' \" } \n"
                               " # // ${X} \xff \001\n"
                               "***/ /* */ // x\n"
                               "\r\n";

static void each_mistake_has_its_line(void **state)
{
    const struct row *row = *state;
    char text[4096];
    int added = 0;

    conf_try_load(&attempt, row->text, CONF_PROBE);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, row->line, row->says);

    /* And behind comments. Those that name a second line would name another. */
    for (const char *c = comments; *c != '\0'; c++)
        added += *c == '\n';
    snprintf(text, sizeof(text), "%s%s", comments, row->text);
    conf_try_load(&attempt, text, CONF_PROBE);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, row->line + added,
                            strstr(row->says, "line ") != NULL ? "" : row->says);
}

static void a_nul_byte_is_a_mistake_of_its_line(void **state)
{
    (void)state;
    static const char text[] = SITE PROBE "state_directory = \"/a\0b\"\n";
    static const char comment[] = SITE PROBE "# a comment\n# \0\n";

    conf_try_load_bytes(&attempt, text, sizeof(text) - 1, CONF_PROBE);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 4, "a NUL byte");
    conf_try_load_bytes(&attempt, comment, sizeof(comment) - 1, CONF_PROBE);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 5, "a NUL byte");
}

static void all_mistakes_of_values_are_listed_at_once_in_the_order_of_lines(void **state)
{
    (void)state;
    conf_try_load(&attempt,
                  "site {\n"
                  " domains = { \"a b\",\n"
                  "   example.org, /* fine */\n"
                  "   \"c d\" }\n"
                  " trusted_networks = { 10.0.0.1/8, 0.0.0.0/0 }\n"
                  " doamins = { { } }\n"
                  "}\n"
                  "probe { interval = 0\n"
                  " wrong = 1 wronger = { 1, 2 }\n"
                  " wrongest { deep { a = 1 } }\n"
                  " target \"x\" { ports = { 0 }\n"
                  " }\n"
                  "}\n"
                  "alert { remind = 1 }\n",
                  CONF_PROBE);
    static const struct {
        int line;
        const char *says;
    } expected[] = {
        {2, "\"a b\""},       {4, "\"c d\""},  {5, "10.0.0.0/8"},       {5, "0.0.0.0/0"},
        {6, "doamins"},       {8, "interval"}, {9, "\"wrong\""},        {9, "\"wronger\""},
        {10, "\"wrongest\""}, {11, "ports"},   {12, "domain (for its"}, {13, "canary is missing"},
        {14, "remind"},
    };
    const size_t count = sizeof(expected) / sizeof(expected[0]);
    conf_try_expect_count(&attempt, count);
    for (size_t i = 0; i < count; i++) {
        char place[CONF_TRY_PATH + 16];
        conf_try_expect_mistake(&attempt, expected[i].line, expected[i].says);
        snprintf(place, sizeof(place), "%s:%d: ", attempt.path, expected[i].line);
        assert_memory_equal(attempt.report.mistakes[i], place, strlen(place));
    }
}

static void a_mistake_of_syntax_ends_the_list(void **state)
{
    (void)state;
    conf_try_load(&attempt, SITE "probe {\n interval = 0\n timeout 5s\n proof = x\n}\n",
                  CONF_PROBE);
    conf_try_expect_count(&attempt, 2);
    conf_try_expect_mistake(&attempt, 3, "interval");
    conf_try_expect_mistake(&attempt, 4, "\"timeout\" needs an equal sign");
    /* The same when the text is refused before libconfuse sees it. */
    conf_try_load(&attempt, SITE "probe {\n interval = 0\n canary = a+b\n proof = x\n}\n",
                  CONF_PROBE);
    conf_try_expect_count(&attempt, 2);
    conf_try_expect_mistake(&attempt, 3, "interval");
    conf_try_expect_mistake(&attempt, 4, "\"+\" outside of quotes");
}

static void a_good_file_loads_after_every_bad_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        conf_try_load(&attempt, rows[i].text, CONF_PROBE);
        conf_try_load(&attempt, SITE PROBE, CONF_PROBE);
        conf_try_expect_count(&attempt, 0);
    }
}

static void comments_may_stand_anywhere(void **state)
{
    (void)state;
    conf_try_load(&attempt,
                  "\xef\xbb\xbf// a byte order mark is skipped\n"
                  "site/* a */{/**/domains# b\n"
                  "=//c\n"
                  "{/* d */\"example.org\"/* e\n"
                  " */,# f\n"
                  "example.test// g\n"
                  "/* h */,}//i\n"
                  "trusted_networks={10.0.0.0/8// j\n"
                  ",192.0.2.0/24/* k */}}#l\n"
                  "probe{canary=a@b.example#m\n"
                  "}alert{json='/#//*'// n\n"
                  "} // o",
                  CONF_PROBE);
    conf_try_expect_count(&attempt, 0);
    assert_true(site_owns_domain(attempt.conf->site, "example.test", 12));
    assert_string_equal(attempt.conf->probe.canary, "a@b.example");
    assert_string_equal(attempt.conf->alert.json_path, "/#//*");
}

static void lines_may_end_as_other_systems_have_it(void **state)
{
    (void)state;
    conf_try_load(&attempt,
                  "site {\r\n domains = {\r\n example.org\r\n }\r\n}\r\nprobe {\r\n"
                  " canary = a@b.example\r\n interval = x\r\n}\r\n",
                  CONF_PROBE);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 8, "\"x\" is no duration");
}

static void what_is_missing_is_missed_at_the_closing_brace_or_the_end(void **state)
{
    (void)state;
    conf_try_load(&attempt, "site {\n}\nprobe {\n target \"a\" {\n\n }\n\n}\n\n", CONF_PROBE);
    conf_try_expect_count(&attempt, 3);
    conf_try_expect_mistake(&attempt, 2, "the site's domains are missing");
    conf_try_expect_mistake(&attempt, 6, "domain (for its MX hosts) or host is missing");
    conf_try_expect_mistake(&attempt, 8, "canary is missing");
    conf_try_load(&attempt, "# nothing\n\n", CONF_PROBE);
    conf_try_expect_count(&attempt, 2);
    conf_try_expect_mistake(&attempt, 3, "the site's domains are missing");
    conf_try_expect_mistake(&attempt, 3, "canary is missing");
    conf_try_load(&attempt, "", CONF_MILTER);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 1, "the site's domains are missing");
}

static void the_list_of_unknown_options_has_an_end(void **state)
{
    (void)state;
    char text[8192] = SITE PROBE;
    static const char line[] = "nonsense = 1\n";
    for (size_t i = 0, length = strlen(text); i < 500; i++, length += sizeof(line) - 1)
        memcpy(text + length, line, sizeof(line));
    conf_try_load(&attempt, text, CONF_PROBE);
    assert_null(attempt.conf);
    assert_in_range(attempt.report.mistake_count, 50, 52);
}

static void a_file_that_others_can_write_is_refused(void **state)
{
    (void)state;
    conf_try_load(&attempt, SITE, CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    assert_int_equal(chmod(attempt.path, 0646), 0);
    conf_try_again(&attempt, CONF_MILTER);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 0, "is writable by everybody");
    if (geteuid() != 0)
        return;
    assert_int_equal(chmod(attempt.path, 0664), 0);
    conf_try_again(&attempt, CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    assert_int_equal(chown(attempt.path, 0, 65534), 0);
    conf_try_again(&attempt, CONF_MILTER);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 0, "writable by a group other than root's");
    assert_int_equal(chown(attempt.path, 0, 0), 0);
}

static void a_file_that_belongs_to_another_user_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    conf_try_load(&attempt, SITE "milter { user = nobody }\n", CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    assert_int_equal(chown(attempt.path, 65534, 0), 0);
    conf_try_again(&attempt, CONF_MILTER);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 0, "owned by neither root nor the user who runs this");
    assert_int_equal(seteuid(65534), 0);
    conf_try_again(&attempt, CONF_MILTER);
    assert_int_equal(seteuid(0), 0);
    /* Its folder is closed to that user, who is named. */
    conf_try_expect_mistake(&attempt, 0, "Permission denied for user nobody");
    assert_int_equal(chmod(attempt.folder, 0755), 0);
    assert_int_equal(seteuid(65534), 0);
    conf_try_again(&attempt, CONF_MILTER);
    assert_int_equal(seteuid(0), 0);
    conf_try_expect_count(&attempt, 0);
    assert_int_equal(chown(attempt.path, 0, 0), 0);
}

/* The kernel's files have more in them than their size says. */
static void a_file_that_grows_while_it_is_read_is_refused(void **state)
{
    (void)state;
    struct conf_report report;

    assert_null(conf_load("/proc/self/status", CONF_MILTER, &report));
    assert_int_equal(report.mistake_count, 1);
    assert_non_null(strstr(report.mistakes[0], "changed while it was read"));
    conf_report_free(&report);
}

static void what_is_no_readable_file_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *says;
    } paths[] = {
        {"/tmp", "/tmp: is a directory"},
        {"/dev/null", "/dev/null: is no regular file"},
        {"/nonexistent/relaywarden.conf", "does not exist; have relaywarden-probe init write it"},
        {"", "or name another file with --config"},
    };
    struct conf_report report;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_null(conf_load(paths[i].path, CONF_PROBE, &report));
        assert_int_equal(report.mistake_count, 1);
        assert_non_null(strstr(report.mistakes[0], paths[i].says));
        conf_report_free(&report);
    }
}

static void a_fifo_is_refused_without_waiting_for_it(void **state)
{
    (void)state;
    assert_int_equal(unlink(attempt.path), 0);
    assert_int_equal(mkfifo(attempt.path, 0600), 0);
    conf_try_again(&attempt, CONF_PROBE);
    conf_try_expect_count(&attempt, 1);
    conf_try_expect_mistake(&attempt, 0, "no regular file");
    assert_int_equal(unlink(attempt.path), 0);
}

static void distance_counts_letters_and_swaps(void **state)
{
    (void)state;
    assert_int_equal(conf_distance("domains", "domains"), 0);
    assert_int_equal(conf_distance("doamins", "domains"), 1);
    assert_int_equal(conf_distance("domain", "domains"), 1);
    assert_int_equal(conf_distance("", "tls"), 3);
    assert_int_equal(conf_distance("0123456789012345678901234567890123456789x", "tls"), CONF_FAR);
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

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(a_nul_byte_is_a_mistake_of_its_line),
        cmocka_unit_test(all_mistakes_of_values_are_listed_at_once_in_the_order_of_lines),
        cmocka_unit_test(a_mistake_of_syntax_ends_the_list),
        cmocka_unit_test(a_good_file_loads_after_every_bad_one),
        cmocka_unit_test(comments_may_stand_anywhere),
        cmocka_unit_test(lines_may_end_as_other_systems_have_it),
        cmocka_unit_test(what_is_missing_is_missed_at_the_closing_brace_or_the_end),
        cmocka_unit_test(the_list_of_unknown_options_has_an_end),
        cmocka_unit_test(a_file_that_others_can_write_is_refused),
        cmocka_unit_test(a_file_that_belongs_to_another_user_is_refused),
        cmocka_unit_test(a_file_that_grows_while_it_is_read_is_refused),
        cmocka_unit_test(what_is_no_readable_file_is_refused),
        cmocka_unit_test(a_fifo_is_refused_without_waiting_for_it),
        cmocka_unit_test(distance_counts_letters_and_swaps),
    };
    const size_t other_count = sizeof(others) / sizeof(others[0]);
    struct CMUnitTest tests[ROW_COUNT + sizeof(others) / sizeof(others[0])];

    for (size_t i = 0; i < ROW_COUNT; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = each_mistake_has_its_line,
                                       .initial_state = &rows[i]};
    memcpy(tests + ROW_COUNT, others, sizeof(others));
    return _cmocka_run_group_tests("conf_syntax", tests, ROW_COUNT + other_count, begin, end);
}

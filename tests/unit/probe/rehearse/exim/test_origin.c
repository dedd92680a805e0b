#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/rehearse/exim/origin.h"

#define RULE   "#####################################################\n"
#define MACROS "##############################################\n"

static const struct origin_monolith monolith = {
    .localmacros = "/etc/exim4/exim4.conf.localmacros",
    .localmacros_lines = 1,
    .template = "/etc/exim4/exim4.conf.template",
};

struct wanted {
    unsigned int generated;
    const char *file; /* NULL: of nothing; "": a macro of the settings */
    unsigned int line;
};

static void expect(const char *text, const struct wanted *rows, size_t count)
{
    struct origin origin;

    assert_true(origin_read(text, strlen(text), &monolith, &origin));
    for (size_t i = 0; i < count; i++) {
        const struct origin_line *line = origin_of(&origin, rows[i].generated);
        if (rows[i].file == NULL) {
            assert_null(line);
            continue;
        }
        assert_non_null(line);
        if (rows[i].file[0] == '\0') {
            assert_int_equal(line->file, ORIGIN_MACROS);
            continue;
        }
        assert_string_equal(origin.files[line->file], rows[i].file);
        assert_int_equal(line->line, rows[i].line);
    }
    origin_free(&origin);
}

static void lines_of_the_split_form_are_of_their_parts(void **state)
{
    (void)state;
    static const char text[] =
        "#########\n"
        "# split config files in the /etc/exim4/conf.d/ directory.\n"
        "#########\n"
        "# begin processing main #####\n" RULE "### /etc/exim4/conf.d/main/01\n" RULE "first\n"
        "UPEX4CmacrosUPEX4C = 1\n" MACROS "MAIN_RELAY_NETS=x\n" MACROS "third\n"
        "\n" RULE "### end /etc/exim4/conf.d/main/01\n" RULE "# end of main #####\n" RULE
        "### /etc/exim4/conf.d/acl/30\n" RULE "accept\n";
    static const struct wanted rows[] = {
        {1, NULL, 0},
        {7, NULL, 0},
        {8, "/etc/exim4/conf.d/main/01", 1},
        {9, "/etc/exim4/conf.d/main/01", 2},
        {11, "", 0},
        {13, "/etc/exim4/conf.d/main/01", 3},
        {18, NULL, 0},
        {22, "/etc/exim4/conf.d/acl/30", 1},
        {23, NULL, 0},
        {0, NULL, 0},
    };

    expect(text, rows, sizeof(rows) / sizeof(rows[0]));
}

/* The template has the frames of the parts that it was made of. */
static void lines_of_the_other_form_are_of_the_template(void **state)
{
    (void)state;
    static const char text[] = "#########\n"
                               "# non-split config (...)\n"
                               "#########\n"
                               "MAIN_RELAY_NETS = *\n" RULE "### main/01\n" RULE
                               "UPEX4CmacrosUPEX4C = 1\n" MACROS "X=y\n" MACROS "accept\n";
    static const struct wanted rows[] = {
        {4, "/etc/exim4/exim4.conf.localmacros", 1},
        {5, "/etc/exim4/exim4.conf.template", 1},
        {6, "/etc/exim4/exim4.conf.template", 2},
        {8, "/etc/exim4/exim4.conf.template", 4},
        {10, "", 0},
        {12, "/etc/exim4/exim4.conf.template", 5},
    };

    expect(text, rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_variable_of_the_settings_has_its_macro(void **state)
{
    (void)state;
    assert_string_equal(origin_macro("dc_relay_nets", 13), "MAIN_RELAY_NETS");
    assert_null(origin_macro("dc_readhost", 11));
    assert_null(origin_macro("dc_relay_netsx", 14));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_split_form_are_of_their_parts),
        cmocka_unit_test(lines_of_the_other_form_are_of_the_template),
        cmocka_unit_test(a_variable_of_the_settings_has_its_macro),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The command line: verbs, options and what is said of those that make no sense. */
#include "probe/cli/command_line.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 16
#define SAID_SIZE 4096

/* The reader's words on both streams. */
static char said[SAID_SIZE];

/* Reads the words; what is written meanwhile is in `said`. Returns the exit code. */
static int read_words(struct command_line *line, char *const *words)
{
    char *copy[WORDS_MAX + 1] = {NULL};
    int count = 0;
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO);
    int err = dup(STDERR_FILENO);

    assert_non_null(file);
    while (count < WORDS_MAX && words[count] != NULL) {
        copy[count] = words[count];
        count++;
    }
    optind = 0; /* glibc: begin anew */
    fflush(stdout);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    *line = (struct command_line){.verb = NULL};
    int code = command_line_read(count, copy, line);
    fflush(stdout);
    assert_true(dup2(out, STDOUT_FILENO) >= 0);
    assert_true(dup2(err, STDERR_FILENO) >= 0);
    close(out);
    close(err);
    rewind(file);
    said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
    fclose(file);
    return code;
}

#define READ(line, ...)                                                                            \
    read_words(line, (char *[]){(char[]){"relaywarden-probe"}, __VA_ARGS__, NULL})
#define WORD(text) ((char[]){text})

static void options_may_stand_before_the_verb_and_behind_its_arguments(void **state)
{
    struct command_line line;

    (void)state;
    assert_int_equal(READ(&line, WORD("--json"), WORD("check"), WORD("mx"), WORD("--wait"),
                          WORD("5m"), WORD("--"), WORD("-odd")),
                     0);
    assert_string_equal(line.verb->name, "check");
    assert_true(line.invocation.json);
    assert_true(line.invocation.has_status_line);
    assert_string_equal(line.invocation.wait, "5m");
    assert_int_equal(line.invocation.argument_count, 2);
    assert_string_equal(line.invocation.arguments[0], "mx");
    assert_string_equal(line.invocation.arguments[1], "-odd");
    assert_false(line.invocation.conf_is_named);
    assert_string_equal(line.invocation.conf_path, CONF_DEFAULT_PATH);
    command_line_free(&line);
}

static void a_configuration_that_is_named_is_told_from_the_usual_one(void **state)
{
    struct command_line line;

    (void)state;
    assert_int_equal(READ(&line, WORD("run"), WORD("--config"), WORD(CONF_DEFAULT_PATH)), 0);
    assert_true(line.invocation.conf_is_named);
    assert_true(line.invocation.serves);
    command_line_free(&line);
}

static void an_option_of_another_verb_is_refused_by_its_name(void **state)
{
    struct command_line line;

    (void)state;
    assert_int_equal(READ(&line, WORD("check"), WORD("--maildir"), WORD("x")), PROBE_EXIT_UNKNOWN);
    assert_non_null(strstr(said, "--maildir has no meaning for \"check\""));
    command_line_free(&line);
    assert_int_equal(READ(&line, WORD("run"), WORD("--quiet")), 64);
    assert_non_null(strstr(said, "--quiet has no meaning for \"run\""));
    command_line_free(&line);
}

static void every_mistake_names_the_word_and_the_remedy(void **state)
{
    static const struct {
        const char *words[3];
        int code;
        const char *says;
    } rows[] = {
        {{"chekc"}, PROBE_EXIT_UNKNOWN, "unknown verb \"chekc\"; try "},
        {{"check", "--odd"}, PROBE_EXIT_UNKNOWN, "unknown option \"--odd\"; see "},
        {{"check", "--odd"}, PROBE_EXIT_UNKNOWN, "RELAY UNKNOWN - "},
        {{"check", "-tx", "mx"}, PROBE_EXIT_UNKNOWN, "unknown option \"-x\"; see "},
        {{"run", "-xy"}, 64, "unknown option \"-x\"; see "},
        {{"check", "--wait"}, PROBE_EXIT_UNKNOWN, "a value is missing after \"--wait\""},
        {{"check", "--quiet=1"}, PROBE_EXIT_UNKNOWN, "takes no value: \"--quiet=1\"; leave it out"},
        {{"check", "--t", "mx"}, PROBE_EXIT_UNKNOWN, "more than one option begins with \"--t\""},
        {{"check", "--format", "xml"}, PROBE_EXIT_UNKNOWN, "unknown value \"xml\"; it is one of"},
        {{"techniques", "plain"}, PROBE_EXIT_UNKNOWN, "an argument too many: \"plain\"; leave it"},
        {{"run", "mx"}, 64, "an argument too many: \"mx\"; leave it out"},
        {{"run", "-t", "mx"}, 64, "an argument too many: \"mx\"; leave it out"},
        {{"init", "a", "b"}, PROBE_EXIT_UNKNOWN, "an argument too many: \"b\"; leave it out"},
        {{"rehearse", "a", "b"}, PROBE_EXIT_UNKNOWN, "an argument too many: \"b\"; leave it out"},
        {{"keygen", "a", "b"}, PROBE_EXIT_UNKNOWN, "an argument too many: \"b\"; leave it out"},
        {{"keygen"}, PROBE_EXIT_UNKNOWN, "FILE is missing after \"keygen\"; say "},
        {{"recipe"}, PROBE_EXIT_UNKNOWN, "TARGET is missing after \"recipe\"; say "},
    };
    struct command_line line;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char words[3][32];
        char *given[4] = {NULL};
        for (size_t w = 0; w < 3 && rows[i].words[w] != NULL; w++) {
            snprintf(words[w], sizeof(words[w]), "%s", rows[i].words[w]);
            given[w] = words[w];
        }
        assert_int_equal(READ(&line, given[0], given[1], given[2]), rows[i].code);
        assert_non_null(strstr(said, rows[i].says));
        command_line_free(&line);
    }
    /* A configuration is tried for any verb. */
    assert_int_equal(READ(&line, WORD("recipe"), WORD("-t")), 0);
    command_line_free(&line);
}

static void each_row_of_the_table_is_read_by_a_verb_that_has_it(void **state)
{
    (void)state;
    assert_true(option_table_count <= 64); /* as many as the reader has room for */
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option_row *row = &option_table[i];
        assert_true(row->name != NULL || row->letter != 0);
        assert_true(row->help[0] != '\0');
        assert_true(row->name == NULL || strncmp(row->name, "--", 2) == 0);
        bool taken = false;
        for (size_t v = 0; v < VERB_COUNT; v++) {
            taken |= option_is_for(row, &verb_table[v]);
        }
        assert_true(taken);
        assert_true((row->kind == OPTION_FLAG) == (row->value == NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_before_the_verb_and_behind_its_arguments),
        cmocka_unit_test(a_configuration_that_is_named_is_told_from_the_usual_one),
        cmocka_unit_test(an_option_of_another_verb_is_refused_by_its_name),
        cmocka_unit_test(every_mistake_names_the_word_and_the_remedy),
        cmocka_unit_test(each_row_of_the_table_is_read_by_a_verb_that_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The filter's command line. */
#include "milter/service/arguments.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 3
#define GO_ON     (-1)

/* The parser's words on standard error. */
static char said[1024];

/* The words are kept until the next are read. */
static int read_words(const char *const words[WORDS_MAX], struct arguments *out)
{
    static char copies[WORDS_MAX + 1][64];
    char *argv[WORDS_MAX + 2] = {copies[0], NULL};
    int count = 1;
    FILE *file = tmpfile();
    int err = dup(STDERR_FILENO);

    assert_non_null(file);
    snprintf(copies[0], sizeof(copies[0]), "%s", "relaywarden-milter");
    for (; count <= WORDS_MAX && words[count - 1] != NULL; count++) {
        snprintf(copies[count], sizeof(copies[count]), "%s", words[count - 1]);
        argv[count] = copies[count];
    }
    optind = 0; /* glibc: begin anew */
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    int status = arguments_read(count, argv, out);
    assert_true(dup2(err, STDERR_FILENO) >= 0);
    close(err);
    rewind(file);
    said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
    fclose(file);
    return status;
}

static void each_call_does_one_thing(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        enum order order;
        const char *value;
    } rows[] = {
        {{NULL}, ORDER_SERVE, NULL},
        {{"-t"}, ORDER_TEST, NULL},
        {{"-t", "-t"}, ORDER_TEST, NULL},
        {{"--discover"}, ORDER_DISCOVER, NULL},
        {{"--discover=/etc/postfix"}, ORDER_DISCOVER, "/etc/postfix"},
        {{"--masked"}, ORDER_MASKED, NULL},
        {{"--unmask", "192.0.2.1"}, ORDER_UNMASK, "192.0.2.1"},
        {{"--alert-test"}, ORDER_ALERT_TEST, NULL},
    };
    struct arguments arguments;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(read_words(rows[i].words, &arguments), GO_ON);
        assert_int_equal(arguments.order, rows[i].order);
        assert_non_null(arguments.config);
        if (rows[i].value == NULL) {
            assert_null(arguments.value);
        } else {
            assert_string_equal(arguments.value, rows[i].value);
        }
    }
    assert_int_equal(read_words((const char *[WORDS_MAX]){"--config", "x.conf"}, &arguments),
                     GO_ON);
    assert_string_equal(arguments.config, "x.conf");
}

static void every_mistake_names_the_word_and_the_remedy(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *says;
    } rows[] = {
        {{"start"}, "there are only options, and this is none: \"start\"; see "},
        {{"--odd"}, "unknown option \"--odd\"; see relaywarden-milter --help"},
        {{"-x"}, "unknown option \"-x\"; see "},
        {{"-tx"}, "unknown option \"-x\"; see "},
        {{"--config"}, "a value is missing after \"--config\"; give it as in --config FILE"},
        {{"--masked=1"}, "this option takes no value: \"--masked=1\"; leave it out"},
        {{"-t", "--masked"}, "not also \"--masked\"; give it and -t one after the other"},
        {{"--unmask", "192.0.2.1", "-t"}, "not also \"-t\"; give it and --unmask one after"},
        {{"--discover", "/etc/postfix"}, "\"/etc/postfix\"; a place is written as in --discover="},
        {{"\033[2J"}, "\"\\x1B[2J\"; see "},
    };
    struct arguments arguments;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(read_words(rows[i].words, &arguments), EX_USAGE);
        assert_non_null(strstr(said, rows[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_does_one_thing),
        cmocka_unit_test(every_mistake_names_the_word_and_the_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

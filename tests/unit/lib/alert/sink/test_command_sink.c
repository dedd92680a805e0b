#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/alert_sample.h"

struct place {
    char *folder;
    char script[256];
    char out[256];
    struct sink *sink;
    struct announcement announcement;
    char error[SINK_ERROR_SIZE];
};

/* A script of sh; $0.out is where it may write. */
static void write_script(const struct place *place, const char *text)
{
    FILE *file = fopen(place->script, "we");

    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", text);
    fclose(file);
    assert_int_equal(chmod(place->script, 0700), 0);
}

static struct sink *make_sink(char *path)
{
    static char second[] = "a b; $(touch /nonexistent) \"";
    char *arguments[] = {path, second};
    struct alert_settings settings = sample_settings;

    settings.command = arguments;
    settings.command_count = 2;
    return sink_command_new(
        &(struct sink_source){.identity = &sample_identity, .settings = &settings});
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct finding finding = sample_open_relay();

    assert_non_null(place);
    signal(SIGPIPE, SIG_IGN);
    place->folder = sample_folder();
    sample_path(place->folder, "script", place->script);
    sample_path(place->folder, "script.out", place->out);
    place->announcement = sample_announcement(&finding);
    place->sink = make_sink(place->script);
    assert_non_null(place->sink);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    place->sink->free(place->sink);
    sample_folder_remove(place->folder);
    free(place);
    return 0;
}

static int announce(struct place *place)
{
    place->error[0] = '\0';
    return place->sink->announce(place->sink, &place->announcement, place->error);
}

static void the_program_gets_the_finding_as_json_and_its_arguments_untouched(void **state)
{
    struct place *place = *state;

    write_script(place, "printf '%s\\n' \"$#\" \"$1\" > $0.out; cat >> $0.out");
    assert_int_equal(place->sink->open(place->sink, place->error), 0);
    assert_int_equal(announce(place), 0);
    char *text = sample_read_file(place->out);
    static const char head[] = "1\na b; $(touch /nonexistent) \"\n";
    assert_memory_equal(text, head, strlen(head));
    json_t *object = json_loads(text + strlen(head), 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "kind")), "open-relay");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(object, "evidence"), "recipient")),
        "<\"b c\"@example.com>");
    json_decref(object);
    free(text);
}

static void the_environment_is_clean_and_holds_only_words_and_numbers(void **state)
{
    struct place *place = *state;

    setenv("SECRET", "1", 1);
    write_script(place, "/usr/bin/env | grep -v '^PWD=\\|^_=' | sort > $0.out; pwd >> $0.out");
    assert_int_equal(announce(place), 0);
    char *text = sample_read_file(place->out);
    assert_string_equal(text, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                              "RELAYWARDEN_COUNT=1\n"
                              "RELAYWARDEN_INCIDENT=0123456789abcdef\n"
                              "RELAYWARDEN_KIND=open-relay\n"
                              "RELAYWARDEN_PROGRAM=relaywarden-milter\n"
                              "RELAYWARDEN_SEVERITY=critical\n"
                              "RELAYWARDEN_STATE=opened\n"
                              "/\n");
    free(text);
}

static void no_descriptor_and_no_signal_mask_is_inherited(void **state)
{
    struct place *place = *state;
    sigset_t all;
    sigset_t before;
    int left_open = dup(STDOUT_FILENO); /* not closed on exec */

    write_script(place, "ls /proc/$$/fd | tr '\\n' ' ' > $0.out;"
                        /* read is the shell's own: it blocks signals while it makes a process */
                        "while IFS= read -r line; do case $line in SigBlk*|SigIgn*)"
                        " echo \"$line\" >> $0.out;; esac; done < /proc/$$/status");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    assert_int_equal(announce(place), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(left_open);
    char *text = sample_read_file(place->out);
    /* 10 or 255 is where the shell keeps its script. */
    assert_true(strncmp(text, "0 1 10 2 \n", 9) == 0 || strncmp(text, "0 1 2 255 ", 10) == 0);
    assert_non_null(strstr(text, "SigBlk:\t0000000000000000\n"));
    /* The C library keeps two real-time signals to itself. */
    const char *ignored = strstr(text, "SigIgn:\t");
    assert_non_null(ignored);
    assert_int_equal(strtoull(ignored + 8, NULL, 16) & ~0x180000000ULL, 0);
    free(text);
}

static void a_failure_names_the_code_and_the_first_line_of_its_error(void **state)
{
    struct place *place = *state;

    write_script(place, "printf 'no\\033[2J route\\nmore\\n' >&2; exit 7");
    assert_int_equal(announce(place), -1);
    assert_non_null(strstr(place->error, "ended with code 7: no\\x1B[2J route"));
    assert_null(strstr(place->error, "more"));
    assert_int_equal(place->sink->lost, 1);
    write_script(place, "kill -TERM $$");
    assert_int_equal(announce(place), -1);
    assert_non_null(strstr(place->error, "was ended by signal 15"));
}

static void a_program_that_is_missing_is_told_at_the_opening(void **state)
{
    struct place *place = *state;

    assert_int_equal(place->sink->open(place->sink, place->error), -1);
    assert_non_null(strstr(place->error, "cannot run /tmp/"));
    assert_int_equal(announce(place), -1);
    assert_non_null(strstr(place->error, "No such file or directory"));
}

static void a_program_that_does_not_read_or_closes_all_is_no_trouble(void **state)
{
    struct place *place = *state;

    write_script(place, "exec <&- >&- 2>&-; exit 0");
    for (int i = 0; i < 20; i++)
        assert_int_equal(announce(place), 0);
}

/* The number that the script wrote. */
static pid_t read_pid(const struct place *place)
{
    char *text = sample_read_file(place->out);
    pid_t process = (pid_t)strtol(text, NULL, 10);

    free(text);
    return process;
}

static void wait_until_gone(pid_t process)
{
    const struct timespec pause = {0, 10000000};

    assert_true(process > 1);
    for (int i = 0; i < 2000 && kill(process, 0) == 0; i++) {
        char path[64];
        char text[256] = "";

        /* An orphan may stay a zombie until its new parent reaps it. */
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
        FILE *file = fopen(path, "re");
        if (file == NULL)
            return;
        size_t got = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
        if (got > 0 && strstr(text, ") Z ") != NULL)
            return;
        nanosleep(&pause, NULL);
    }
    assert_int_equal(kill(process, 0), -1);
}

static void what_the_program_leaves_behind_is_killed(void **state)
{
    struct place *place = *state;

    write_script(place, "sleep 1000 & echo $! > $0.out; exit 0");
    assert_int_equal(announce(place), 0);
    wait_until_gone(read_pid(place));
}

static void *interrupt_soon(void *argument)
{
    struct place *place = argument;
    const struct timespec pause = {0, 10000000};

    for (int i = 0; i < 2000 && access(place->out, F_OK) != 0; i++)
        nanosleep(&pause, NULL);
    place->sink->interrupt(place->sink);
    return NULL;
}

static void a_hanging_program_is_killed_with_its_children_when_interrupted(void **state)
{
    struct place *place = *state;
    pthread_t thread;

    write_script(place, "trap '' TERM; sleep 1000 & echo $! > $0.new; mv $0.new $0.out; wait");
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, place), 0);
    assert_int_equal(announce(place), -1);
    pthread_join(thread, NULL);
    assert_non_null(strstr(place->error, "was killed because this program stops"));
    wait_until_gone(read_pid(place));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_program_gets_the_finding_as_json_and_its_arguments_untouched),
        TEST(the_environment_is_clean_and_holds_only_words_and_numbers),
        TEST(no_descriptor_and_no_signal_mask_is_inherited),
        TEST(a_failure_names_the_code_and_the_first_line_of_its_error),
        TEST(a_program_that_is_missing_is_told_at_the_opening),
        TEST(a_program_that_does_not_read_or_closes_all_is_no_trouble),
        TEST(what_the_program_leaves_behind_is_killed),
        TEST(a_hanging_program_is_killed_with_its_children_when_interrupted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

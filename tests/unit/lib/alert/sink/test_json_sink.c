#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/alert_sample.h"
#include "tests/unit/sink_place.h"

static int set_up(void **state)
{
    struct sink_place *place = sink_place_new(false);
    struct alert_settings settings = sample_settings;

    settings.json_path = place->path;
    place->sink = sink_json_new(&(struct sink_source){
        .identity = &sample_identity, .settings = &settings, .syslog_socket = NULL});
    assert_non_null(place->sink);
    *state = place;
    return 0;
}

static int announce(struct sink_place *place, uint64_t count)
{
    struct finding finding = sample_open_relay();

    finding.count = count;
    struct announcement announcement = sample_announcement(&finding);
    place->error[0] = '\0';
    return place->sink->announce(place->sink, &announcement, place->error);
}

/* The counts of the lines that are whole, as "1 2 "; what is no JSON shows as "? ". */
static const char *counts(const char *path, char out[64])
{
    char *text = sample_read_file(path);
    char *rest = text;

    out[0] = '\0';
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        json_t *object = json_loads(line, 0, NULL);
        size_t used = strlen(out);

        if (object != NULL)
            snprintf(out + used, 64 - used, "%d ",
                     (int)json_integer_value(json_object_get(object, "count")));
        else if (line[0] != '\0')
            snprintf(out + used, 64 - used, "? ");
        json_decref(object);
    }
    free(text);
    return out;
}

static void each_announcement_is_one_line_at_the_end(void **state)
{
    struct sink_place *place = *state;
    char got[64];
    struct stat status;

    umask(022);
    assert_int_equal(announce(place, 1), 0);
    assert_int_equal(announce(place, 2), 0);
    assert_string_equal(counts(place->path, got), "1 2 ");
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    char *text = sample_read_file(place->path);
    assert_memory_equal(text, "{\"time\":\"2026-11-22T01:02:03Z\",\"program\":", 41);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
}

static void a_rotated_file_is_left_alone(void **state)
{
    struct sink_place *place = *state;
    char rotated[256];
    char got[64];

    sample_path(place->folder, "alerts.json.1", rotated);
    assert_int_equal(announce(place, 1), 0);
    assert_int_equal(rename(place->path, rotated), 0);
    assert_int_equal(announce(place, 2), 0);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(announce(place, 3), 0);
    assert_string_equal(counts(rotated, got), "1 ");
    assert_string_equal(counts(place->path, got), "3 ");
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void half_a_line_of_an_earlier_run_is_ended_first(void **state)
{
    struct sink_place *place = *state;
    char got[64];

    write_file(place->path, "{\"count\":7}\n{\"cou");
    assert_int_equal(announce(place, 1), 0);
    assert_int_equal(announce(place, 2), 0);
    assert_string_equal(counts(place->path, got), "7 ? 1 2 ");
}

static void a_full_disk_never_joins_two_lines(void **state)
{
    struct sink_place *place = *state;
    struct rlimit before;
    struct stat status;
    char got[64];

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(announce(place, 1), 0);
    assert_int_equal(stat(place->path, &status), 0);
    struct rlimit tight = {(rlim_t)status.st_size + 100, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int first = announce(place, 2);
    char why[SINK_ERROR_SIZE];
    memcpy(why, place->error, sizeof(why));
    int second = announce(place, 3);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    assert_int_equal(first, -1);
    assert_int_equal(second, -1);
    assert_non_null(strstr(why, place->path));
    assert_int_equal(place->sink->lost, 2);
    assert_int_equal(announce(place, 4), 0);
    assert_int_equal(announce(place, 5), 0);
    assert_string_equal(counts(place->path, got), "1 ? 4 5 ");
}

static void two_programs_can_write_to_one_file(void **state)
{
    struct sink_place *place = *state;
    struct alert_settings settings = sample_settings;
    char got[64];

    settings.json_path = place->path;
    struct sink *other = sink_json_new(&(struct sink_source){
        .identity = &sample_identity, .settings = &settings, .syslog_socket = NULL});
    assert_non_null(other);
    struct finding finding = sample_open_relay();
    struct announcement announcement = sample_announcement(&finding);
    assert_int_equal(announce(place, 2), 0);
    assert_int_equal(other->announce(other, &announcement, place->error), 0);
    assert_int_equal(announce(place, 3), 0);
    assert_string_equal(counts(place->path, got), "2 1 3 ");
    other->free(other);
}

static void what_is_not_a_regular_file_is_refused_without_waiting(void **state)
{
    struct sink_place *place = *state;

    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_int_equal(announce(place, 1), -1);
    assert_non_null(strstr(place->error, place->path));

    int reader = open(place->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    assert_int_equal(announce(place, 1), -1);
    assert_non_null(strstr(place->error, "not a regular file"));
    close(reader);

    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(mkdir(place->path, 0700), 0);
    assert_int_equal(announce(place, 1), -1);
    assert_int_equal(place->sink->lost, 3);

    assert_int_equal(rmdir(place->path), 0);
    assert_int_equal(announce(place, 1), 0);
}

static void the_file_is_opened_before_the_first_alert(void **state)
{
    struct sink_place *place = *state;
    struct stat status;

    assert_int_equal(place->sink->open(place->sink, place->error), 0);
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_size, 0);
    assert_int_equal(announce(place, 1), 0);

    struct alert_settings settings = sample_settings;
    char path[256] = "/nonexistent/alerts.json";
    settings.json_path = path;
    struct sink *wrong = sink_json_new(&(struct sink_source){
        .identity = &sample_identity, .settings = &settings, .syslog_socket = NULL});
    assert_non_null(wrong);
    assert_int_equal(wrong->open(wrong, place->error), -1);
    assert_non_null(strstr(place->error, "cannot open /nonexistent/alerts.json"));
    assert_int_equal(wrong->lost, 0);
    wrong->free(wrong);
}

/* Standard output is a pipe meanwhile, which holds less than is written to it. */
static void standard_output_gets_whole_lines_however_slowly_it_is_read(void **state)
{
    struct sink_place *place = *state;
    int before = dup(STDOUT_FILENO);
    struct alert_settings settings = sample_settings;
    char path[] = "-";
    char got[2048];
    size_t lines = 0;
    int ends[2];

    settings.json_path = path;
    fflush(stdout);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
    pid_t reader = fork();
    assert_true(reader >= 0);
    if (reader == 0) {
        close(ends[1]);
        for (ssize_t length; (length = read(ends[0], got, 16)) > 0;) {
            for (ssize_t i = 0; i < length; i++) {
                lines += got[i] == '\n';
            }
        }
        _exit((int)lines);
    }
    close(ends[0]);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
    place->sink->free(place->sink);
    place->sink =
        sink_json_new(&(struct sink_source){.identity = &sample_identity, .settings = &settings});
    int opened = place->sink->open(place->sink, place->error);
    int failed = 0;
    for (int i = 0; i < 20; i++) {
        failed += announce(place, 1) != 0;
    }
    place->sink->free(place->sink);
    place->sink = NULL;
    bool still_open = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    dup2(before, STDOUT_FILENO);
    close(before);
    int status = 0;
    waitpid(reader, &status, 0);
    assert_int_equal(opened, 0);
    assert_int_equal(failed, 0);
    assert_true(still_open);
    assert_int_equal(WEXITSTATUS(status), 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, sink_place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_announcement_is_one_line_at_the_end),
        TEST(the_file_is_opened_before_the_first_alert),
        TEST(standard_output_gets_whole_lines_however_slowly_it_is_read),
        TEST(a_rotated_file_is_left_alone),
        TEST(half_a_line_of_an_earlier_run_is_ended_first),
        TEST(a_full_disk_never_joins_two_lines),
        TEST(two_programs_can_write_to_one_file),
        TEST(what_is_not_a_regular_file_is_refused_without_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

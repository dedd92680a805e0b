/* A file that its readers only ever see whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/atomic_file.h"
#include "tests/unit/alert_sample.h"

#define LONG_SIZE (1UL << 20)
#define KILLS     40

struct place {
    char *folder;
    char path[256];
    char draft[256];
    struct atomic_file file;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->folder = sample_folder();
    sample_path(place->folder, "shown", place->path);
    sample_path(place->folder, ".shown", place->draft);
    place->file = (struct atomic_file){
        .path = place->path, .draft = place->draft, .mode = 0640, .durable = true};
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    sample_folder_remove(place->folder);
    free(place);
    return 0;
}

static bool write_it(const struct place *place, const char *text)
{
    return atomic_file_write(&place->file, text, strlen(text));
}

static void expect(const struct place *place, const char *text)
{
    char *there = sample_read_file(place->path);

    assert_string_equal(there, text);
    free(there);
    assert_int_equal(access(place->draft, F_OK), -1);
}

static void a_file_is_replaced_and_has_its_mode_whatever_the_umask(void **state)
{
    struct place *place = *state;
    struct stat status;

    umask(077);
    assert_true(write_it(place, "one, which is longer"));
    expect(place, "one, which is longer");
    assert_true(write_it(place, "two"));
    expect(place, "two");
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void what_cannot_be_written_leaves_the_file_as_it_was(void **state)
{
    struct place *place = *state;
    const struct rlimit before = {RLIM_INFINITY, RLIM_INFINITY};
    const char *const text = "what does not fit";

    assert_true(write_it(place, "one"));
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t room = 0; room < strlen(text); room++) {
        const struct rlimit small = {room, RLIM_INFINITY};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        errno = 0;
        bool written = write_it(place, text);
        int why = errno;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_false(written);
        assert_int_equal(why, EFBIG);
        expect(place, "one");
    }
}

/* What reaches the disk, and when: 'f'ile, 'd'irectory, and the 'r'ename. */
static char order[8];
static size_t ordered;

static void note(char what)
{
    if (ordered + 1 < sizeof(order)) {
        order[ordered++] = what;
    }
}

static const char *take_order(void)
{
    order[ordered] = '\0';
    ordered = 0;
    return order;
}

int fsync(int descriptor)
{
    struct stat status;

    assert_int_equal(fstat(descriptor, &status), 0);
    note(S_ISDIR(status.st_mode) ? 'd' : 'f');
    return (int)syscall(SYS_fsync, descriptor);
}

int rename(const char *from, const char *to)
{
    note('r');
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void
a_loss_of_power_leaves_the_old_file_or_the_new_one_and_this_once_it_is_written(void **state)
{
    struct place *place = *state;

    (void)take_order();
    assert_true(write_it(place, "one"));
    assert_string_equal(take_order(), "frd");
    place->file.durable = false;
    assert_true(write_it(place, "two"));
    assert_string_equal(take_order(), "r");
}

static void a_directory_that_is_missing_is_an_error(void **state)
{
    struct place *place = *state;

    place->file.path = "/nonexistent/shown";
    place->file.draft = "/nonexistent/.shown";
    assert_false(write_it(place, "one"));
    assert_int_equal(errno, ENOENT);
}

static void what_stands_in_the_drafts_place_is_not_written_through(void **state)
{
    struct place *place = *state;
    char other[256];

    sample_path(place->folder, "other", other);
    assert_int_equal(symlink(other, place->draft), 0);
    assert_false(write_it(place, "one"));
    assert_int_equal(errno, ELOOP);
    assert_int_equal(access(other, F_OK), -1);
    /* It was taken away: the next attempt succeeds. */
    assert_true(write_it(place, "two"));
    assert_int_equal(mkfifo(place->draft, 0600), 0);
    assert_false(write_it(place, "three"));
    assert_int_equal(errno, ENXIO);
    expect(place, "two");
}

static void what_a_killed_writer_left_is_written_over(void **state)
{
    struct place *place = *state;
    FILE *left = fopen(place->draft, "we");

    assert_non_null(left);
    assert_true(fputs("half of something that was longer than what comes now", left) >= 0);
    assert_int_equal(fclose(left), 0);
    assert_true(write_it(place, "one"));
    expect(place, "one");
}

static _Noreturn void write_for_ever(const struct place *place, char *text)
{
    for (char letter = 'a';; letter = letter == 'z' ? 'a' : (char)(letter + 1)) {
        memset(text, letter, LONG_SIZE);
        if (!atomic_file_write(&place->file, text, LONG_SIZE)) {
            _exit(1);
        }
    }
}

/* Not in one of the moments that are chosen here is there less, or a mixture of two. */
static void a_writer_that_is_killed_at_any_moment_leaves_a_whole_file(void **state)
{
    struct place *place = *state;
    char *text = malloc(LONG_SIZE);

    assert_non_null(text);
    place->file.durable = false; /* more writing, less waiting */
    memset(text, '-', LONG_SIZE);
    assert_true(atomic_file_write(&place->file, text, LONG_SIZE));
    for (int i = 0; i < KILLS; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            write_for_ever(place, text);
        }
        usleep((useconds_t)(1000 + 731 * i % 20000));
        int status;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        char *there = sample_read_file(place->path);
        assert_int_equal(strlen(there), LONG_SIZE);
        char all[] = {there[0], '\0'};
        assert_int_equal(strspn(there, all), LONG_SIZE);
        free(there);
    }
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_replaced_and_has_its_mode_whatever_the_umask),
        TEST(what_cannot_be_written_leaves_the_file_as_it_was),
        TEST(a_loss_of_power_leaves_the_old_file_or_the_new_one_and_this_once_it_is_written),
        TEST(a_directory_that_is_missing_is_an_error),
        TEST(what_stands_in_the_drafts_place_is_not_written_through),
        TEST(what_a_killed_writer_left_is_written_over),
        TEST(a_writer_that_is_killed_at_any_moment_leaves_a_whole_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

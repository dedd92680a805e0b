/* What stands in the way of the milter's socket, and who may use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "milter/socket.h"
#include "tests/unit/alert_sample.h"

static char *folder;
static char path[256];    /* in it */
static char setting[300]; /* "unix:" and the path */
static char error[SOCKET_ERROR_SIZE];

static int make_folder(void **state)
{
    (void)state;
    folder = sample_folder();
    sample_path(folder, "milter.sock", path);
    snprintf(setting, sizeof setting, "unix:%s", path);
    error[0] = '\0';
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    sample_folder_remove(folder);
    return 0;
}

static struct sockaddr_un address_of(const char *of)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_true(strlen(of) < sizeof address.sun_path);
    memcpy(address.sun_path, of, strlen(of));
    return address;
}

/* A socket at `path`; nobody listens yet. */
static int bind_socket(int type)
{
    const struct sockaddr_un address = address_of(path);
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    assert_true(descriptor >= 0);
    assert_int_equal(bind(descriptor, (const struct sockaddr *)&address, sizeof address), 0);
    return descriptor;
}

static int connect_socket(void)
{
    const struct sockaddr_un address = address_of(path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(descriptor >= 0);
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof address) != 0) {
        assert_int_equal(errno, EAGAIN);
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static void write_file(const char *name)
{
    FILE *file = fopen(name, "we");

    assert_non_null(file);
    assert_true(fputs("precious\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void expect_refused(const char *words)
{
    assert_false(socket_check(setting, error));
    if (strstr(error, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, error);
    }
}

static void the_path_is_read_from_the_setting(void **state)
{
    (void)state;
    assert_string_equal(socket_unix_path("unix:/run/a.sock"), "/run/a.sock");
    assert_string_equal(socket_unix_path("local:/run/a.sock"), "/run/a.sock");
    assert_string_equal(socket_unix_path("/run/a.sock"), "/run/a.sock");
    assert_null(socket_unix_path("inet:8890@127.0.0.1"));
    assert_null(socket_unix_path("inet6:8890@::1"));
}

static void a_free_path_is_fine(void **state)
{
    (void)state;
    assert_true(socket_check(setting, error));
    assert_int_equal(access(path, F_OK), -1);
}

static void tcp_has_no_path_to_look_at(void **state)
{
    (void)state;
    const struct socket_access access = {"no-such-group", 0660};

    assert_true(socket_check("inet:8890@127.0.0.1", error));
    assert_true(socket_grant("inet:8890@127.0.0.1", &access, error));
    assert_string_equal(error, "");
}

static void a_missing_directory_is_told_with_what_to_do(void **state)
{
    (void)state;
    snprintf(setting, sizeof setting, "unix:%s/missing/milter.sock", folder);
    expect_refused("/missing does not exist: create it (mkdir");
}

static void a_file_for_a_directory_is_told(void **state)
{
    (void)state;
    write_file(path);
    snprintf(setting, sizeof setting, "unix:%s/milter.sock", path);
    expect_refused("/milter.sock does not exist: create it");
}

static void a_path_may_be_as_long_as_a_socket_allows_and_no_longer(void **state)
{
    (void)state;
    const size_t longest = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    char name[200];

    memset(name, 'x', sizeof name);
    snprintf(setting, sizeof setting, "unix:%s/%.*s", folder, (int)(longest - strlen(folder) - 1),
             name);
    assert_int_equal(strlen(socket_unix_path(setting)), longest);
    assert_true(socket_check(setting, error));
    setting[strlen("unix:") + longest] = 'x';
    setting[strlen("unix:") + longest + 1] = '\0';
    expect_refused("longer than a UNIX socket allows (107): shorten /");
}

static void a_plain_file_in_the_way_is_left_alone(void **state)
{
    (void)state;
    struct stat status;

    write_file(path);
    expect_refused("milter.sock exists and is no socket: move it away");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, strlen("precious\n"));
}

static void a_link_in_the_way_is_not_followed(void **state)
{
    (void)state;
    char other[256];

    assert_int_equal(symlink(sample_path(folder, "elsewhere.sock", other), path), 0);
    expect_refused("milter.sock exists and is no socket");
}

static void a_stale_socket_is_fine(void **state)
{
    (void)state;
    close(bind_socket(SOCK_STREAM));
    assert_int_equal(access(path, F_OK), 0);
    assert_true(socket_check(setting, error));
}

static void a_socket_that_is_served_is_not_taken(void **state)
{
    (void)state;
    int listener = bind_socket(SOCK_STREAM);

    assert_int_equal(listen(listener, 8), 0);
    expect_refused("another process is serving on /");
    close(listener);
    assert_true(socket_check(setting, error));
}

static void a_socket_with_a_full_backlog_is_served(void **state)
{
    (void)state;
    int listener = bind_socket(SOCK_STREAM);
    int waiting[8];
    size_t count = 0;

    assert_int_equal(listen(listener, 0), 0);
    while (count < 8 && (waiting[count] = connect_socket()) >= 0) {
        count++;
    }
    assert_true(count < 8);
    expect_refused("another process is serving on /");
    while (count > 0) {
        close(waiting[--count]);
    }
    close(listener);
}

static void an_unknown_group_is_told_with_what_to_do(void **state)
{
    (void)state;
    const struct socket_access access = {"no-such-group", 0660};
    int listener = bind_socket(SOCK_STREAM);

    assert_false(socket_grant(setting, &access, error));
    assert_non_null(strstr(error, "\"no-such-group\" of option socket_group does not exist"));
    close(listener);
}

/* One that this process is not in by default, if it may give files away. */
static const struct group *another_group(void)
{
    const struct group *group = geteuid() == 0 ? getgrnam("daemon") : getgrgid(getegid());

    assert_non_null(group);
    return group;
}

static void group_and_mode_are_set(void **state)
{
    (void)state;
    const struct group *group = another_group();
    gid_t wanted = group->gr_gid;
    char name[64];
    struct stat status;
    int listener = bind_socket(SOCK_STREAM);

    snprintf(name, sizeof name, "%s", group->gr_name);
    assert_true(socket_grant(setting, &(struct socket_access){name, 0660}, error));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_gid, wanted);
    assert_int_equal(status.st_mode & 07777, 0660);

    /* No group: it stays as it is. */
    assert_true(socket_grant(setting, &(struct socket_access){"", 0600}, error));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_gid, wanted);
    assert_int_equal(status.st_mode & 07777, 0600);
    close(listener);
}

static void a_socket_that_went_away_cannot_be_granted(void **state)
{
    (void)state;
    struct socket_access access = {another_group()->gr_name, 0660};

    assert_false(socket_grant(setting, &access, error));
    assert_non_null(strstr(error, "No such file or directory (start as root, or set socket_group"));
    access.group = "";
    assert_false(socket_grant(setting, &access, error));
    assert_non_null(strstr(error, "cannot set mode 0660 on /"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_path_is_read_from_the_setting),
        TEST(a_free_path_is_fine),
        TEST(tcp_has_no_path_to_look_at),
        TEST(a_missing_directory_is_told_with_what_to_do),
        TEST(a_file_for_a_directory_is_told),
        TEST(a_path_may_be_as_long_as_a_socket_allows_and_no_longer),
        TEST(a_plain_file_in_the_way_is_left_alone),
        TEST(a_link_in_the_way_is_not_followed),
        TEST(a_stale_socket_is_fine),
        TEST(a_socket_that_is_served_is_not_taken),
        TEST(a_socket_with_a_full_backlog_is_served),
        TEST(an_unknown_group_is_told_with_what_to_do),
        TEST(group_and_mode_are_set),
        TEST(a_socket_that_went_away_cannot_be_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The milter's socket: obstacles in its way, and who may use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "milter/service/socket.h"
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
    snprintf(setting, sizeof(setting), "unix:%s", path);
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

    assert_true(strlen(of) < sizeof(address.sun_path));
    memcpy(address.sun_path, of, strlen(of));
    return address;
}

/* A socket at `path`; nobody listens yet. */
static int bind_socket(int type)
{
    const struct sockaddr_un address = address_of(path);
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    assert_true(descriptor >= 0);
    assert_int_equal(bind(descriptor, (const struct sockaddr *)&address, sizeof(address)), 0);
    return descriptor;
}

static int connect_socket(void)
{
    const struct sockaddr_un address = address_of(path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(descriptor >= 0);
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0) {
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
    assert_true(socket_check("inet:0@127.0.0.1", error));
    assert_true(socket_grant("inet:0@127.0.0.1", "no-such-group", error));
    assert_true(socket_is_reachable("inet:0@127.0.0.1", "no-such-group"));
    assert_string_equal(error, "");
}

static void a_tcp_address_that_cannot_be_had_is_told_with_the_reason(void **state)
{
    (void)state;
    struct sockaddr_in taken = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(taken);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (const struct sockaddr *)&taken, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&taken, &length), 0);
    snprintf(setting, sizeof(setting), "inet:%d@127.0.0.1", ntohs(taken.sin_port));
    expect_refused("Address already in use");
    close(listener);
    snprintf(setting, sizeof(setting), "inet:8890@192.0.2.1");
    expect_refused("cannot listen on inet:8890@192.0.2.1");
}

static void a_missing_directory_is_told_with_what_to_do(void **state)
{
    (void)state;
    snprintf(setting, sizeof(setting), "unix:%s/missing/milter.sock", folder);
    expect_refused("/missing does not exist: create it (install -d");
}

static void a_file_for_a_directory_is_told(void **state)
{
    (void)state;
    write_file(path);
    snprintf(setting, sizeof(setting), "unix:%s/milter.sock", path);
    expect_refused("/milter.sock does not exist: create it");
}

static void a_path_may_be_as_long_as_a_socket_allows_and_no_longer(void **state)
{
    (void)state;
    const size_t longest = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    char name[200];

    memset(name, 'x', sizeof(name));
    snprintf(setting, sizeof(setting), "unix:%s/%.*s", folder, (int)(longest - strlen(folder) - 1),
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
    int listener = bind_socket(SOCK_STREAM);

    assert_false(socket_grant(setting, "no-such-group", error));
    assert_non_null(strstr(error, "\"no-such-group\" of option socket_group does not exist"));
    close(listener);
}

/* One that this process is not in by default, if it may give files away. */
static const struct group *another_group(void)
{
    const struct group *group = getgrnam("daemon");

    assert_non_null(group);
    return group;
}

static void the_group_is_set_and_the_mode_left(void **state)
{
    (void)state;
    const struct group *group = another_group();
    gid_t wanted = group->gr_gid;
    char name[64];
    struct stat before;
    struct stat status;
    int listener = bind_socket(SOCK_STREAM);

    snprintf(name, sizeof(name), "%s", group->gr_name);
    assert_int_equal(stat(path, &before), 0);
    assert_true(socket_grant(setting, name, error));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_gid, wanted);
    assert_int_equal(status.st_mode, before.st_mode);

    /* No group: it stays as it is. */
    assert_true(socket_grant(setting, "", error));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_gid, wanted);
    close(listener);
}

/* The directory belongs to the milter's user, who must not have root change other files. */
static void a_link_in_the_place_of_the_socket_is_not_granted(void **state)
{
    (void)state;
    char other[256];
    struct stat before;
    struct stat after;

    write_file(sample_path(folder, "victim", other));
    assert_int_equal(stat(other, &before), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_false(socket_grant(setting, another_group()->gr_name, error));
    assert_int_equal(stat(other, &after), 0);
    assert_int_equal(before.st_gid, after.st_gid);
    assert_int_equal(before.st_mode, after.st_mode);
}

static void a_directory_that_the_group_cannot_enter_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(chmod(folder, 0700), 0);
    assert_false(socket_is_reachable(setting, another_group()->gr_name));
    assert_int_equal(chmod(folder, 0711), 0);
    assert_true(socket_is_reachable(setting, another_group()->gr_name));
    assert_int_equal(chmod(folder, 0700), 0);
}

static void a_socket_that_went_away_cannot_be_granted(void **state)
{
    (void)state;
    assert_false(socket_grant(setting, another_group()->gr_name, error));
    assert_non_null(strstr(error, "is not there any more: No such file or directory"));
    assert_true(socket_grant(setting, "", error));
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
        TEST(the_group_is_set_and_the_mode_left),
        TEST(a_link_in_the_place_of_the_socket_is_not_granted),
        TEST(a_directory_that_the_group_cannot_enter_is_noticed),
        TEST(a_tcp_address_that_cannot_be_had_is_told_with_the_reason),
        TEST(a_socket_that_went_away_cannot_be_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

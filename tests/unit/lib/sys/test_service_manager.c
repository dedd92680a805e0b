/* A service manager's view, at a real socket. */
#include "lib/sys/service_manager.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int listen_at(const struct sockaddr_un *address, size_t path_length)
{
    int listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length)),
                     0);
    return listener;
}

static void assert_hears(int listener, const char *wanted)
{
    char heard[1024];
    ssize_t length = recv(listener, heard, sizeof(heard) - 1, MSG_DONTWAIT);

    assert_true(length >= 0);
    heard[length] = '\0';
    assert_string_equal(heard, wanted);
}

static void a_message_comes_to_the_socket_that_the_environment_names(void **state)
{
    char folder[] = "/tmp/notify.XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    int listener = listen_at(&address, strlen(address.sun_path));
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    service_manager_tell("READY=%d", 1);
    assert_hears(listener, "READY=1");
    close(listener);
    unlink(address.sun_path);
    rmdir(folder);
}

static void an_abstract_socket_is_found_too(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];

    (void)state;
    snprintf(name, sizeof(name), "@relaywarden-test-%ld", (long)getpid());
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    int listener = listen_at(&address, strlen(name));
    setenv("NOTIFY_SOCKET", name, 1);
    service_manager_tell("STATUS=%s", "so");
    assert_hears(listener, "STATUS=so");
    close(listener);
}

static void without_a_socket_that_is_one_nothing_happens(void **state)
{
    char path[300];

    (void)state;
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    const char *const places[] = {"", "/", "relative", "vsock:2:1", "/nonexistent/socket", path};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        setenv("NOTIFY_SOCKET", places[i], 1);
        service_manager_tell("READY=1");
    }
    unsetenv("NOTIFY_SOCKET");
    service_manager_tell("READY=1");
}

static void the_watchdogs_time_is_this_process_own(void **state)
{
    char pid[32];

    (void)state;
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(service_manager_watchdog(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(service_manager_watchdog(), 30000000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(service_manager_watchdog(), 0);
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(service_manager_watchdog(), 30000000);
    setenv("WATCHDOG_USEC", "30s", 1);
    assert_int_equal(service_manager_watchdog(), 0);
    setenv("WATCHDOG_USEC", "99999999999999999999999", 1);
    assert_int_equal(service_manager_watchdog(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_to_the_socket_that_the_environment_names),
        cmocka_unit_test(an_abstract_socket_is_found_too),
        cmocka_unit_test(the_watchdogs_time_is_this_process_own),
        cmocka_unit_test(without_a_socket_that_is_one_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

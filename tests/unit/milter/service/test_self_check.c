/* pulse: a filter that answers is told from one that hangs, is gone, or speaks something else. */
#include <pthread.h>
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

#include "milter/service/self_check.h"

#define LIMIT_MS 200

/* A listener, and what it says to whoever negotiates. */
struct listener {
    char folder[32];
    char path[64];
    char socket[80]; /* as configured */
    int descriptor;
    const unsigned char *reply;
    size_t reply_length;
    unsigned char heard[64];
    ssize_t heard_length;
    pthread_t thread;
};

static int set_up(void **state)
{
    struct listener *self = test_calloc(1, sizeof(*self));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(self->folder, sizeof(self->folder), "/tmp/pulse.XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->path, sizeof(self->path), "%s/sock", self->folder);
    snprintf(self->socket, sizeof(self->socket), "unix:%s", self->path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", self->path);
    self->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(self->descriptor, 4), 0);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct listener *self = *state;

    close(self->descriptor);
    unlink(self->path);
    rmdir(self->folder);
    test_free(self);
    return 0;
}

static void *answer(void *argument)
{
    struct listener *self = argument;
    int connection = accept(self->descriptor, NULL, NULL);

    self->heard_length = recv(connection, self->heard, sizeof(self->heard), 0);
    send(connection, self->reply, self->reply_length, MSG_NOSIGNAL);
    close(connection);
    return NULL;
}

static bool beats_with(struct listener *self, const void *reply, size_t length)
{
    self->reply = reply;
    self->reply_length = length;
    assert_int_equal(pthread_create(&self->thread, NULL, answer, self), 0);
    bool beats = self_check_beats(self->socket, 5000);
    pthread_join(self->thread, NULL);
    return beats;
}

static void a_filter_that_negotiates_is_alive(void **state)
{
    static const unsigned char reply[] = {0, 0, 0, 13, 'O', 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0};
    struct listener *self = *state;

    assert_true(beats_with(self, reply, sizeof(reply)));
    assert_int_equal(self->heard_length, 17);
    assert_int_equal(self->heard[3], 13);
    assert_int_equal(self->heard[4], 'O');
    assert_int_equal(self->heard[8], 6);
}

static void one_that_takes_the_connection_and_says_nothing_is_not(void **state)
{
    struct listener *self = *state;

    assert_false(self_check_beats(self->socket, LIMIT_MS));
}

static void one_that_hangs_up_or_speaks_something_else_is_not(void **state)
{
    struct listener *self = *state;

    assert_false(beats_with(self, "", 0));
    assert_false(beats_with(self, "220 ready\r\n", 11));
    assert_false(beats_with(self, "\0\0\0", 3));
}

static void one_that_is_not_there_is_not(void **state)
{
    struct listener *self = *state;

    assert_false(self_check_beats("unix:/nonexistent/milter.sock", LIMIT_MS));
    assert_false(self_check_beats("inet:1@127.0.0.1", LIMIT_MS));
    close(self->descriptor);
    self->descriptor = -1;
    assert_false(self_check_beats(self->socket, LIMIT_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_filter_that_negotiates_is_alive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_takes_the_connection_and_says_nothing_is_not,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_hangs_up_or_speaks_something_else_is_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_not_there_is_not, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

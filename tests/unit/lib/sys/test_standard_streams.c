/* A program that is started with standard streams closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/standard_streams.h"

/* In a child, since this program's own output is at stake. Its exit code names the first promise
 * that is broken. */
static int without(unsigned int closed)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        int nothing = fcntl(open("/dev/null", O_RDWR), F_DUPFD, 10);
        for (int stream = 0; stream <= 2; stream++) {
            dup2(nothing, stream);
        }
        for (int stream = 0; stream <= 2; stream++) {
            if ((closed >> stream & 1U) != 0) {
                close(stream);
            }
        }
        if (!standard_streams_keep()) {
            _exit(1);
        }
        for (int stream = 0; stream <= 2; stream++) {
            int flags = fcntl(stream, F_GETFL);
            bool was_closed = (closed >> stream & 1U) != 0;
            if (flags < 0 || (flags & O_ACCMODE) != (was_closed ? O_RDONLY : O_RDWR)) {
                _exit(2 + stream);
            }
            errno = 0;
            if (was_closed && (write(stream, "x", 1) != -1 || errno != EBADF)) {
                _exit(5 + stream);
            }
        }
        _exit(open("/dev/null", O_RDONLY) > 2 ? 0 : 8);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_no_file_becomes_a_closed_standard_stream(void **state)
{
    (void)state;
    for (unsigned int closed = 0; closed < 8; closed++) {
        assert_int_equal(without(closed), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_file_becomes_a_closed_standard_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Nothing is inherited: no descriptor but the three, no signal mask, no variable. The program has
 * RUNNER_SECONDS; then, or when it has ended and left others behind, its whole process group is
 * killed. */
#include "lib/alert/sink/runner.h"
#include "lib/sys/children.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/printable.h"
#include "lib/sys/thread.h"

#define HEARD_SIZE 161 /* of what it says on standard error */

/* One run of the program. */
struct run {
    pid_t process;
    int watched; /* a pidfd: readable when it has ended */
    int input;   /* what we write to; -1: all is written */
    int heard;   /* its standard error; -1: closed */
    const char *text;
    size_t left;
    size_t heard_length;
    char heard_text[HEARD_SIZE];
};

static void close_one(int *descriptor)
{
    if (*descriptor >= 0) {
        close(*descriptor);
    }
    *descriptor = -1;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* In a process group of its own, with no signal blocked or ignored, in /, and with no descriptor
 * but the three. 0, or an errno. */
static int spawn(const struct runner *self, const struct runner_order *order, const int input[2],
                 const int heard[2], pid_t *process)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;

    sigemptyset(&none);
    sigfillset(&all);
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0) {
        return failure;
    }
    failure = posix_spawnattr_init(&attributes);
    if (failure != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return failure;
    }
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    if ((failure = posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO)) == 0 &&
        (failure = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY,
                                                    0)) == 0 &&
        (failure = posix_spawn_file_actions_adddup2(&actions, heard[1], STDERR_FILENO)) == 0 &&
        (failure = children_close_others(&actions)) == 0 &&
        (failure = posix_spawn_file_actions_addchdir_np(&actions, "/")) == 0) {
        failure = posix_spawn(process, self->arguments[0], &actions, &attributes, self->arguments,
                              order->environment);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* Both ends above the standard descriptors, so that none is lost when they are moved there. */
static bool make_pipe(int ends[2])
{
    int made[2];

    ends[0] = ends[1] = -1;
    if (pipe2(made, O_CLOEXEC) != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(made[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(made[i]);
    }
    return ends[0] >= 0 && ends[1] >= 0;
}

static void kill_group(pid_t process)
{
    kill(-process, SIGKILL);
}

/* 0, or an errno. */
static int start(const struct runner *self, const struct runner_order *order, struct run *run)
{
    int input[2] = {-1, -1};
    int heard[2] = {-1, -1};
    int failure = EMFILE;

    if (make_pipe(input) && make_pipe(heard)) {
        failure = spawn(self, order, input, heard, &run->process);
    }
    close_one(&input[0]);
    close_one(&heard[1]);
    if (failure == 0) {
        run->watched = children_watch(run->process);
        if (run->watched < 0) {
            failure = errno;
            kill_group(run->process);
            waitpid(run->process, NULL, 0);
        }
    }
    if (failure != 0) {
        close_one(&input[1]);
        close_one(&heard[0]);
        return failure;
    }
    run->input = input[1];
    run->heard = heard[0];
    fcntl(run->input, F_SETFL, O_NONBLOCK);
    fcntl(run->heard, F_SETFL, O_NONBLOCK);
    return 0;
}

/* ---- running --------------------------------------------------------------------------------- */

/* A program need not read what it is told. SIGPIPE is ignored by both programs. */
static void feed(struct run *run)
{
    ssize_t written = write(run->input, run->text, run->left);

    if (written > 0) {
        run->text += written;
        run->left -= (size_t)written;
    }
    if (run->left == 0 || (written < 0 && errno != EAGAIN && errno != EINTR)) {
        close_one(&run->input);
    }
}

/* Keeps the beginning, and reads the rest away. */
static void listen_to(struct run *run)
{
    char text[512];
    ssize_t got = read(run->heard, text, sizeof(text));

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_one(&run->heard);
    }
    for (ssize_t i = 0; i < got && run->heard_length < HEARD_SIZE - 1; i++) {
        run->heard_text[run->heard_length++] = text[i];
    }
}

enum end {
    ENDED,
    TOO_LONG,
    INTERRUPTED,
};

static enum end follow(const struct runner *self, struct run *run)
{
    struct timespec until = thread_moment(RUNNER_SECONDS * 1000);

    for (;;) {
        struct pollfd polled[] = {
            {.fd = run->watched, .events = POLLIN},
            {.fd = self->interrupted, .events = POLLIN},
            {.fd = run->input, .events = POLLOUT},
            {.fd = run->heard, .events = POLLIN},
        };
        int left_ms = thread_moment_left(&until);

        if (left_ms == 0) {
            return TOO_LONG;
        }
        if (poll(polled, sizeof(polled) / sizeof(polled[0]), left_ms) < 0) {
            continue;
        }
        if (polled[2].revents != 0) {
            feed(run);
        }
        if (polled[3].revents != 0) {
            listen_to(run);
        }
        if (polled[0].revents != 0) {
            return ENDED;
        }
        if (polled[1].revents != 0) {
            return INTERRUPTED;
        }
    }
}

/* The rest of the group is killed while its leader is not yet reaped: until then nobody else
 * can have its number. Returns the leader's status. */
static int end_run(struct run *run, enum end end)
{
    int status = 0;

    if (run->heard >= 0) {
        listen_to(run);
    }
    kill_group(run->process);
    if (end != ENDED) {
        kill(run->process, SIGKILL);
    }
    while (waitpid(run->process, &status, 0) < 0 && errno == EINTR) {
    }
    close_one(&run->watched);
    close_one(&run->input);
    close_one(&run->heard);
    return status;
}

/* 0 if it did its work, else -1 and a sentence. */
static int judge(const struct runner *self, struct run *run, enum end end, int status,
                 char error[SINK_ERROR_SIZE])
{
    char heard[HEARD_SIZE];
    const char *name = self->arguments[0];

    run->heard_text[strcspn(run->heard_text, "\n")] = '\0';
    printable_string(heard, sizeof(heard), run->heard_text);
    const char *colon = heard[0] == '\0' ? "" : ": ";
    if (end == TOO_LONG) {
        snprintf(error, SINK_ERROR_SIZE, "%.60s was killed after %d seconds%s%.120s", name,
                 RUNNER_SECONDS, colon, heard);
    } else if (end == INTERRUPTED) {
        snprintf(error, SINK_ERROR_SIZE, "%.60s was killed because this program stops", name);
    } else if (WIFSIGNALED(status)) {
        snprintf(error, SINK_ERROR_SIZE, "%.60s was ended by signal %d%s%.120s", name,
                 WTERMSIG(status), colon, heard);
    } else if (WEXITSTATUS(status) != 0) {
        snprintf(error, SINK_ERROR_SIZE, "%.60s ended with code %d%s%.120s", name,
                 WEXITSTATUS(status), colon, heard);
    } else {
        return 0;
    }
    return -1;
}

/* ---- the whole ------------------------------------------------------------------------------- */

int runner_run(const struct runner *runner, const struct runner_order *order,
               char error[SINK_ERROR_SIZE])
{
    struct run run = {.text = order->text, .left = strlen(order->text)};
    int failure = start(runner, order, &run);

    if (failure != 0) {
        errno = failure;
        snprintf(error, SINK_ERROR_SIZE, "cannot run %.120s: %m", runner->arguments[0]);
        return -1;
    }
    enum end end = follow(runner, &run);
    return judge(runner, &run, end, end_run(&run, end), error);
}

int runner_check(const struct runner *runner, char error[SINK_ERROR_SIZE])
{
    const char *path = runner->arguments[0];
    struct stat status;

    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        snprintf(error, SINK_ERROR_SIZE, "cannot run %.120s: it is no regular file", path);
        return -1;
    }
    if (access(path, X_OK) == 0) {
        return 0;
    }
    snprintf(error, SINK_ERROR_SIZE, "cannot run %.120s: %m", path);
    return -1;
}

void runner_interrupt(const struct runner *runner)
{
    eventfd_write(runner->interrupted, 1);
}

void runner_free(struct runner *runner)
{
    for (size_t i = 0; runner->arguments != NULL && runner->arguments[i] != NULL; i++) {
        free(runner->arguments[i]);
    }
    free(runner->arguments);
    runner->arguments = NULL;
    close_one(&runner->interrupted);
}

bool runner_init(struct runner *runner, char *const *arguments, size_t count)
{
    runner->interrupted = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    runner->arguments = calloc(count + 1, sizeof(*runner->arguments));
    bool complete = runner->interrupted >= 0 && runner->arguments != NULL;
    for (size_t i = 0; complete && i < count; i++) {
        runner->arguments[i] = strdup(arguments[i]);
        complete = runner->arguments[i] != NULL;
    }
    if (!complete) {
        runner_free(runner);
    }
    return complete;
}

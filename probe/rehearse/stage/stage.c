#include "probe/rehearse/stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/rehearse/stage/identities.h"

#define LATE 124 /* as timeout(1) has it */

/* Of the process on the stage. */
struct report {
    int write_end; /* to its parent: nothing is written when all went well */
    int given;     /* from its parent, who writes when its users are there; -1: it needs none */
};

static void tell(const struct report *report, const char *sentence)
{
    ssize_t written = write(report->write_end, sentence, strlen(sentence));

    (void)written;
}

/* The order: file systems first, for the list of this host's sockets is that of its network. */
static int lay(struct stage *stage, const struct stage_settings *settings,
               char error[STAGE_ERROR_SIZE])
{
    if (unshare(CLONE_NEWUTS | CLONE_NEWIPC) != 0) {
        snprintf(error, STAGE_ERROR_SIZE,
                 "no private stage can be laid: this process may make no namespaces (%s); in a "
                 "container give it the capability SYS_ADMIN",
                 strerror(errno));
        return -1;
    }
    if (settings->host_name[0] != '\0' &&
        sethostname(settings->host_name, strlen(settings->host_name)) != 0) {
        snprintf(error, STAGE_ERROR_SIZE, "the stage cannot have the host name %s: %s",
                 settings->host_name, strerror(errno));
        return -1;
    }
    if (mounts_lay(&settings->mounts, error) != 0 ||
        wires_lay(&stage->wires, settings->host, error) != 0) {
        return -1;
    }
    if (stage_log_begin(&stage->log) != 0) {
        snprintf(error, STAGE_ERROR_SIZE, "the stage cannot have a log: %s", strerror(errno));
        return -1;
    }
    return 0;
}

/* The first process of a namespace is not ended by a signal that it does not handle. */
static void end_late(int signal)
{
    (void)signal;
    _exit(LATE);
}

/* Children have these, too: what a stranger's configuration makes postconf or postmap do has an
 * end. */
static void limit(void)
{
    const struct rlimit none = {0, 0};
    const struct rlimit file = {(rlim_t)512 << 20, (rlim_t)512 << 20};
    const struct rlimit seconds = {STAGE_DEADLINE_S, STAGE_DEADLINE_S};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_FSIZE, &file);
    (void)setrlimit(RLIMIT_CPU, &seconds);
}

static bool parent_is_there(const struct report *report)
{
    struct pollfd end = {.fd = report->write_end, .events = POLLOUT};

    return poll(&end, 1, 0) < 0 || (end.revents & POLLERR) == 0;
}

/* Waits for its users. Before the signal of the parent's death is asked for: who changes his user
 * has none any more. */
static bool take_identities(const struct report *report)
{
    char octet;

    if (report->given < 0) {
        return true;
    }
    if (read(report->given, &octet, 1) != 1) {
        return false; /* the parent has told why, or is dead */
    }
    if (identities_become_root() != 0) {
        tell(report, "no private stage can be laid: this user cannot be root in a user namespace");
        return false;
    }
    return true;
}

static int perform(const struct stage_settings *settings,
                   int (*work)(struct stage *stage, void *user), void *user,
                   const struct report *report)
{
    static struct stage stage;
    char error[STAGE_ERROR_SIZE];

    if (!take_identities(report)) {
        return STAGE_FAILED;
    }
    /* The parent may have died before it could be said. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!parent_is_there(report)) {
        return STAGE_FAILED;
    }
    /* Open files and the working directory lie outside of the stage. */
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (lay(&stage, settings, error) != 0) {
        tell(report, error);
        return STAGE_FAILED;
    }
    if (chdir("/") != 0) {
        tell(report, "the stage has no folder to work in");
        return STAGE_FAILED;
    }
    limit();
    signal(SIGALRM, end_late);
    alarm(STAGE_DEADLINE_S);
    return work(&stage, user);
}

/* The process's words, and how it ended. */
static int await(pid_t child, int read_end, char error[STAGE_ERROR_SIZE])
{
    size_t length = 0;
    int status = 0;

    for (;;) {
        ssize_t step = read(read_end, error + length, STAGE_ERROR_SIZE - 1 - length);
        if (step > 0) {
            length += (size_t)step;
        } else if (step == 0 || errno != EINTR) {
            break;
        }
    }
    error[length] = '\0';
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (length > 0) {
        return STAGE_FAILED;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) != LATE) {
        return WEXITSTATUS(status);
    }
    snprintf(error, STAGE_ERROR_SIZE, "the rehearsal was ended before its end (%s)",
             WIFEXITED(status) ? "it took longer than 10 minutes" : strsignal(WTERMSIG(status)));
    return STAGE_FAILED;
}

/* Of a process namespace, so that all that it starts goes with it; where there may be none, what
 * stands in its way is told when the stage is laid. */
static pid_t make_first(bool with_users)
{
    struct clone_args arguments = {.flags = CLONE_NEWPID | (with_users ? CLONE_NEWUSER : 0),
                                   .exit_signal = SIGCHLD};
    pid_t made = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));

    return made >= 0 || with_users ? made : fork();
}

/* Lets the process begin; STAGE_FAILED and a sentence: it never will. */
static int give(const struct identities *identities, pid_t child, int given_end,
                char error[STAGE_ERROR_SIZE])
{
    char sentence[IDENTITIES_ERROR_SIZE] = "the stage's first process ended before it began";

    if (identities_give(identities, child, sentence) && write(given_end, "", 1) == 1) {
        return 0;
    }
    snprintf(error, STAGE_ERROR_SIZE, "%s", sentence);
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    return STAGE_FAILED;
}

/* In the first process; it does not return. */
static void be_first(const struct stage_settings *settings,
                     int (*work)(struct stage *stage, void *user), void *user,
                     const struct report *report)
{
    int code = perform(settings, work, user, report);

    fflush(NULL);
    _exit(code == STAGE_FAILED ? 1 : code);
}

int stage_run(const struct stage_settings *settings, int (*work)(struct stage *stage, void *user),
              void *user, char error[STAGE_ERROR_SIZE])
{
    struct identities identities;
    bool with_users = geteuid() != 0;
    int told[2];
    int given[2];
    int code = 0;

    if (with_users && !identities_find(&identities, error)) {
        return STAGE_FAILED;
    }
    if (pipe2(told, O_CLOEXEC) != 0) {
        snprintf(error, STAGE_ERROR_SIZE, "out of descriptors");
        return STAGE_FAILED;
    }
    if (pipe2(given, O_CLOEXEC) != 0) {
        close(told[0]);
        close(told[1]);
        snprintf(error, STAGE_ERROR_SIZE, "out of descriptors");
        return STAGE_FAILED;
    }
    fflush(NULL);
    pid_t child = make_first(with_users);
    if (child == 0) {
        const struct report report = {.write_end = told[1], .given = with_users ? given[0] : -1};
        close(told[0]);
        close(given[1]);
        be_first(settings, work, user, &report);
    }
    close(told[1]);
    close(given[0]);
    if (child < 0) {
        snprintf(error, STAGE_ERROR_SIZE, "no private stage can be laid: no %s can be made: %s",
                 with_users ? "user namespace" : "process", strerror(errno));
        code = STAGE_FAILED;
    } else if (with_users) {
        code = give(&identities, child, given[1], error);
    }
    close(given[1]);
    if (code != STAGE_FAILED) {
        code = await(child, told[0], error);
    }
    close(told[0]);
    return code;
}

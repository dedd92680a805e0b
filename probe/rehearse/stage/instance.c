#include "probe/rehearse/stage/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS   50
#define WORDS_MAX 15

/* Codes of our own, which no shell gives: a step before the program fails, or it is not there. */
#define NOT_BEGUN 240
#define NO_SUCH   241

/* The first process tells one of these, or a sentence of what the host lacks. */
static const char runs[] = "";
static const char does_not_start[] = "it does not start";

/* The rights that a mail server keeps: its own users, its own ports, its own folders, a chroot. */
static const int kept_capabilities[] = {
    CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,     CAP_KILL,
    CAP_SETGID, CAP_SETUID,       CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
};

static bool is_kept(int capability)
{
    for (size_t i = 0; i < sizeof(kept_capabilities) / sizeof(kept_capabilities[0]); i++) {
        if (kept_capabilities[i] == capability) {
            return true;
        }
    }
    return false;
}

/* For what is executed after this. Without CAP_DAC_READ_SEARCH no file is opened by its handle,
 * past the mounts. The inheritable set, which some containers give, would come back with exec. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
        if (!is_kept(capability) && prctl(PR_CAPBSET_DROP, capability) != 0) {
            return -1;
        }
    }
    if (syscall(SYS_capget, &header, sets) != 0) {
        return -1;
    }
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        sets[i].inheritable = 0;
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, sets) != 0) {
        return -1;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void limit(void)
{
    const struct rlimit none = {0, 0};
    const struct rlimit file = {64 << 20, 64 << 20};
    const struct rlimit memory = {(rlim_t)1 << 30, (rlim_t)1 << 30};
    const struct rlimit seconds = {120, 120};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_FSIZE, &file);
    (void)setrlimit(RLIMIT_AS, &memory);
    (void)setrlimit(RLIMIT_CPU, &seconds);
}

/* execve(2) takes pointers to what it does not change as if it did. */
static void copy_words(const char *const *from, char *to[WORDS_MAX + 1])
{
    size_t count = 0;

    while (count < WORDS_MAX && from[count] != NULL) {
        count++;
    }
    memcpy(to, from, count * sizeof(*to));
}

static void run_command(const struct instance_settings *settings)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t signals;

    sigemptyset(&signals);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    signal(SIGPIPE, SIG_DFL);
    int errors =
        settings->errors == NULL
            ? nothing
            : open(settings->errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (nothing < 0 || errors < 0 || dup2(nothing, 0) < 0 || dup2(nothing, 1) < 0 ||
        dup2(errors, 2) < 0) {
        _exit(NOT_BEGUN);
    }
    limit();
    if (drop_capabilities() != 0) {
        _exit(NOT_BEGUN);
    }
    char *words[WORDS_MAX + 1] = {NULL};
    char *variables[WORDS_MAX + 1] = {NULL};
    copy_words(settings->command, words);
    copy_words(settings->environment, variables);
    execve(settings->command[0], words, variables);
    _exit(NO_SUCH);
}

static void tell(int report, const char *text)
{
    ssize_t written = write(report, text, strlen(text) + 1);

    (void)written;
}

/* The folder that is named by its process is this instance's alone. Where a container hides parts
 * of its own /proc nothing else may be mounted there: then there is none. */
static void lay_processes(void)
{
    if (mount("proc", "/proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) {
        (void)mount("tmpfs", "/proc", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k");
    }
}

/* Whether nothing more is awaited: it is ready, or (`*good` is false) will never be. */
static bool is_decided(const struct instance_settings *settings, bool ended, int status, bool *good)
{
    if (ended) {
        *good = settings->ready == NULL && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        return true;
    }
    *good = settings->ready != NULL && settings->ready(settings->user);
    return *good;
}

static const char *why_not(bool ended, int status)
{
    if (ended && WIFEXITED(status) && WEXITSTATUS(status) == NOT_BEGUN) {
        return "this host does not let a server be started without its rights";
    }
    if (ended && WIFEXITED(status) && WEXITSTATUS(status) == NO_SUCH) {
        return "the server's program is not here";
    }
    return does_not_start;
}

/* The life of the first process. */
static void live(const struct instance_settings *settings, int report)
{
    char error[INSTANCE_ERROR_SIZE];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN);
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        tell(report, "an instance cannot have file systems of its own");
        return;
    }
    if (settings->lay(settings->user, error) != 0) {
        tell(report, error);
        return;
    }
    lay_processes();
    struct played_services *services =
        played_services_open(settings->services, settings->service_count);
    pid_t command = fork();
    if (command == 0) {
        run_command(settings);
    }
    if (services == NULL || command < 0) {
        tell(report, "out of memory");
        return;
    }
    for (;;) {
        int status;
        pid_t ended = waitpid(-1, &status, WNOHANG);
        bool good = false;
        if (command > 0 && is_decided(settings, ended == command, status, &good)) {
            tell(report, good ? runs : why_not(ended == command, status));
            command = 0;
            close(report);
        }
        if (ended <= 0) {
            played_services_serve(services, command > 0 ? 1 : TICK_MS);
        }
    }
}

static pid_t make_first(const struct instance_settings *settings, int report)
{
    struct clone_args arguments = {.flags = CLONE_NEWPID | CLONE_NEWNS, .exit_signal = SIGCHLD};
    pid_t made = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));

    if (made == 0) {
        live(settings, report);
        _exit(1);
    }
    return made;
}

enum instance_fault instance_start(const struct instance_settings *settings, struct instance *out,
                                   char error[INSTANCE_ERROR_SIZE])
{
    int ends[2];
    char told[INSTANCE_ERROR_SIZE] = "";

    out->first = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(error, INSTANCE_ERROR_SIZE, "out of descriptors");
        return INSTANCE_FAULT_OF_HOST;
    }
    pid_t first = make_first(settings, ends[1]);
    close(ends[1]);
    struct pollfd answer = {.fd = ends[0], .events = POLLIN};
    ssize_t octets = -1;
    if (first > 0) {
        out->first = first;
        octets =
            poll(&answer, 1, INSTANCE_START_MS) > 0 ? read(ends[0], told, sizeof(told) - 1) : 0;
    }
    close(ends[0]);
    if (octets > 0 && told[0] == '\0') {
        return INSTANCE_NO_FAULT;
    }
    snprintf(error, INSTANCE_ERROR_SIZE, "%s",
             first <= 0    ? "no process can be made for a server"
             : octets <= 0 ? "it does not come to run"
                           : told);
    instance_stop(out);
    return strcmp(error, does_not_start) == 0 ? INSTANCE_FAULT_OF_GUEST : INSTANCE_FAULT_OF_HOST;
}

void instance_stop(struct instance *instance)
{
    if (instance->first > 0) {
        kill(instance->first, SIGKILL);
        while (waitpid(instance->first, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    instance->first = 0;
}

#include "lib/sys/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/sys/children.h"

#define REAP_MS 200 /* for a killed program to end; one that hangs in the kernel is left behind */

/* An operator's PATH may lack them; the last is where Debian has the real Sendmail. */
static const char *const usual_folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin",
                                            "/usr/libexec/sendmail"};

static bool is_program(char *out, size_t size, const char *folder, size_t length, const char *name)
{
    return length > 0 && (size_t)snprintf(out, size, "%.*s/%s", (int)length, folder, name) < size &&
           access(out, X_OK) == 0;
}

static bool find_program(const char *name, char *out, size_t size)
{
    const char *path = getenv("PATH");

    if (strchr(name, '/') != NULL) {
        return (size_t)snprintf(out, size, "%s", name) < size && access(out, X_OK) == 0;
    }
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        if (is_program(out, size, path, length, name)) {
            return true;
        }
        path += length + (path[length] == ':');
    }
    for (size_t i = 0; i < sizeof(usual_folders) / sizeof(usual_folders[0]); i++) {
        if (is_program(out, size, usual_folders[i], strlen(usual_folders[i]), name)) {
            return true;
        }
    }
    return false;
}

bool subprocess_exists(const char *name)
{
    char path[4096];

    return find_program(name, path, sizeof(path));
}

/* Everything up to the end; NULL: no memory. */
static char *read_all(int descriptor)
{
    size_t size = 0;
    char *text = NULL;
    FILE *memory = open_memstream(&text, &size);
    char chunk[8192];
    ssize_t got = 0;

    if (memory == NULL) {
        return NULL;
    }
    while ((got = read(descriptor, chunk, sizeof(chunk))) > 0) {
        fwrite(chunk, 1, (size_t)got, memory);
    }
    bool whole = got == 0 && ferror(memory) == 0;
    if (fclose(memory) != 0 || !whole) {
        free(text);
        return NULL;
    }
    return text;
}

/* With its standard input from `in`, its output to `out`. */
static bool start(const char *program, const char *const argv[], const int pipes[2], bool quiet,
                  pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    char *words[32] = {0};
    size_t count = 0;

    /* posix_spawn wants strings that it does not write to. */
    while (argv[count] != NULL && count + 1 < sizeof(words) / sizeof(words[0])) {
        memcpy(&words[count], &argv[count], sizeof(words[0]));
        count++;
    }
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return false;
    }
    bool started = posix_spawn_file_actions_adddup2(&actions, pipes[0], STDIN_FILENO) == 0 &&
                   posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO) == 0 &&
                   (!quiet || posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                                               O_WRONLY, 0) == 0) &&
                   posix_spawn(pid, program, &actions, NULL, words, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    return started;
}

char *subprocess_output(const char *const argv[], const char *input, bool quiet)
{
    char program[4096];
    int to[2] = {-1, -1};
    int from[2] = {-1, -1};
    pid_t pid = -1;
    char *text = NULL;
    int status = 0;

    if (!find_program(argv[0], program, sizeof(program)) || pipe2(to, O_CLOEXEC) != 0 ||
        pipe2(from, O_CLOEXEC) != 0) {
        goto out;
    }
    if (write(to[1], input, strlen(input)) != (ssize_t)strlen(input) ||
        !start(program, argv, (const int[]){to[0], from[1]}, quiet, &pid)) {
        goto out;
    }
    close(to[1]);
    close(from[1]);
    to[1] = from[1] = -1;
    text = read_all(from[0]);
out:
    for (int end = 0; end < 2; end++) {
        if (to[end] >= 0) {
            close(to[end]);
        }
        if (from[end] >= 0) {
            close(from[end]);
        }
    }
    if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0)) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- within a time ----------------------------------------------------------------------- */

int64_t subprocess_now_ms(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Where one of its streams leads: to `descriptor`, or, below 0, nowhere. */
static bool redirect(posix_spawn_file_actions_t *actions, int descriptor, int stream)
{
    if (descriptor < 0) {
        return posix_spawn_file_actions_addopen(actions, stream, "/dev/null", O_WRONLY, 0) == 0;
    }
    return posix_spawn_file_actions_adddup2(actions, descriptor, stream) == 0;
}

/* In a process group of its own, with the signals that a program expects: ours are blocked. */
static bool start_apart(const char *program, char *const words[], const int streams[3], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t usual;
    bool started = false;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return false;
    }
    if (posix_spawnattr_init(&attributes) == 0) {
        started =
            posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                      POSIX_SPAWN_SETSIGDEF) == 0 &&
            posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
            posix_spawnattr_setsigdefault(&attributes, &usual) == 0 &&
            (streams[2] < 0
                 ? posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                                    0)
                 : posix_spawn_file_actions_adddup2(&actions, streams[2], STDIN_FILENO)) == 0 &&
            redirect(&actions, streams[0], STDOUT_FILENO) &&
            redirect(&actions, streams[1], STDERR_FILENO) &&
            /* libmilter's sockets are not closed by exec. */
            children_close_others(&actions) == 0 &&
            posix_spawn(pid, program, &actions, &attributes, words, environ) == 0;
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return started;
}

/* Everything up to the end; NULL: no memory, too much, or too late. */
static char *read_until(int descriptor, int64_t deadline_ms)
{
    size_t size = 0;
    char *text = NULL;
    FILE *memory = open_memstream(&text, &size);
    char chunk[8192];
    size_t total = 0;
    ssize_t got = -1;

    if (memory == NULL) {
        return NULL;
    }
    for (;;) {
        int64_t left = deadline_ms - subprocess_now_ms();
        struct pollfd ready = {.fd = descriptor, .events = POLLIN};
        got = left > 0 && poll(&ready, 1, (int)left) > 0 ? read(descriptor, chunk, sizeof(chunk))
                                                         : -1;
        total += got > 0 ? (size_t)got : 0;
        if (got <= 0 || total > SUBPROCESS_OUTPUT_MAX) {
            break;
        }
        fwrite(chunk, 1, (size_t)got, memory);
    }
    bool whole = got == 0 && ferror(memory) == 0;
    if (fclose(memory) != 0 || !whole) {
        free(text);
        return NULL;
    }
    return text;
}

/* Takes what is left of it, and ends what it started: while nobody has taken it, its number is no
 * other group's. Whether it ended with 0. */
static bool take(pid_t pid)
{
    int status = 0;

    kill(-pid, SIGKILL);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

/* Whether it ended with 0 by then; it has ended afterwards, if it can be ended. */
static bool ends_well(pid_t pid, int64_t deadline_ms)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    bool killed = false;

    for (;;) {
        siginfo_t ended = {.si_pid = 0};
        if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0) {
            return false;
        }
        if (ended.si_pid == pid) {
            return take(pid) && !killed;
        }
        if (subprocess_now_ms() >= deadline_ms) {
            if (killed) {
                return false;
            }
            killed = true;
            kill(-pid, SIGKILL);
            deadline_ms = subprocess_now_ms() + REAP_MS;
        }
        nanosleep(&pause, NULL);
    }
}

/* The words as posix_spawn wants them: strings that it does not write to. NULL: out of memory. */
static char **words_of(const char *const argv[])
{
    size_t count = 0;

    while (argv[count] != NULL) {
        count++;
    }
    char **words = calloc(count + 1, sizeof(*words));
    for (size_t i = 0; words != NULL && i < count; i++) {
        memcpy(&words[i], &argv[i], sizeof(words[0]));
    }
    return words;
}

/* The output of a program, as far as it is kept, and its input. */
struct stream {
    bool errors;   /* standard error is kept, instead of the output */
    bool any_code; /* whatever code it ends with */
    int input;     /* a descriptor; below 0: nothing */
};

static char *stream_until(const char *const argv[], int64_t deadline_ms,
                          const struct stream *stream)
{
    bool errors = stream->errors;
    char program[4096];
    int from[2];
    pid_t pid = -1;

    if (argv[0] == NULL || subprocess_now_ms() >= deadline_ms ||
        !find_program(argv[0], program, sizeof(program)) || pipe2(from, O_CLOEXEC) != 0) {
        return NULL;
    }
    char **words = words_of(argv);
    bool started = words != NULL && start_apart(program, words,
                                                (const int[]){errors ? -1 : from[1],
                                                              errors ? from[1] : -1, stream->input},
                                                &pid);
    free(words);
    close(from[1]);
    char *text = started ? read_until(from[0], deadline_ms) : NULL;
    close(from[0]);
    bool good = started && ends_well(pid, text == NULL ? 0 : deadline_ms);
    if (started && !good && !stream->any_code) {
        free(text);
        text = NULL;
    }
    return text;
}

char *subprocess_output_until(const char *const argv[], int64_t deadline_ms)
{
    return stream_until(argv, deadline_ms, &(struct stream){.input = -1});
}

char *subprocess_errors_until(const char *const argv[], int64_t deadline_ms)
{
    return stream_until(argv, deadline_ms,
                        &(struct stream){.errors = true, .any_code = true, .input = -1});
}

char *subprocess_answers_until(const char *const argv[], const char *input, int64_t deadline_ms)
{
    size_t length = strlen(input);
    int file = memfd_create("input", MFD_CLOEXEC);
    char *said = NULL;

    if (file >= 0 && write(file, input, length) == (ssize_t)length &&
        lseek(file, 0, SEEK_SET) == 0) {
        said = stream_until(argv, deadline_ms, &(struct stream){.any_code = true, .input = file});
    }
    if (file >= 0) {
        close(file);
    }
    return said;
}

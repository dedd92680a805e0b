#include "lib/sys/subprocess.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
    for (size_t i = 0; i < sizeof usual_folders / sizeof usual_folders[0]; i++) {
        if (is_program(out, size, usual_folders[i], strlen(usual_folders[i]), name)) {
            return true;
        }
    }
    return false;
}

bool command_exists(const char *name)
{
    char path[4096];

    return find_program(name, path, sizeof path);
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
    while ((got = read(descriptor, chunk, sizeof chunk)) > 0) {
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
    while (argv[count] != NULL && count + 1 < sizeof words / sizeof words[0]) {
        memcpy(&words[count], &argv[count], sizeof words[0]);
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

char *command_output(const char *const argv[], const char *input, bool quiet)
{
    char program[4096];
    int to[2] = {-1, -1};
    int from[2] = {-1, -1};
    pid_t pid = -1;
    char *text = NULL;
    int status = 0;

    if (!find_program(argv[0], program, sizeof program) || pipe2(to, O_CLOEXEC) != 0 ||
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

#include "probe/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/sys/atomic_file.h"

#define LOCK_WAIT_MS 2000
#define LOCK_STEP_MS 20

void state_file_place(struct state_file *file, const char *state_directory)
{
    snprintf(file->directory, sizeof(file->directory), "%.*s/probe", PATH_MAX - 64,
             state_directory);
}

static void name_file(const struct state_file *file, const char *suffix, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/%.16s%.16s", PATH_MAX - 40, file->directory, file->name, suffix);
}

const char *state_file_path(const struct state_file *file, char out[PATH_MAX])
{
    name_file(file, ".json", out);
    return out;
}

/* ---- reading ---------------------------------------------------------------------------- */

static json_t *empty(const struct state_file *file)
{
    json_t *root = json_pack("{s:i}", "version", file->version);

    for (size_t i = 0; i < STATE_FILE_MEMBERS && file->members[i] != NULL; i++) {
        if (json_object_set_new(root, file->members[i], json_object()) != 0) {
            json_decref(root);
            return NULL;
        }
    }
    return root;
}

static bool is_whole(const struct state_file *file, const json_t *root)
{
    bool whole = json_integer_value(json_object_get(root, "version")) == file->version;

    for (size_t i = 0; i < STATE_FILE_MEMBERS && file->members[i] != NULL; i++) {
        whole = whole && json_is_object(json_object_get(root, file->members[i]));
    }
    return whole;
}

json_t *state_file_read(const struct state_file *file, char error[STATE_FILE_ERROR_SIZE])
{
    char path[PATH_MAX];
    json_error_t mistake;

    FILE *stream = fopen(state_file_path(file, path), "re");
    if (stream == NULL && errno == ENOENT) {
        snprintf(error, STATE_FILE_ERROR_SIZE, "out of memory");
        return empty(file);
    }
    if (stream == NULL) {
        snprintf(error, STATE_FILE_ERROR_SIZE,
                 "%.300s: %s (let this program's user read and write it and its directory)", path,
                 strerror(errno));
        return NULL;
    }
    json_t *root = json_loadf(stream, 0, &mistake);
    fclose(stream);
    if (is_whole(file, root)) {
        return root;
    }
    snprintf(error, STATE_FILE_ERROR_SIZE,
             "%.300s is damaged, or of another version of this program (move it away; a new one is "
             "then made)",
             path);
    json_decref(root);
    return NULL;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* Under the lock. */
static bool write_file(const struct state_file *file, json_t *root,
                       char error[STATE_FILE_ERROR_SIZE])
{
    char path[PATH_MAX];
    char fresh[PATH_MAX];
    const struct whole_file whole = {.path = path, .draft = fresh, .mode = 0640, .durable = true};

    state_file_path(file, path);
    name_file(file, ".json.new", fresh);
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS);
    if (text == NULL) {
        snprintf(error, STATE_FILE_ERROR_SIZE, "%.300s: out of memory", path);
        return false;
    }
    bool written = whole_file_write(&whole, text, strlen(text));
    if (!written) {
        snprintf(
            error, STATE_FILE_ERROR_SIZE,
            "%.300s: %s (let this program's user write its directory, and make room on the disk)",
            path, strerror(errno));
    }
    free(text);
    return written;
}

/* Holders need a moment only. One that was stopped in the middle of it is not waited for. */
static bool take_lock(struct state_file *file, int descriptor)
{
    static const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000L};
    int steps = file->waited ? 0 : LOCK_WAIT_MS / LOCK_STEP_MS;

    while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return false;
        }
        if (steps-- <= 0) {
            file->waited = true;
            errno = EWOULDBLOCK;
            return false;
        }
        (void)nanosleep(&step, NULL);
    }
    return true;
}

/* The lock's descriptor, to be closed; -1 and a sentence. */
static int lock(struct state_file *file, char error[STATE_FILE_ERROR_SIZE])
{
    char path[PATH_MAX];

    (void)mkdir(file->directory, 0750);
    name_file(file, ".lock", path);
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (descriptor < 0 || !take_lock(file, descriptor)) {
        snprintf(error, STATE_FILE_ERROR_SIZE,
                 errno == EWOULDBLOCK ? "%.300s: %s (another process holds it: see whether a "
                                        "relaywarden-probe was stopped)"
                                      : "%.300s: %s (let this program's user write its directory)",
                 path, strerror(errno));
        if (descriptor >= 0) {
            close(descriptor);
        }
        return -1;
    }
    return descriptor;
}

json_t *state_file_change(struct state_file *file, bool (*change)(json_t *root, void *user),
                          void *user, char error[STATE_FILE_ERROR_SIZE])
{
    int descriptor = lock(file, error);
    json_t *root = descriptor >= 0 ? state_file_read(file, error) : NULL;

    if (root != NULL && change(root, user) && !write_file(file, root, error)) {
        json_decref(root);
        root = NULL;
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return root;
}

#include "probe/audit/arrivals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alert/sink/format.h"

#define BEFORE_TOKEN "\"token\":\""
#define LOCK_STEP_MS 20
#define LOCK_WAIT_MS 5000

void arrivals_path(const char *state_directory, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/probe/arrivals.json", PATH_MAX - 64, state_directory);
}

/* ---- writing ---------------------------------------------------------------------------- */

static enum arrival fail(const char *path, const char *what, char error[ARRIVALS_ERROR_SIZE])
{
    snprintf(error, ARRIVALS_ERROR_SIZE, "%.300s: %s", path, what);
    return ARRIVAL_FAILED;
}

/* Holders need a moment only. One that was stopped in the middle of it is not waited for. */
static bool take_lock(int descriptor)
{
    static const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000L};
    int steps = LOCK_WAIT_MS / LOCK_STEP_MS;

    while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || steps-- <= 0) {
            return false;
        }
        (void)nanosleep(&step, NULL);
    }
    return true;
}

struct search {
    const char *token;
    bool found;
};

static void compare(const char *token, void *user)
{
    struct search *search = user;

    search->found |= strcmp(token, search->token) == 0;
}

static bool is_recorded(const char *path, const char *token)
{
    struct arrivals arrivals = {.offset = 0};
    struct search search = {token, false};

    snprintf(arrivals.path, sizeof(arrivals.path), "%s", path);
    arrivals_read(&arrivals, compare, &search);
    return search.found;
}

/* False, with errno: it could not be written. */
static bool append(int descriptor, const char *line, size_t length)
{
    ssize_t written = write(descriptor, line, length);

    if (written >= 0 && (size_t)written < length) {
        errno = ENOSPC;
    }
    /* A pipe or a device has nothing to wait for. */
    return written == (ssize_t)length && (fsync(descriptor) == 0 || errno == EINVAL);
}

/* The lines of the newer half; the number of octets, or -1 with errno. `half` has room for it. */
static ssize_t read_newer_half(int descriptor, off_t size, char *half)
{
    /* A file that somebody else made longer is cut to what we would have left. */
    off_t most = size - size / 2 < ARRIVALS_MAX / 2 ? size - size / 2 : ARRIVALS_MAX / 2;
    ssize_t length = pread(descriptor, half, (size_t)most, size - most);
    const char *end = length > 0 ? memchr(half, '\n', (size_t)length) : NULL;

    if (length < 0) {
        return -1;
    }
    /* The cut is within a line, which is the older half's last. */
    size_t skipped = end != NULL ? (size_t)(end + 1 - half) : (size_t)length;
    memmove(half, half + skipped, (size_t)length - skipped);
    return length - (ssize_t)skipped;
}

/* Moves the newer half to the beginning and ends the file there. In place, for whoever may write
 * this file may often write none beside it; the halves do not overlap, so that a kill at any moment
 * leaves the newer one whole. False, with errno. */
static bool drop_older_half(const char *path, const struct stat *known)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    char *half = malloc(ARRIVALS_MAX / 2);
    struct stat status;
    bool dropped = false;

    if (descriptor >= 0 && half != NULL && fstat(descriptor, &status) == 0) {
        if (status.st_ino != known->st_ino || status.st_dev != known->st_dev) {
            errno = ESTALE; /* somebody put another file in its place */
        } else {
            ssize_t length = read_newer_half(descriptor, status.st_size, half);
            errno = length < 0 ? errno : EIO; /* of a write that is cut short and says nothing */
            dropped = length >= 0 && pwrite(descriptor, half, (size_t)length, 0) == length &&
                      ftruncate(descriptor, (off_t)length) == 0;
        }
    }
    int error = errno;
    free(half);
    if (descriptor >= 0) {
        close(descriptor);
    }
    errno = error;
    return dropped;
}

/* Under the lock, if it is a regular file. */
static enum arrival record(int descriptor, const char *path, const char *token, time_t now)
{
    char line[128];
    char when[21];
    struct stat status;

    if (fstat(descriptor, &status) != 0) {
        return ARRIVAL_FAILED;
    }
    int length = snprintf(line, sizeof(line), "{\"time\":\"%s\"," BEFORE_TOKEN "%s\"}\n",
                          format_time(when, now), token);
    if (S_ISREG(status.st_mode)) {
        if (is_recorded(path, token)) {
            return ARRIVAL_KNOWN;
        }
        bool full = status.st_size + length > ARRIVALS_MAX;
        if (full && !drop_older_half(path, &status)) {
            return ARRIVAL_FAILED;
        }
    }
    return append(descriptor, line, (size_t)length) ? ARRIVAL_RECORDED : ARRIVAL_FAILED;
}

enum arrival arrivals_record(const char *path, const char *token, time_t now,
                             char error[ARRIVALS_ERROR_SIZE])
{
    struct stat status;
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    if (descriptor < 0) {
        return fail(path, strerror(errno), error);
    }
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && !take_lock(descriptor)) {
        const char *why = errno == EWOULDBLOCK || errno == EINTR
                              ? "another process holds its lock (see whether one was stopped)"
                              : strerror(errno);
        close(descriptor);
        return fail(path, why, error);
    }
    enum arrival arrival = record(descriptor, path, token, now);
    const char *what = errno == ENOSPC ? "the disk is full" : strerror(errno);
    if (close(descriptor) != 0 && arrival == ARRIVAL_RECORDED) {
        return fail(path, strerror(errno), error);
    }
    return arrival == ARRIVAL_FAILED ? fail(path, what, error) : arrival;
}

/* ---- reading ---------------------------------------------------------------------------- */

static void read_line(const char *line, void (*found)(const char *token, void *user), void *user)
{
    const char *at = strstr(line, BEFORE_TOKEN);
    char token[MESSAGE_TOKEN_SIZE];

    if (at == NULL) {
        return;
    }
    at += strlen(BEFORE_TOKEN);
    size_t length = strcspn(at, "\"");
    if (message_is_token(at, length)) {
        memcpy(token, at, length);
        token[length] = '\0';
        found(token, user);
    }
}

void arrivals_read(struct arrivals *arrivals, void (*found)(const char *token, void *user),
                   void *user)
{
    FILE *file = fopen(arrivals->path, "re");
    struct stat status;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    if (file == NULL) {
        return;
    }
    if (fstat(fileno(file), &status) == 0 && status.st_size < arrivals->offset) {
        arrivals->offset = 0;
    }
    if (fseeko(file, (off_t)arrivals->offset, SEEK_SET) == 0) {
        while ((length = getline(&line, &room, file)) > 0 && line[length - 1] == '\n') {
            arrivals->offset += length;
            read_line(line, found, user);
        }
    }
    free(line);
    fclose(file);
}

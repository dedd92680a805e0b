#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alert/sink/format.h"
#include "lib/alert/sink/sink.h"
#include "lib/sys/write_remedy.h"

struct json_sink {
    struct sink sink;
    const struct sink_identity *identity;
    char *path;
    bool is_output; /* it is standard output, and no file */
    int descriptor; /* -1: not open */
    dev_t device;   /* what the descriptor is open on */
    ino_t inode;
    bool torn; /* the file ends in half a line: the next one must begin with a newline */
};

static struct json_sink *from_sink(struct sink *sink)
{
    return (struct json_sink *)((char *)sink - offsetof(struct json_sink, sink));
}

static void close_file(struct json_sink *self)
{
    if (self->descriptor >= 0 && !self->is_output) {
        close(self->descriptor);
    }
    self->descriptor = -1;
}

/* The program may have been started with it closed. */
static int open_output(struct json_sink *self, char error[SINK_ERROR_SIZE])
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        snprintf(
            error, SINK_ERROR_SIZE,
            "standard output is not open for writing: start this program with one, or let json "
            "name a file");
        return -1;
    }
    self->descriptor = STDOUT_FILENO;
    return 0;
}

/* A line that an earlier run could not finish. */
static bool ends_in_half_a_line(int descriptor, off_t size)
{
    char last = '\n';

    return size > 0 && pread(descriptor, &last, 1, size - 1) == 1 && last != '\n';
}

/* Without waiting: O_NONBLOCK is for a path that is a FIFO or a device. */
static int open_file(struct json_sink *self, char error[SINK_ERROR_SIZE])
{
    struct stat status;

    if (self->is_output) {
        return open_output(self, error);
    }
    int descriptor =
        open(self->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);

    if (descriptor < 0) {
        snprintf(error, SINK_ERROR_SIZE, "cannot open %.120s: %m (%s)", self->path,
                 write_remedy(errno, "json must name a file that this program may write"));
        return -1;
    }
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        snprintf(error, SINK_ERROR_SIZE, "%.120s is not a regular file: json must name one",
                 self->path);
        close(descriptor);
        return -1;
    }
    self->descriptor = descriptor;
    self->device = status.st_dev;
    self->inode = status.st_ino;
    self->torn = ends_in_half_a_line(descriptor, status.st_size);
    return 0;
}

/* Log rotation renames or removes the file: then the path means another one, or none. */
static bool path_moved_on(const struct json_sink *self)
{
    struct stat status;

    if (self->is_output) {
        return false;
    }
    return stat(self->path, &status) != 0 || status.st_dev != self->device ||
           status.st_ino != self->inode;
}

/* A pipe takes a long line in pieces, and whoever reads it may be slow: this thread is there to
 * wait. */
static int append_output(struct json_sink *self, const char *text, size_t length,
                         char error[SINK_ERROR_SIZE])
{
    while (length > 0) {
        struct pollfd polled = {.fd = self->descriptor, .events = POLLOUT};
        ssize_t written = write(self->descriptor, text, length);

        if (written > 0) {
            text += written;
            length -= (size_t)written;
            self->torn = length > 0;
        } else if (written < 0 && errno == EAGAIN) {
            poll(&polled, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            snprintf(error, SINK_ERROR_SIZE, "cannot write to standard output: %m");
            return -1;
        }
    }
    return 0;
}

/* One write, so that two programs can append to one file. A line that a full disk cut off is tried
 * once more; if that fails too, half a line stays behind and is ended before the next one. */
static int append(struct json_sink *self, const char *text, size_t length,
                  char error[SINK_ERROR_SIZE])
{
    if (self->is_output) {
        return append_output(self, text, length, error);
    }
    ssize_t written = write(self->descriptor, text, length);

    if (written > 0 && (size_t)written < length) {
        size_t done = (size_t)written;

        written = write(self->descriptor, text + done, length - done);
        self->torn = written < 0 || (size_t)written < length - done;
        if (!self->torn) {
            return 0;
        }
        if (written >= 0) {
            errno = ENOSPC;
        }
    } else if (written > 0) {
        self->torn = false;
        return 0;
    }
    snprintf(error, SINK_ERROR_SIZE, "cannot write to %.120s: %m", self->path);
    return -1;
}

/* The announcement's line with a newline before it, which is left out unless needed, and one behind
 * it. The caller frees it. */
static char *make_line(const struct json_sink *self, const struct announcement *announcement,
                       size_t *length)
{
    json_t *object = format_json(announcement, self->identity);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    char *line = NULL;

    json_decref(object);
    if (text != NULL) {
        int printed = asprintf(&line, "\n%s\n", text);

        if (printed < 0) {
            line = NULL;
        }
        *length = line == NULL ? 0 : (size_t)printed;
    }
    free(text);
    return line;
}

static int open_sink(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    struct json_sink *self = from_sink(sink);

    return self->descriptor >= 0 ? 0 : open_file(self, error);
}

static int announce(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE])
{
    struct json_sink *self = from_sink(sink);
    size_t length = 0;
    char *line = make_line(self, announcement, &length);
    int result = -1;

    if (line == NULL) {
        snprintf(error, SINK_ERROR_SIZE, "out of memory");
    } else {
        if (self->descriptor >= 0 && path_moved_on(self)) {
            close_file(self);
        }
        if (self->descriptor >= 0 || open_file(self, error) == 0) {
            size_t skip = self->torn ? 0 : 1;

            result = append(self, line + skip, length - skip, error);
        }
    }
    free(line);
    if (result != 0) {
        sink->lost++;
    }
    return result;
}

static void free_sink(struct sink *sink)
{
    struct json_sink *self = from_sink(sink);

    close_file(self);
    free(self->path);
    free(self);
}

struct sink *sink_json_new(const struct sink_source *source)
{
    struct json_sink *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->path = strdup(source->settings->json_path);
    if (self->path == NULL) {
        free(self);
        return NULL;
    }
    self->sink =
        (struct sink){.name = "json", .announce = announce, .open = open_sink, .free = free_sink};
    self->identity = source->identity;
    self->is_output = strcmp(self->path, ALERT_JSON_OUTPUT) == 0;
    self->descriptor = -1;
    return &self->sink;
}

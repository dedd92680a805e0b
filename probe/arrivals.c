#include "probe/arrivals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alert/format.h"

#define BEFORE_TOKEN "\"token\":\""

void arrivals_path(const char *state_directory, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/probe/arrivals.json", PATH_MAX - 64, state_directory);
}

static bool fail(const char *path, const char *what, char error[ARRIVALS_ERROR_SIZE])
{
    snprintf(error, ARRIVALS_ERROR_SIZE, "%.300s: %s", path, what);
    return false;
}

bool arrivals_record(const char *path, const char *token, time_t now,
                     char error[ARRIVALS_ERROR_SIZE])
{
    char line[128];
    char when[21];
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    if (descriptor < 0) {
        return fail(path, strerror(errno), error);
    }
    int length = snprintf(line, sizeof(line), "{\"time\":\"%s\"," BEFORE_TOKEN "%s\"}\n",
                          format_time(when, now), token);
    ssize_t written = write(descriptor, line, (size_t)length);
    /* A pipe or a device has nothing to wait for. */
    bool kept = written == length && (fsync(descriptor) == 0 || errno == EINVAL);
    const char *what = written >= 0 && written < length ? "the disk is full" : strerror(errno);
    if (close(descriptor) != 0 || !kept) {
        return fail(path, what, error);
    }
    return true;
}

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

#include "lib/sys/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_fully(int descriptor, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(descriptor, text, length);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        text += written;
        length -= (size_t)written;
    }
    return true;
}

/* O_NONBLOCK: something else of that name, a FIFO say, is an error and no wait. */
static bool write_draft(const struct atomic_file *file, const char *text, size_t length)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int descriptor = open(file->draft, flags, file->mode);

    if (descriptor < 0) {
        return false;
    }
    bool written = fchmod(descriptor, file->mode) == 0 && write_fully(descriptor, text, length) &&
                   (!file->durable || fsync(descriptor) == 0);
    int reason = errno;
    if (close(descriptor) != 0 && written) {
        written = false;
        reason = errno;
    }
    errno = reason;
    return written;
}

/* The new name is kept, too. Some file systems have nothing to do for that, and say EINVAL. */
static bool keep_name(const struct atomic_file *file)
{
    char folder[PATH_MAX];

    if (!file->durable) {
        return true;
    }
    snprintf(folder, sizeof(folder), "%s", file->path);
    int descriptor = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return false;
    }
    bool kept = fsync(descriptor) == 0 || errno == EINVAL;
    int reason = errno;
    close(descriptor);
    errno = reason;
    return kept;
}

bool atomic_file_write(const struct atomic_file *file, const char *text, size_t length)
{
    if (write_draft(file, text, length) && rename(file->draft, file->path) == 0) {
        return keep_name(file);
    }
    int reason = errno;
    (void)unlink(file->draft);
    errno = reason;
    return false;
}

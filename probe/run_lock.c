#include "probe/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(const char *state_directory, int flags)
{
    char path[PATH_MAX];

    if ((flags & O_CREAT) != 0) {
        snprintf(path, sizeof(path), "%.*s/probe", PATH_MAX - 64, state_directory);
        (void)mkdir(path, 0750);
    }
    snprintf(path, sizeof(path), "%.*s/probe/run.lock", PATH_MAX - 64, state_directory);
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0640);
}

/* Those of an open file, not of a process: fcntl(2). */
static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

int run_lock_take(const char *state_directory)
{
    int descriptor = open_file(state_directory, O_RDWR | O_CREAT);
    struct flock lock = whole_file();

    if (descriptor < 0 || fcntl(descriptor, F_OFD_SETLK, &lock) == 0) {
        return descriptor;
    }
    int reason = errno == EACCES ? EAGAIN : errno;
    close(descriptor);
    errno = reason;
    return -1;
}

bool run_lock_is_taken(const char *state_directory)
{
    int descriptor = open_file(state_directory, O_RDONLY);
    struct flock lock = whole_file();

    if (descriptor < 0) {
        return false;
    }
    bool taken = fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(descriptor);
    return taken;
}

#include "lib/sys/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP "relaywarden" /* as the package makes it */

static bool give_rights(int file, mode_t mode)
{
    const struct group *group = geteuid() == 0 ? getgrnam(GROUP) : NULL;

    return group == NULL ? fchmod(file, mode) == 0
                         : fchown(file, (uid_t)-1, group->gr_gid) == 0 && fchmod(file, 0640) == 0;
}

int new_file_write(const char *path, const void *octets, size_t length, mode_t mode)
{
    int error = 0;
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);

    if (file < 0) {
        return errno;
    }
    errno = EIO; /* for a write that is cut short */
    if (write(file, octets, length) != (ssize_t)length || fsync(file) != 0 ||
        !give_rights(file, mode)) {
        error = errno;
    }
    if (close(file) != 0 && error == 0) {
        error = errno;
    }
    if (error != 0) {
        unlink(path);
    }
    return error;
}

#include "milter/service/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool privileges_drop_to(const char *name, char error[PRIVILEGES_ERROR_SIZE])
{
    if (name[0] == '\0' || geteuid() != 0) {
        return true;
    }
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL && errno != 0 && errno != ENOENT) {
        snprintf(error, PRIVILEGES_ERROR_SIZE, "cannot look up the user \"%.64s\": %s", name,
                 strerror(errno));
        return false;
    }
    if (user == NULL) {
        snprintf(
            error, PRIVILEGES_ERROR_SIZE,
            "the user \"%.64s\" does not exist: create it (adduser --system --group %.64s), or set "
            "user to \"\" to stay as started",
            name, name);
        return false;
    }
    uid_t uid = user->pw_uid;
    gid_t gid = user->pw_gid;
    if (initgroups(name, gid) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(uid, uid, uid) != 0) {
        /* Root of a container that may do nothing. */
        snprintf(
            error, PRIVILEGES_ERROR_SIZE,
            "cannot become the user \"%.64s\": %s; start it as that user (--user %u:%u), or let it "
            "keep the capabilities SETUID and SETGID, or set user to \"\" to stay as started",
            name, strerror(errno), (unsigned int)uid, (unsigned int)gid);
        return false;
    }
    if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
        snprintf(error, PRIVILEGES_ERROR_SIZE, "root could be had back after becoming \"%.64s\"",
                 name);
        return false;
    }
    return true;
}

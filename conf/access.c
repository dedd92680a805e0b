#include "conf/access.h"

#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool conf_access_guarded(const struct stat *status, struct conf_access_fault *out)
{
    struct conf_access_fault fault = {NULL, NULL};

    if (status->st_uid != 0 && status->st_uid != geteuid()) {
        fault = (struct conf_access_fault){"is owned by neither root nor the user who runs this",
                                           "chown it to root"};
    } else if ((status->st_mode & S_IWOTH) != 0) {
        fault = (struct conf_access_fault){"is writable by everybody", "chmod o-w it"};
    } else if ((status->st_mode & S_IWGRP) != 0 && status->st_gid != 0) {
        fault =
            (struct conf_access_fault){"is writable by a group other than root's", "chmod g-w it"};
    }
    if (fault.fault == NULL) {
        return true;
    }
    *out = fault;
    return false;
}

const char *conf_access_denied(char out[CONF_ACCESS_SIZE], int error)
{
    char memory[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    char user[64];

    if (getpwuid_r(geteuid(), &entry, memory, sizeof(memory), &found) == 0 && found != NULL) {
        snprintf(user, sizeof(user), "%s", entry.pw_name);
    } else {
        snprintf(user, sizeof(user), "%ju", (uintmax_t)geteuid());
    }
    if (error == EACCES) {
        snprintf(out, CONF_ACCESS_SIZE,
                 "%s for user %s; run this as root, or let a group of that user's read the file: "
                 "chgrp and chmod 0640 it",
                 strerror(error), user);
    } else {
        snprintf(out, CONF_ACCESS_SIZE, "%s", strerror(error));
    }
    return out;
}

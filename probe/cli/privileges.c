#include "probe/cli/privileges.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the probe's own folder, else of the one that it will be made in. False: there is neither. */
static bool find_owner(const struct conf *conf, struct stat *status)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%.*s/probe", PATH_MAX - 64, conf->state_directory);
    return stat(path, status) == 0 || stat(conf->state_directory, status) == 0;
}

bool privileges_become(const struct conf *conf, char name[PRIVILEGES_NAME_SIZE])
{
    struct stat status;

    name[0] = '\0';
    if (geteuid() != 0 || !find_owner(conf, &status) || status.st_uid == 0) {
        return true;
    }
    const struct passwd *user = getpwuid(status.st_uid);
    gid_t group = user != NULL ? user->pw_gid : status.st_gid;
    if (user != NULL) {
        snprintf(name, PRIVILEGES_NAME_SIZE, "%s", user->pw_name);
    } else {
        snprintf(name, PRIVILEGES_NAME_SIZE, "%ju", (uintmax_t)status.st_uid);
    }
    int grouped = user != NULL ? initgroups(user->pw_name, group) : setgroups(0, NULL);
    return grouped == 0 && setresgid(group, group, group) == 0 &&
           setresuid(status.st_uid, status.st_uid, status.st_uid) == 0;
}

#include "milter/socket.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

const char *socket_unix_path(const char *socket)
{
    static const char *const prefixes[] = {"unix:", "local:"};

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(socket, prefixes[i], strlen(prefixes[i])) == 0) {
            return socket + strlen(prefixes[i]);
        }
    }
    return strchr(socket, ':') == NULL ? socket : NULL;
}

/* Whether a process answers on the socket. */
static bool is_served(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (descriptor < 0) {
        return false;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    /* EAGAIN: the backlog of a living listener is full. */
    bool served = connect(descriptor, (const struct sockaddr *)&address, sizeof address) == 0 ||
                  errno == EAGAIN;
    close(descriptor);
    return served;
}

static bool directory_exists(const char *path, char error[SOCKET_ERROR_SIZE])
{
    char copy[sizeof((struct sockaddr_un *)0)->sun_path];
    struct stat status;

    snprintf(copy, sizeof copy, "%s", path);
    const char *directory = dirname(copy);
    if (stat(directory, &status) == 0 && S_ISDIR(status.st_mode)) {
        return true;
    }
    snprintf(error, SOCKET_ERROR_SIZE,
             "the socket's directory %s does not exist: create it (mkdir -m 0750 %s), owned by the "
             "user that the milter runs as, with Postfix's group",
             directory, directory);
    return false;
}

bool socket_check(const char *socket, char error[SOCKET_ERROR_SIZE])
{
    const char *path = socket_unix_path(socket);
    struct stat status;

    if (path == NULL) {
        return true;
    }
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        snprintf(error, SOCKET_ERROR_SIZE,
                 "the socket's path is longer than a UNIX socket allows (%zu): shorten %.300s",
                 sizeof((struct sockaddr_un *)0)->sun_path - 1, path);
        return false;
    }
    if (!directory_exists(path, error)) {
        return false;
    }
    if (lstat(path, &status) != 0) {
        return true;
    }
    if (!S_ISSOCK(status.st_mode)) {
        snprintf(error, SOCKET_ERROR_SIZE,
                 "%s exists and is no socket: move it away, or change the option socket", path);
        return false;
    }
    if (is_served(path)) {
        snprintf(error, SOCKET_ERROR_SIZE,
                 "another process is serving on %s: stop it, or change the option socket", path);
        return false;
    }
    return true;
}

bool socket_grant(const char *socket, const struct socket_access *access,
                  char error[SOCKET_ERROR_SIZE])
{
    const char *path = socket_unix_path(socket);

    if (path == NULL) {
        return true;
    }
    if (access->group[0] != '\0') {
        const struct group *group = getgrnam(access->group);
        if (group == NULL) {
            snprintf(
                error, SOCKET_ERROR_SIZE,
                "the group \"%.64s\" of option socket_group does not exist: create it, name the "
                "group that Postfix runs as, or set it to \"\"",
                access->group);
            return false;
        }
        if (lchown(path, (uid_t)-1, group->gr_gid) != 0) {
            snprintf(
                error, SOCKET_ERROR_SIZE,
                "cannot give %s to the group %.64s: %s (start as root, or set socket_group to a "
                "group of this user)",
                path, access->group, strerror(errno));
            return false;
        }
    }
    if (chmod(path, access->mode) != 0) {
        snprintf(error, SOCKET_ERROR_SIZE, "cannot set mode %04o on %s: %s", access->mode, path,
                 strerror(errno));
        return false;
    }
    return true;
}

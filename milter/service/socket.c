#include "milter/service/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

const char *socket_unix_path(const char *socket)
{
    static const char *const prefixes[] = {"unix:", "local:"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(socket, prefixes[i], strlen(prefixes[i])) == 0) {
            return socket + strlen(prefixes[i]);
        }
    }
    return strchr(socket, ':') == NULL ? socket : NULL;
}

/* A connection that is made at once or not at all: -1 with errno. */
static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (descriptor >= 0 &&
        connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

/* Whether a process answers on the socket. */
static bool is_served(const char *path)
{
    int descriptor = connect_unix(path);

    if (descriptor < 0) {
        /* Anything but a refusal may be a living listener, its backlog full, or not ours to see. */
        return errno != ECONNREFUSED && errno != ENOENT;
    }
    close(descriptor);
    return true;
}

static bool directory_exists(const char *path, char error[SOCKET_ERROR_SIZE])
{
    char copy[sizeof((struct sockaddr_un *)0)->sun_path];
    struct stat status;

    snprintf(copy, sizeof(copy), "%s", path);
    const char *directory = dirname(copy);
    if (stat(directory, &status) == 0 && S_ISDIR(status.st_mode)) {
        return true;
    }
    snprintf(
        error, SOCKET_ERROR_SIZE,
        "the socket's directory %s does not exist: create it (install -d -o relaywarden -g postfix "
        "-m 2750 %s; owned by the user that the milter runs as, with Postfix's group)",
        directory, directory);
    return false;
}

/* The addresses of "inet:PORT@HOST", to listen on (AI_PASSIVE) or to connect to (0). Returns
 * getaddrinfo's code. */
static int look_up(const char *socket_text, int flags, struct addrinfo **found)
{
    char port[16];
    const char *colon = strchr(socket_text, ':');
    const char *at = strchr(colon, '@');
    const struct addrinfo hints = {
        .ai_family = strncmp(socket_text, "inet6:", 6) == 0 ? AF_INET6 : AF_INET,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = flags,
    };

    snprintf(port, sizeof(port), "%.*s", (int)strcspn(colon + 1, "@"), colon + 1);
    return getaddrinfo(at == NULL ? NULL : at + 1, port, &hints, found);
}

/* Whether it could be bound, which libmilter would not explain. */
static bool check_tcp(const char *socket_text, char error[SOCKET_ERROR_SIZE])
{
    struct addrinfo *found = NULL;
    const int on = 1;
    int lookup = look_up(socket_text, AI_PASSIVE, &found);

    if (lookup != 0) {
        snprintf(error, SOCKET_ERROR_SIZE, "%.200s names no address of this host: %s", socket_text,
                 gai_strerror(lookup));
        return false;
    }
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = descriptor >= 0 &&
                 setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                 bind(descriptor, found->ai_addr, found->ai_addrlen) == 0;
    if (!bound) {
        snprintf(error, SOCKET_ERROR_SIZE,
                 "cannot listen on %.200s: %s (choose another in the option socket, or stop what "
                 "uses it)",
                 socket_text, strerror(errno));
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    freeaddrinfo(found);
    return bound;
}

static int connect_tcp(const char *socket_text)
{
    struct addrinfo *found = NULL;

    if (look_up(socket_text, 0, &found) != 0) {
        errno = ENOENT;
        return -1;
    }
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor >= 0 && connect(descriptor, found->ai_addr, found->ai_addrlen) != 0 &&
        errno != EINPROGRESS) {
        int error = errno;
        close(descriptor);
        errno = error;
        descriptor = -1;
    }
    freeaddrinfo(found);
    return descriptor;
}

int socket_connect(const char *socket)
{
    const char *path = socket_unix_path(socket);

    return path != NULL ? connect_unix(path) : connect_tcp(socket);
}

bool socket_check(const char *socket, char error[SOCKET_ERROR_SIZE])
{
    const char *path = socket_unix_path(socket);
    struct stat status;

    if (path == NULL) {
        return check_tcp(socket, error);
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

/* Changes the group of the very file that was looked at: its directory belongs to an unprivileged
 * user, who could put another file in its place. */
static bool change_group(const char *path, gid_t group, char error[SOCKET_ERROR_SIZE])
{
    int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;

    if (file < 0) {
        snprintf(error, SOCKET_ERROR_SIZE, "%.300s is not there any more: %s", path,
                 strerror(errno));
        return false;
    }
    /* In a folder with the set-group-ID bit it has the group by being made there, which needs no
     * privilege. */
    bool changed =
        fstat(file, &status) == 0 && S_ISSOCK(status.st_mode) &&
        (status.st_gid == group || fchownat(file, "", (uid_t)-1, group, AT_EMPTY_PATH) == 0);
    if (!changed) {
        snprintf(
            error, SOCKET_ERROR_SIZE,
            "cannot give %.300s to the group of option socket_group: %s (start as root, name a "
            "group of this user, or give the folder that group and the mode 2750)",
            path, strerror(errno));
    }
    close(file);
    return changed;
}

bool socket_grant(const char *socket, const char *group_name, char error[SOCKET_ERROR_SIZE])
{
    const char *path = socket_unix_path(socket);

    if (path == NULL || group_name[0] == '\0') {
        return true;
    }
    const struct group *group = getgrnam(group_name);
    if (group == NULL) {
        snprintf(error, SOCKET_ERROR_SIZE,
                 "the group \"%.64s\" of option socket_group does not exist: create it, name the "
                 "group that Postfix runs as, or set it to \"\"",
                 group_name);
        return false;
    }
    return change_group(path, group->gr_gid, error);
}

bool socket_is_reachable(const char *socket, const char *group_name)
{
    const char *path = socket_unix_path(socket);
    char copy[sizeof((struct sockaddr_un *)0)->sun_path];
    struct stat status;

    if (path == NULL || group_name[0] == '\0') {
        return true;
    }
    const struct group *group = getgrnam(group_name);
    snprintf(copy, sizeof(copy), "%s", path);
    if (group == NULL || stat(dirname(copy), &status) != 0 || (status.st_mode & S_IXOTH) != 0) {
        return true;
    }
    return status.st_gid == group->gr_gid && (status.st_mode & S_IXGRP) != 0;
}

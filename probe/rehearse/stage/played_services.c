#include "probe/rehearse/stage/played_services.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe/rehearse/stage/mounts.h"

#define CLIENTS_MAX 200
#define LINE_SIZE   4096

struct client_of_played {
    enum played_service_kind kind;
    char line[LINE_SIZE];
    size_t length;
};

struct played_services {
    struct pollfd sockets[PLAYED_SERVICES_MAX + CLIENTS_MAX];
    struct client_of_played clients[PLAYED_SERVICES_MAX + CLIENTS_MAX]; /* of those that listen: the
                                                                          kind alone */
    size_t listening;
    size_t count;
};

/* ---- opening ------------------------------------------------------------------------------ */

static int open_unix(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (strlen(path) >= sizeof(at.sun_path) || slash == NULL) {
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    (void)mounts_make_folder(folder, 0755);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made >= 0 && (bind(made, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
                      chmod(path, 0666) != 0 || listen(made, SOMAXCONN) != 0)) {
        close(made);
        return -1;
    }
    return made;
}

static int open_tcp(const struct played_service *service)
{
    struct sockaddr_storage at;
    socklen_t length = address_to_sockaddr(&service->address, service->port, &at);
    int yes = 1;

    if (length == 0) {
        return -1;
    }
    int made = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made >= 0 &&
        (setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
         bind(made, (const struct sockaddr *)&at, length) != 0 || listen(made, SOMAXCONN) != 0)) {
        close(made);
        return -1;
    }
    return made;
}

struct played_services *played_services_open(const struct played_service *services, size_t count)
{
    struct played_services *made = calloc(1, sizeof(*made));

    for (size_t i = 0; made != NULL && i < count && i < PLAYED_SERVICES_MAX; i++) {
        int socket =
            services[i].path[0] != '\0' ? open_unix(services[i].path) : open_tcp(&services[i]);
        if (socket >= 0) {
            made->sockets[made->count] = (struct pollfd){.fd = socket, .events = POLLIN};
            made->clients[made->count++].kind = services[i].kind;
        }
    }
    if (made != NULL) {
        made->listening = made->count;
    }
    return made;
}

/* ---- talking ------------------------------------------------------------------------------ */

static void say(int socket, const char *text)
{
    (void)send(socket, text, strlen(text), MSG_NOSIGNAL);
}

/* Dovecot's server speaks first. PLAIN and LOGIN, but not ANONYMOUS: who that lets in the MTA
 * decides, and whether the true server offers it is not known. */
static void greet(int socket, enum played_service_kind kind)
{
    if (kind == PLAYED_SASL) {
        say(socket, "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\n"
                    "CUID\t1\nCOOKIE\t00112233445566778899aabbccddeeff\nDONE\n");
    }
}

static void answer_line(int socket, const struct client_of_played *client, const char *line)
{
    char reply[64];

    if (client->kind == PLAYED_SASL) {
        if (strncmp(line, "AUTH\t", 5) == 0 || strncmp(line, "CONT\t", 5) == 0) {
            snprintf(reply, sizeof(reply), "FAIL\t%.*s\n", (int)strspn(line + 5, "0123456789") % 20,
                     line + 5);
            say(socket, reply);
        }
    } else if (line[0] == '\0') { /* the end of a request */
        say(socket, client->kind == PLAYED_POLICY_OK ? "action=OK\n\n" : "action=DUNNO\n\n");
    }
}

static void take_octets(int socket, struct client_of_played *client, const char *octets,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (octets[i] == '\n') {
            client->line[client->length] = '\0';
            answer_line(socket, client, client->line);
            client->length = 0;
        } else if (client->length + 1 < sizeof(client->line)) {
            client->line[client->length++] = octets[i];
        }
    }
}

static void take_client(struct played_services *services, size_t listening)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof(from);
    int socket = accept4(services->sockets[listening].fd, (struct sockaddr *)&from, &length,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (socket < 0) {
        return;
    }
    if (services->count == PLAYED_SERVICES_MAX + CLIENTS_MAX) {
        close(socket);
        return;
    }
    services->sockets[services->count] = (struct pollfd){.fd = socket, .events = POLLIN};
    services->clients[services->count].kind = services->clients[listening].kind;
    services->clients[services->count].length = 0;
    greet(socket, services->clients[services->count++].kind);
}

/* Whether it is still there. */
static bool hear_client(struct played_services *services, size_t at)
{
    char octets[LINE_SIZE];
    ssize_t count = recv(services->sockets[at].fd, octets, sizeof(octets), 0);

    if (count <= 0) {
        close(services->sockets[at].fd);
        services->count--;
        services->sockets[at] = services->sockets[services->count];
        services->clients[at] = services->clients[services->count];
        return false;
    }
    take_octets(services->sockets[at].fd, &services->clients[at], octets, (size_t)count);
    return true;
}

void played_services_serve(struct played_services *services, int ms)
{
    if (poll(services->sockets, services->count, ms) <= 0) {
        return;
    }
    for (size_t i = services->count; i > services->listening; i--) {
        if (services->sockets[i - 1].revents != 0) {
            (void)hear_client(services, i - 1);
        }
    }
    for (size_t i = 0; i < services->listening; i++) {
        if ((services->sockets[i].revents & POLLIN) != 0) {
            take_client(services, i);
        }
    }
}

#include "lib/http/http_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BACKLOG    128
#define ANSWER_MAX 1024

static const char *remedy_for(int reason)
{
    switch (reason) {
    case EADDRINUSE:
        return "end the program that uses it (ss -ltnp shows which), or set listen to another port";
    case EADDRNOTAVAIL:
        return "it is no address of this host; set listen to one that is";
    case EACCES:
    case EPERM:
        return "this user may not use the port; set listen to one of 1024 and above";
    case EAFNOSUPPORT:
        return "this host has no such addresses; set listen to one that it has";
    default:
        return "set listen to another address or port";
    }
}

int http_socket_open(const struct http_place *place, char error[HTTP_ERROR_SIZE])
{
    struct sockaddr_storage address;
    char shown[ENDPOINT_TEXT_SIZE];
    const int on = 1;
    socklen_t length = address_to_sockaddr(&place->address, place->port, &address);
    int descriptor =
        socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    /* A port that connections of before still linger on is ours to have again. */
    if (descriptor >= 0 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(descriptor, (const struct sockaddr *)&address, length) == 0 &&
        listen(descriptor, BACKLOG) == 0) {
        return descriptor;
    }
    const int reason = errno;
    snprintf(error, HTTP_ERROR_SIZE, "listen: cannot listen on %s: %s; %s",
             address_format_port(&place->address, place->port, shown), strerror(reason),
             remedy_for(reason));
    if (descriptor >= 0) {
        close(descriptor);
    }
    errno = reason;
    return -1;
}

bool http_socket_is_of(const struct http_place *place, const char *program)
{
    static const char asked[] = "HEAD /-/healthy HTTP/1.0\r\n\r\n";
    const struct timeval patience = {.tv_sec = 1};
    struct sockaddr_storage address;
    char answer[ANSWER_MAX + 1];
    char server[128];
    size_t count = 0;
    socklen_t length = address_to_sockaddr(&place->address, place->port, &address);
    int descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

    if (descriptor < 0) {
        return false;
    }
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(descriptor, (const struct sockaddr *)&address, length) == 0 &&
        send(descriptor, asked, sizeof(asked) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(asked) - 1) {
        ssize_t got = recv(descriptor, answer, ANSWER_MAX, MSG_WAITALL);
        count = got > 0 ? (size_t)got : 0;
    }
    close(descriptor);
    answer[count] = '\0';
    snprintf(server, sizeof(server), "\r\nServer: %s\r\n", program);
    return strstr(answer, server) != NULL;
}

bool http_socket_is_exposed(const struct http_place *place)
{
    return place->address.family != ADDRESS_NONE && !address_is_loopback(&place->address);
}

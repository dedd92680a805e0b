/*
 * light_server - an SMTP server that costs next to nothing, for thousands of endpoints
 *
 * light_server PORT [OPEN-ADDRESS]...: listens on every address, IPv6 and IPv4, and says "ready".
 * Offers PIPELINING, and refuses relaying as Postfix does, but lets anybody relay who came to an
 * OPEN-ADDRESS (IPv6). One thread; it ends with its standard input, and then prints the number of
 * connections that it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_SIZE   2048
#define OUTPUT_SIZE 8192
#define EVENTS      256

struct client {
    int descriptor;
    bool open; /* came to an open address */
    size_t used;
    char line[LINE_SIZE];
};

struct server {
    int epoll;
    int listener;
    struct in6_addr *open_addresses;
    int open_count;
    unsigned long connections;
};

static bool begins_with(const char *line, const char *word)
{
    return strncasecmp(line, word, strlen(word)) == 0;
}

static const char *answer(const struct client *client, const char *line)
{
    if (begins_with(line, "EHLO")) {
        return "250-light.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
    }
    if (begins_with(line, "RCPT")) {
        return client->open ? "250 2.1.5 Ok\r\n" : "554 5.7.1 Relay access denied\r\n";
    }
    if (begins_with(line, "MAIL")) {
        return "250 2.1.0 Ok\r\n";
    }
    if (begins_with(line, "RSET") || begins_with(line, "HELO")) {
        return "250 2.0.0 Ok\r\n";
    }
    if (begins_with(line, "QUIT")) {
        return "221 2.0.0 Bye\r\n";
    }
    return "502 5.5.2 Error: command not recognized\r\n";
}

/* Answers every whole line that came. False: the connection is over. */
static bool take_lines(struct client *client)
{
    char output[OUTPUT_SIZE];
    size_t length = 0;
    bool over = false;
    char *from = client->line;
    char *end;

    while (!over && (end = memchr(from, '\n', client->used - (size_t)(from - client->line)))) {
        *end = '\0';
        const char *reply = answer(client, from);
        over = begins_with(from, "QUIT");
        if (length + strlen(reply) < sizeof(output)) {
            memcpy(output + length, reply, strlen(reply));
            length += strlen(reply);
        }
        from = end + 1;
    }
    client->used -= (size_t)(from - client->line);
    memmove(client->line, from, client->used);
    bool sent = length == 0 || send(client->descriptor, output, length, MSG_NOSIGNAL) > 0;
    return sent && !over;
}

static void end_client(struct client *client)
{
    close(client->descriptor);
    free(client);
}

static void serve(struct client *client)
{
    ssize_t got = recv(client->descriptor, client->line + client->used,
                       sizeof(client->line) - client->used, 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    client->used += got > 0 ? (size_t)got : 0;
    if (got <= 0 || !take_lines(client) || client->used == sizeof(client->line)) {
        end_client(client);
    }
}

static bool is_open(const struct server *server, int descriptor)
{
    struct sockaddr_in6 own;
    socklen_t length = sizeof(own);

    if (getsockname(descriptor, (struct sockaddr *)&own, &length) != 0) {
        return false;
    }
    for (int i = 0; i < server->open_count; i++) {
        if (memcmp(&own.sin6_addr, &server->open_addresses[i], sizeof(own.sin6_addr)) == 0) {
            return true;
        }
    }
    return false;
}

static void take_clients(struct server *server)
{
    static const char greeting[] = "220 light.example.org ESMTP\r\n";
    static const int on = 1;
    struct sockaddr_in6 from;
    socklen_t length = sizeof(from);
    int descriptor;

    while ((descriptor = accept4(server->listener, (struct sockaddr *)&from, &length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *client = calloc(1, sizeof(*client));
        if (client == NULL) {
            close(descriptor);
            continue;
        }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        client->descriptor = descriptor;
        client->open = is_open(server, descriptor);
        server->connections++;
        (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (send(descriptor, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) < 0 ||
            epoll_ctl(server->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
            end_client(client);
        }
    }
}

static int listen_on(unsigned int port)
{
    const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;

    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(listener, (const struct sockaddr *)&any, sizeof(any)) != 0 ||
        listen(listener, 4096) != 0) {
        perror("light_server");
        exit(1);
    }
    return listener;
}

static struct in6_addr *read_addresses(char **texts, int count)
{
    struct in6_addr *addresses = calloc((size_t)count + 1, sizeof(*addresses));

    for (int i = 0; addresses != NULL && i < count; i++) {
        if (inet_pton(AF_INET6, texts[i], &addresses[i]) != 1) {
            fprintf(stderr, "light_server: %s is no IPv6 address\n", texts[i]);
            exit(1);
        }
    }
    return addresses;
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS];
    struct rlimit files;

    if (argc < 2) {
        fprintf(stderr, "usage: light_server PORT [OPEN-ADDRESS]...\n");
        return 1;
    }
    struct server server = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                            .listener = listen_on((unsigned int)strtoul(argv[1], NULL, 10)),
                            .open_addresses = read_addresses(argv + 2, argc - 2),
                            .open_count = argc - 2};
    struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = &server};
    struct epoll_event ending = {.events = EPOLLIN, .data.ptr = NULL};
    bool over = false;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)epoll_ctl(server.epoll, EPOLL_CTL_ADD, server.listener, &accepting);
    (void)epoll_ctl(server.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ending);
    puts("ready");
    fflush(stdout);
    while (!over) {
        int count = epoll_wait(server.epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL) {
                over = true;
            } else if (events[i].data.ptr == &server) {
                take_clients(&server);
            } else {
                serve(events[i].data.ptr);
            }
        }
    }
    printf("%lu\n", server.connections);
    return 0;
}

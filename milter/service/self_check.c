#include "milter/service/self_check.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "milter/service/socket.h"

/* Length of what follows, command, then what an MTA offers: version, actions, protocol steps. */
static const unsigned char negotiation[] = {0, 0, 0, 13,   'O', 0,    0,    0,   6,
                                            0, 0, 1, 0xff, 0,   0x1f, 0xff, 0xff};
static const unsigned char quit[] = {0, 0, 0, 1, 'Q'};

#define REPLY_HEAD 5 /* its length and its command, which is all that matters */

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_for(int descriptor, short event, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - milliseconds();
        struct pollfd wanted = {.fd = descriptor, .events = event};
        int ready = left <= 0 ? 0 : poll(&wanted, 1, (int)left);

        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

static bool negotiate(int descriptor, int64_t deadline)
{
    unsigned char head[REPLY_HEAD];
    size_t length = 0;

    if (!wait_for(descriptor, POLLOUT, deadline) ||
        send(descriptor, negotiation, sizeof(negotiation), MSG_NOSIGNAL) !=
            (ssize_t)sizeof(negotiation)) {
        return false;
    }
    while (length < sizeof(head)) {
        if (!wait_for(descriptor, POLLIN, deadline)) {
            return false;
        }
        ssize_t count = recv(descriptor, head + length, sizeof(head) - length, 0);
        if (count <= 0) {
            return false;
        }
        length += (size_t)count;
    }
    (void)send(descriptor, quit, sizeof(quit), MSG_NOSIGNAL);
    return head[4] == 'O';
}

bool self_check_beats(const char *socket, int limit_ms)
{
    int64_t deadline = milliseconds() + limit_ms;
    int descriptor = socket_connect(socket);

    if (descriptor < 0) {
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
    }
    bool beats = negotiate(descriptor, deadline);
    close(descriptor);
    return beats;
}

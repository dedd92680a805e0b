#include "lib/alert/sink/datagram.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

struct datagram {
    size_t length;
    char text[];
};

struct datagram_sink *datagram_from_sink(struct sink *sink)
{
    return (struct datagram_sink *)((char *)sink - offsetof(struct datagram_sink, sink));
}

static void disconnect(struct datagram_sink *self)
{
    if (self->descriptor >= 0) {
        close(self->descriptor);
    }
    self->descriptor = -1;
}

static int connect_to(struct datagram_sink *self, char error[SINK_ERROR_SIZE])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(self->path) >= sizeof(address.sun_path)) {
        snprintf(error, SINK_ERROR_SIZE, "the socket's path %.100s... is too long", self->path);
        return -1;
    }
    memcpy(address.sun_path, self->path, strlen(self->path));
    self->descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->descriptor < 0) {
        snprintf(error, SINK_ERROR_SIZE, "cannot make a socket: %m");
        return -1;
    }
    if (connect(self->descriptor, (struct sockaddr *)&address, sizeof(address)) == 0) {
        return 0;
    }
    if (errno == EPROTOTYPE) {
        snprintf(error, SINK_ERROR_SIZE,
                 "%s is not a datagram socket: let the %s listen there for datagrams", self->path,
                 self->daemon);
    } else {
        snprintf(error, SINK_ERROR_SIZE, "cannot connect to %s: %m (is a %s running?)", self->path,
                 self->daemon);
    }
    disconnect(self);
    return -1;
}

enum attempt {
    SENT,
    FULL,   /* the daemon does not read just now */
    BROKEN, /* there is no daemon; `error` says why */
    REFUSED /* this datagram cannot be sent at all; `error` says why */
};

static enum attempt attempt(struct datagram_sink *self, const char *text, size_t length,
                            char error[SINK_ERROR_SIZE])
{
    /* The second round is for a daemon that was restarted since we connected. */
    for (int round = 0; round < 2; round++) {
        if (self->descriptor < 0 && connect_to(self, error) != 0) {
            return BROKEN;
        }
        if (send(self->descriptor, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return SENT;
        }
        switch (errno) {
        case EAGAIN:
        case ENOBUFS:
        case ENOMEM:
        case EINTR:
            return FULL;
        case EMSGSIZE:
            snprintf(error, SINK_ERROR_SIZE, "%s takes no datagram of %zu octets", self->path,
                     length);
            return REFUSED;
        default:
            snprintf(error, SINK_ERROR_SIZE, "cannot send to %s: %m", self->path);
            disconnect(self);
        }
    }
    return BROKEN;
}

/* Keeps a datagram for `retry`. False: there is no room or no memory, and it is lost. */
static bool keep(struct datagram_sink *self, const char *text, size_t length)
{
    struct datagram *datagram = NULL;

    if (self->sink.waiting < DATAGRAM_WAITING_MAX) {
        datagram = malloc(sizeof(*datagram) + length);
    }
    if (datagram == NULL) {
        self->sink.lost++;
        return false;
    }
    datagram->length = length;
    memcpy(datagram->text, text, length);
    self->ring[(self->oldest + self->sink.waiting) % DATAGRAM_WAITING_MAX] = datagram;
    self->sink.waiting++;
    return true;
}

static void drop_oldest(struct datagram_sink *self)
{
    free(self->ring[self->oldest]);
    self->oldest = (self->oldest + 1) % DATAGRAM_WAITING_MAX;
    self->sink.waiting--;
}

/* That nobody listens is told at the start, and not only when there is something to tell. */
static int open_sink(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    struct datagram_sink *self = datagram_from_sink(sink);

    return self->descriptor >= 0 ? 0 : connect_to(self, error);
}

static int retry(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    struct datagram_sink *self = datagram_from_sink(sink);
    int result = 0;

    while (sink->waiting > 0) {
        const struct datagram *datagram = self->ring[self->oldest];
        enum attempt outcome = attempt(self, datagram->text, datagram->length, error);

        if (outcome == FULL) {
            break;
        }
        if (outcome == BROKEN) {
            return -1;
        }
        if (outcome == REFUSED) {
            sink->lost++;
            result = -1;
        }
        drop_oldest(self);
    }
    return result;
}

/* Sends behind what waits already, so that the order is kept. One of those that is lost meanwhile
 * was sent before: sink_set_announce takes it out of the count before it comes here. */
int datagram_send(struct datagram_sink *self, const char *text, size_t length,
                  char error[SINK_ERROR_SIZE])
{
    int result = retry(&self->sink, error);
    enum attempt outcome = FULL;

    if (self->sink.waiting == 0) {
        outcome = attempt(self, text, length, error);
    }
    if (outcome == SENT) {
        return 0;
    }
    if (outcome == REFUSED) {
        self->sink.lost++;
        return -1;
    }
    if (outcome == BROKEN) {
        result = -1;
    }
    if (!keep(self, text, length) && result == 0) {
        snprintf(error, SINK_ERROR_SIZE,
                 "the daemon at %s does not read its socket, and %d lines wait", self->path,
                 DATAGRAM_WAITING_MAX);
        result = -1;
    }
    return result;
}

static void succeed(struct sink *sink, struct sink *before)
{
    struct datagram_sink *self = datagram_from_sink(sink);
    struct datagram_sink *old = datagram_from_sink(before);

    memcpy(self->ring, old->ring, sizeof(self->ring));
    self->oldest = old->oldest;
    sink->waiting = before->waiting;
    sink->lost = before->lost;
    before->waiting = 0;
    before->lost = 0;
}

static void free_sink(struct sink *sink)
{
    struct datagram_sink *self = datagram_from_sink(sink);

    while (sink->waiting > 0) {
        drop_oldest(self);
    }
    disconnect(self);
    free(self->path);
    free(self);
}

bool datagram_init(struct datagram_sink *self, const struct sink_source *source, const char *path)
{
    self->path = strdup(path);
    self->identity = source->identity;
    self->descriptor = -1;
    self->sink.retry = retry;
    self->sink.open = open_sink;
    self->sink.succeed = succeed;
    self->sink.free = free_sink;
    return self->path != NULL;
}

int datagram_priority(const struct announcement *announcement)
{
    static const int priority[] = {
        [SEVERITY_INFO] = LOG_INFO,
        [SEVERITY_WARNING] = LOG_WARNING,
        [SEVERITY_CRITICAL] = LOG_CRIT,
    };

    if (announcement->state == INCIDENT_RESOLVED) {
        return LOG_NOTICE;
    }
    return priority[announcement->incident.finding.severity];
}

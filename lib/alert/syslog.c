/* The form is what syslog(3) sends to /dev/log: RFC 3164's, without a host name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/alert/format.h"
#include "lib/alert/sink.h"

#define DATAGRAM_MAX 8192 /* rsyslog's default maxMessageSize; a finding's line fits */
#define WAITING_MAX  64

struct datagram {
    size_t length;
    char text[];
};

struct syslog_sink {
    struct sink sink;
    const struct sink_identity *identity;
    int facility;
    int descriptor; /* -1: not connected */
    char *path;
    size_t oldest; /* of the ring; sink.waiting are in it */
    struct datagram *ring[WAITING_MAX];
};

static struct syslog_sink *from_sink(struct sink *sink)
{
    return (struct syslog_sink *)((char *)sink - offsetof(struct syslog_sink, sink));
}

static void disconnect(struct syslog_sink *self)
{
    if (self->descriptor >= 0)
        close(self->descriptor);
    self->descriptor = -1;
}

static int connect_to(struct syslog_sink *self, char error[SINK_ERROR_SIZE])
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
    if (connect(self->descriptor, (struct sockaddr *)&address, sizeof(address)) == 0)
        return 0;
    if (errno == EPROTOTYPE)
        snprintf(error, SINK_ERROR_SIZE,
                 "%s is not a datagram socket: let the syslog daemon listen there for datagrams",
                 self->path);
    else
        snprintf(error, SINK_ERROR_SIZE, "cannot connect to %s: %m (is a syslog daemon running?)",
                 self->path);
    disconnect(self);
    return -1;
}

enum attempt {
    SENT,
    FULL,   /* the daemon does not read just now */
    BROKEN, /* there is no daemon; `error` says why */
    REFUSED /* this datagram cannot be sent at all; `error` says why */
};

static enum attempt attempt(struct syslog_sink *self, const char *text, size_t length,
                            char error[SINK_ERROR_SIZE])
{
    /* The second round is for a daemon that was restarted since we connected. */
    for (int round = 0; round < 2; round++) {
        if (self->descriptor < 0 && connect_to(self, error) != 0)
            return BROKEN;
        if (send(self->descriptor, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return SENT;
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
static bool keep(struct syslog_sink *self, const char *text, size_t length)
{
    struct datagram *datagram = NULL;

    if (self->sink.waiting < WAITING_MAX)
        datagram = malloc(sizeof(*datagram) + length);
    if (datagram == NULL) {
        self->sink.lost++;
        return false;
    }
    datagram->length = length;
    memcpy(datagram->text, text, length);
    self->ring[(self->oldest + self->sink.waiting) % WAITING_MAX] = datagram;
    self->sink.waiting++;
    return true;
}

static void drop_oldest(struct syslog_sink *self)
{
    free(self->ring[self->oldest]);
    self->oldest = (self->oldest + 1) % WAITING_MAX;
    self->sink.waiting--;
}

static int retry(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    struct syslog_sink *self = from_sink(sink);
    int result = 0;

    while (sink->waiting > 0) {
        const struct datagram *datagram = self->ring[self->oldest];
        enum attempt outcome = attempt(self, datagram->text, datagram->length, error);

        if (outcome == FULL)
            break;
        if (outcome == BROKEN)
            return -1;
        if (outcome == REFUSED) {
            sink->lost++;
            result = -1;
        }
        drop_oldest(self);
    }
    return result;
}

/* Sends behind what waits already, so that the order is kept. */
static int send_or_keep(struct syslog_sink *self, const char *text, size_t length,
                        char error[SINK_ERROR_SIZE])
{
    int result = retry(&self->sink, error);
    enum attempt outcome = FULL;

    if (result == 0 && self->sink.waiting == 0)
        outcome = attempt(self, text, length, error);
    if (outcome == SENT)
        return 0;
    if (outcome == REFUSED) {
        self->sink.lost++;
        return -1;
    }
    if (outcome == BROKEN)
        result = -1;
    if (!keep(self, text, length) && result == 0) {
        snprintf(error, SINK_ERROR_SIZE,
                 "the daemon at %s does not read its socket, and %d lines wait", self->path,
                 WAITING_MAX);
        result = -1;
    }
    return result;
}

/* "<22>Nov 22 01:02:03 relaywarden-milter[123]: ", in local time and English as RFC 3164 has it. */
static size_t head(const struct syslog_sink *self, int priority, char *out, size_t size)
{
    static const char month[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm local = {0};
    time_t now = time(NULL);

    localtime_r(&now, &local);
    int length =
        snprintf(out, size, "<%d>%s %2d %02d:%02d:%02d %.64s[%ld]: ", self->facility | priority,
                 month[local.tm_mon], local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                 self->identity->program, (long)getpid());
    return (size_t)length;
}

static int announcement_priority(const struct announcement *announcement)
{
    static const int priority[] = {
        [SEVERITY_INFO] = LOG_INFO,
        [SEVERITY_WARNING] = LOG_WARNING,
        [SEVERITY_CRITICAL] = LOG_CRIT,
    };

    if (announcement->state == INCIDENT_RESOLVED)
        return LOG_NOTICE;
    return priority[announcement->incident.finding.severity];
}

static int announce(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE])
{
    struct syslog_sink *self = from_sink(sink);
    char text[DATAGRAM_MAX];
    size_t length = head(self, announcement_priority(announcement), text, sizeof(text));

    length += format_kv(text + length, sizeof(text) - length, announcement);
    return send_or_keep(self, text, length, error);
}

static int say(struct sink *sink, int priority, const char *line, char error[SINK_ERROR_SIZE])
{
    struct syslog_sink *self = from_sink(sink);
    char text[DATAGRAM_MAX];
    size_t length = head(self, priority, text, sizeof(text));
    size_t room = sizeof(text) - length;
    size_t line_length = strnlen(line, room + 1);

    if (line_length > room)
        line_length = format_cut(line, room);
    memcpy(text + length, line, line_length);
    return send_or_keep(self, text, length + line_length, error);
}

static void succeed(struct sink *sink, struct sink *before)
{
    struct syslog_sink *self = from_sink(sink);
    struct syslog_sink *old = from_sink(before);

    memcpy(self->ring, old->ring, sizeof(self->ring));
    self->oldest = old->oldest;
    sink->waiting = before->waiting;
    sink->lost = before->lost;
    before->waiting = 0;
    before->lost = 0;
}

static void free_sink(struct sink *sink)
{
    struct syslog_sink *self = from_sink(sink);

    while (sink->waiting > 0)
        drop_oldest(self);
    disconnect(self);
    free(self->path);
    free(self);
}

struct sink *sink_syslog_new(const struct sink_source *source)
{
    struct syslog_sink *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->path = strdup(source->syslog_socket == NULL ? "/dev/log" : source->syslog_socket);
    if (self->path == NULL) {
        free(self);
        return NULL;
    }
    self->sink = (struct sink){.name = "syslog",
                               .announce = announce,
                               .say = say,
                               .retry = retry,
                               .succeed = succeed,
                               .free = free_sink};
    self->identity = source->identity;
    self->facility = source->settings->syslog_facility;
    self->descriptor = -1;
    return &self->sink;
}

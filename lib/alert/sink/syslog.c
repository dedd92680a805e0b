/* The form is what syslog(3) sends to /dev/log: RFC 3164's, without a host name. With format cee
 * the text is one JSON object behind "@cee:", as Lumberjack and rsyslog's mmjsonparse have it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/alert/sink/datagram.h"
#include "lib/alert/sink/format.h"

#define DATAGRAM_MAX 8192 /* rsyslog's default maxMessageSize; a finding's line fits */

/* "<22>Nov 22 01:02:03 relaywarden-milter[123]: ", in local time and English as RFC 3164 has it. */
static size_t head(const struct datagram_sink *self, int priority, char *out, size_t size)
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

static int announce(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE])
{
    struct datagram_sink *self = datagram_from_sink(sink);
    char text[DATAGRAM_MAX];
    size_t length = head(self, datagram_priority(announcement), text, sizeof(text));

    if (self->format == SYSLOG_CEE) {
        length += format_cee(text + length, sizeof(text) - length, announcement, self->identity);
    } else {
        length += format_kv(text + length, sizeof(text) - length, announcement);
    }
    return datagram_send(self, text, length, error);
}

static int say(struct sink *sink, int priority, const char *line, char error[SINK_ERROR_SIZE])
{
    struct datagram_sink *self = datagram_from_sink(sink);
    char text[DATAGRAM_MAX];
    size_t length = head(self, priority, text, sizeof(text));
    size_t room = sizeof(text) - length;

    if (self->format == SYSLOG_CEE) {
        length += format_cee_line(text + length, room, line, self->identity);
    } else {
        size_t line_length = format_cut_to(line, room);

        memcpy(text + length, line, line_length);
        length += line_length;
    }
    return datagram_send(self, text, length, error);
}

struct sink *sink_syslog_new(const struct sink_source *source)
{
    struct datagram_sink *self = calloc(1, sizeof(*self));
    const char *path = source->syslog_socket == NULL ? "/dev/log" : source->syslog_socket;

    if (self == NULL) {
        return NULL;
    }
    self->sink = (struct sink){.name = "syslog", .announce = announce, .say = say};
    self->daemon = "syslog daemon";
    self->facility = source->settings->syslog_facility;
    self->format = source->settings->syslog_format;
    if (datagram_init(self, source, path)) {
        return &self->sink;
    }
    self->sink.free(&self->sink);
    return NULL;
}

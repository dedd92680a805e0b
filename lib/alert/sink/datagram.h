/*
 * datagram - what the sinks of syslog and of the journal have in common
 *
 * Datagrams to a UNIX socket that never wait: what the daemon does not read just now, and what
 * comes while there is no daemon, waits in a ring of DATAGRAM_WAITING_MAX, in order; more is lost
 * and counted. A daemon that was restarted is connected to again.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_DATAGRAM_H
#define RELAYWARDEN_LIB_ALERT_SINK_DATAGRAM_H

#include "lib/alert/sink/sink.h"

#define DATAGRAM_WAITING_MAX 64

struct datagram;

/* The whole sink, made with calloc; its free frees it. */
struct datagram_sink {
    struct sink sink;
    const struct sink_identity *identity;
    const char *daemon; /* "syslog daemon", static: for the sentences */
    int facility;       /* LOG_MAIL, ... */
    int format;         /* of syslog: enum syslog_format */
    int descriptor;     /* -1: not connected */
    char *path;
    size_t oldest; /* of the ring; sink.waiting are in it */
    struct datagram *ring[DATAGRAM_WAITING_MAX];
};

struct datagram_sink *datagram_from_sink(struct sink *sink);

/* Sets what is common; name, daemon, announce and say are the caller's. False: memory is out. */
bool datagram_init(struct datagram_sink *self, const struct sink_source *source, const char *path);

/* Sends behind what waits already, so that the order is kept. Returns as sink.announce. */
int datagram_send(struct datagram_sink *self, const char *text, size_t length,
                  char error[SINK_ERROR_SIZE]);

/* The priority of an announcement, as syslog and the journal count: LOG_CRIT, ... */
int datagram_priority(const struct announcement *announcement);

#endif

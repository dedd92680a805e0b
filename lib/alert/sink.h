/*
 * sink - where an incident's announcements go
 *
 * A sink is a small table of functions and its own state. None may block another or a recipient: a sink either
 * never blocks (syslog: non-blocking datagrams), and is called on the reporter's thread, or says `slow`, and is
 * called on the thread that touches the disk, behind a bounded queue. Failures are returned as a sentence; the
 * reporter says them once through the sinks that still work, and once more when the sink works again.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_H
#define RELAYWARDEN_LIB_ALERT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "lib/alert/alert.h"
#include "lib/alert/incident.h"

#define SINK_ERROR_SIZE 256

/* Who speaks. Strings live as long as the sinks. */
struct sink_identity {
    const char *program; /* "relaywarden-milter" */
    const char *host;    /* this machine's host name */
};

/* One announcement, by value: it can wait in a queue. */
struct announcement {
    enum incident_state state;
    time_t time; /* Unix seconds */
    struct incident incident;
};

struct sink {
    const char *name; /* "syslog", "json" */
    bool slow;
    /* 0, or -1 and a sentence in `error`. */
    int (*announce)(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE]);
    /* One line of the program's own (started, a sink failed, configuration refused); may be NULL. `priority`
     * is syslog's (LOG_WARNING, ...). */
    int (*say)(struct sink *sink, int priority, const char *line, char error[SINK_ERROR_SIZE]);
    void (*reopen)(struct sink *sink); /* log files moved away; may be NULL */
    void (*free)(struct sink *sink);   /* frees the sink itself too */
};

/* Each returns NULL when memory is out. They connect and open when first used and again after a failure. */
struct sink *sink_syslog_new(const struct sink_identity *identity,
                             const struct alert_settings *settings, const char *socket_path);
struct sink *sink_json_new(const struct sink_identity *identity,
                           const struct alert_settings *settings);

#endif

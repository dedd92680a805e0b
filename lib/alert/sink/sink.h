/*
 * sink - where an incident's announcements go
 *
 * A sink is a small table of functions and its own state. None may block another or a recipient: a
 * sink either never blocks (syslog: non-blocking datagrams), and is called on the reporter's
 * thread, or its row says `slow`, and it has a thread of its own, behind a bounded queue
 * (sink_thread.h). Failures are returned as a sentence; sink_set.h says them once through the sinks
 * that still work, and once more when the sink works again. One thread at a time uses a sink.
 *
 * A new sink is one file with its sink_NAME_new, and one row of sink_kinds in sinks.c.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_SINK_H
#define RELAYWARDEN_LIB_ALERT_SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "lib/alert/sink/alert_settings.h"
#include "lib/incident.h"

#define SINK_ERROR_SIZE 256
#define SINK_PARTLY     1

/* Who speaks. Strings live as long as the sinks. */
struct sink_identity {
    const char *program; /* "relaywarden-milter" */
    const char *host;    /* this machine's host name */
};

/* One try to hand something over. */
enum sink_fate {
    SINK_TAKEN,
    SINK_REFUSED, /* another try would not help */
    SINK_FAILED,  /* a later try may help */
};

struct sink_stats;

/* A sink is made from these; it copies what it needs of the settings. */
struct sink_source {
    const struct sink_identity *identity; /* lives as long as the sinks */
    const struct alert_settings *settings;
    const char *syslog_socket;        /* NULL = "/dev/log" */
    const char *journal_socket;       /* NULL = "/run/systemd/journal/socket" */
    const struct sink_stats *speaker; /* whose identity it is; lives as long as the sinks */
};

/* One announcement, by value: it can wait in a queue. */
struct announcement {
    enum incident_state state;
    time_t time;   /* Unix seconds */
    bool test;     /* made by hand, to see whether it arrives: no incident is behind it */
    bool standing; /* nothing is new: it is for sinks that must hear again of what lasts */
    struct incident incident;
};

struct sink {
    const char *name; /* "syslog", "json" */
    /* It brings no alert to anybody: an announcement is only an occasion for it. */
    bool watches;
    /* It forgets what lasts, and is told it again and again (announcement.standing). So nothing of
     * it is lost for good. A slow sink's only. */
    bool stands;
    /* How much waits in the sink for another try; while it does, `retry` is called now and then. */
    size_t waiting;
    bool ending; /* the reporter stops: `retry` tries at once whatever waits for a later time */
    /* Announcements and lines that were given up since the reporter last told; it sets this to 0.
     */
    unsigned long lost;
    /* 0 when it was delivered or waits; SINK_PARTLY and a sentence in `error` when only some of
     * several receivers have it; -1 and a sentence when the sink does not work (it may wait even
     * so, or be counted in `lost`). */
    int (*announce)(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE]);
    /* One line of the program's own (started, a sink failed, configuration refused); may be NULL.
     * `priority` is syslog's (LOG_WARNING, ...). Returns as `announce`. */
    int (*say)(struct sink *sink, int priority, const char *line, char error[SINK_ERROR_SIZE]);
    /* Tries again what waits; returns as `announce`. NULL in a sink that keeps nothing. */
    int (*retry)(struct sink *sink, char error[SINK_ERROR_SIZE]);
    /* Gets ready before anything is announced, so that a wrong setting is told at once; returns as
     * `announce`. NULL in a sink that has nothing to try. */
    int (*open)(struct sink *sink, char error[SINK_ERROR_SIZE]);
    /* Takes over what waits in the sink that this one replaces after a reload, and what that one
     * lost. `before` is of the same kind. NULL in a sink that keeps nothing. */
    void (*succeed)(struct sink *sink, struct sink *before);
    /* Called about every `period_ms`, which 0 turns off; returns as `announce`. A slow sink's only.
     */
    int period_ms;
    int (*tick)(struct sink *sink, char error[SINK_ERROR_SIZE]);
    /* Any thread, while another one uses the sink: what `announce` waits for shall be given up.
     * NULL in a sink that cannot. */
    void (*interrupt)(struct sink *sink);
    void (*free)(struct sink *sink); /* frees the sink itself too */
};

/* Each returns NULL when memory is out. They connect when first used, open at `open`, and do either
 * again after a failure. */
struct sink *sink_syslog_new(const struct sink_source *source);
struct sink *sink_journal_new(const struct sink_source *source);
struct sink *sink_json_new(const struct sink_source *source);
struct sink *sink_command_new(const struct sink_source *source);
struct sink *sink_mail_new(const struct sink_source *source);
struct sink *sink_metrics_new(const struct sink_source *source);
struct sink *sink_webhook_new(const struct sink_source *source);
struct sink *sink_alertmanager_new(const struct sink_source *source);

/* One row a sink. */
struct sink_kind {
    const char *name; /* NULL ends a table */
    bool slow;        /* may block: it has a thread of its own */
    bool (*wanted)(const struct sink_source *source);
    struct sink *(*make)(const struct sink_source *source);
};

#define SINK_KINDS_MAX 8 /* rows of a table */

#endif

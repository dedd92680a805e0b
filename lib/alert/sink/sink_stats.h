/*
 * sink_stats - who speaks, and what the path of alerts counts about itself
 *
 * Counted by its holders: a thread that hangs in a dead sink keeps it alive after the reporter is
 * gone. Strings are constant; numbers are atomics, for any thread.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_SINK_STATS_H
#define RELAYWARDEN_LIB_ALERT_SINK_SINK_STATS_H

#include <stdatomic.h>

#include "lib/alert/sink/metrics.h"
#include "lib/alert/sink/sink.h"

/* Of one row of the table of sinks. */
struct sink_tally {
    _Atomic(const char *) name; /* NULL: not in use */
    atomic_bool failing;
    atomic_ullong lost; /* announcements that another sink took */
};

struct sink_stats {
    struct sink_identity identity; /* of the strings below */
    char *program;
    char *host;
    metrics_snapshot snapshot; /* the program's own numbers; may be NULL */
    void *user;
    void (*done)(void *user); /* it is not used any more; may be NULL */
    atomic_ullong announced[FINDING_KINDS][INCIDENT_RESOLVED + 1];
    atomic_uint open[FINDING_KINDS][SEVERITY_CRITICAL + 1]; /* incidents */
    atomic_bool unsaved;        /* incidents are not saved in the database */
    atomic_bool terminal_lacks; /* a line was not written to standard error */
    struct sink_tally sink[SINK_KINDS_MAX];
    atomic_uint holders;
};

/* Copies the identity. Held once. Numbers of the program's own (metrics.h) are given to it later.
 * NULL when memory is out. */
struct sink_stats *sink_stats_new(const struct sink_identity *identity);
struct sink_stats *sink_stats_hold(struct sink_stats *speaker);
void sink_stats_release(struct sink_stats *speaker);

#endif

/*
 * terminal - standard error: the program's own lines, and alerts that no sink took
 *
 * Never waits: it may be a pipe that nobody reads, or a stopped terminal. Then the line is left
 * out, and the statistics say that one was. Any thread.
 */
#ifndef RELAYWARDEN_LIB_ALERT_TERMINAL_H
#define RELAYWARDEN_LIB_ALERT_TERMINAL_H

#include <stdbool.h>

#include "lib/alert/sink/sink.h"
#include "lib/alert/sink/sink_stats.h"

struct terminal {
    struct sink_stats *stats;
    bool quiet;      /* the program's own lines are left out */
    bool is_journal; /* systemd reads it into the journal */
};

/* The statistics outlive it. */
void terminal_open(struct terminal *terminal, struct sink_stats *stats, bool quiet);

/* A line of the program's own. */
void terminal_say(const struct terminal *terminal, const char *line);

/* An alert, however quiet it shall be. */
void terminal_announce(const struct terminal *terminal, const struct announcement *announcement);

#endif

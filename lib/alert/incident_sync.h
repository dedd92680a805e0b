/*
 * incident_sync - the table of incidents and the state database, kept alike
 *
 * The table is the truth while the program runs, the database before and after. At the start the
 * open incidents are put back, and what was not marked as announced is announced again. When the
 * database failed and works again, it gets all that the table holds, marked as announced only
 * where a sink took it, and the end of what ended meanwhile. When another process writes to
 * the same database (a check beside the probe's daemon), what it opened and ended is taken over
 * before new findings are looked at, and now and then, so that the number of those that are open is
 * right.
 *
 * The reporter's thread.
 */
#ifndef RELAYWARDEN_LIB_ALERT_INCIDENT_SYNC_H
#define RELAYWARDEN_LIB_ALERT_INCIDENT_SYNC_H

#include <stdbool.h>

#include "lib/alert/incident_table.h"
#include "lib/alert/sink/sink_stats.h"
#include "lib/state/incident_store.h"

#define INCIDENT_SYNC_COUNTS_MS  10000 /* how often counts without an announcement are saved */
#define INCIDENT_SYNC_REFRESH_MS 15000 /* how often another process's incidents are looked for */
#define INCIDENT_SYNC_GRACE      60 /* seconds, in which another process may be announcing its own */

struct incident_sync_parts {
    struct incident_table *incidents;
    struct incident_store *store; /* NULL: nothing is kept */
    struct sink_stats *speaker;   /* for the number of open incidents */
    bool shared;                  /* other processes write to the database, too */
};

struct incident_sync;

/* Copies the parts, which outlive it. NULL when memory is out. */
struct incident_sync *incident_sync_new(const struct incident_sync_parts *parts);
void incident_sync_free(struct incident_sync *memory);

/* Once a round, before its findings; `findings` is whether there are any, or another reason to
 * change incidents. */
void incident_sync_follow(struct incident_sync *memory, bool findings);

/* Once a round, after its findings, and `now` at the end: saves counts when it is time. */
void incident_sync_save_counts(struct incident_sync *memory, bool now);

/* In how many milliseconds there is something to do in a round; -1: nothing. */
int incident_sync_due_ms(const struct incident_sync *memory);

#endif

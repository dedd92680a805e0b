/*
 * memory - the table of incidents and the state database, kept alike
 *
 * The table is the truth while the program runs, the database before and after. At the start the
 * open incidents are put back, and what was not marked as announced is announced again. When the
 * database failed and works again, it gets all that the table holds. When another process writes to
 * the same database (a check beside the probe's daemon), what it opened and ended is taken over
 * before new findings are looked at, and now and then, so that the number of those that are open is
 * right.
 *
 * The reporter's thread.
 */
#ifndef RELAYWARDEN_LIB_ALERT_MEMORY_H
#define RELAYWARDEN_LIB_ALERT_MEMORY_H

#include <stdbool.h>

#include "lib/alert/incident_table.h"
#include "lib/alert/sink/sink_stats.h"
#include "lib/state/incident_store.h"

#define MEMORY_COUNTS_MS  10000 /* how often counts without an announcement are saved */
#define MEMORY_REFRESH_MS 15000 /* how often another process's incidents are looked for */

struct memory_parts {
    struct incident_table *incidents;
    struct store *store;        /* NULL: nothing is kept */
    struct speaker *speaker;    /* for the number of open incidents */
    incident_announce announce; /* of an incident whose end may not have been announced */
    void *user;
    bool shared; /* other processes write to the database, too */
};

struct memory;

/* Copies the parts, which outlive it. NULL when memory is out. */
struct memory *memory_new(const struct memory_parts *parts);
void memory_free(struct memory *memory);

/* Once a round, before its findings; `findings` is whether there are any, or another reason to
 * change incidents. */
void memory_follow(struct memory *memory, bool findings);

/* Once a round, after its findings, and `now` at the end: saves counts when it is time. */
void memory_save_counts(struct memory *memory, bool now);

/* In how many milliseconds there is something to do in a round; -1: nothing. */
int memory_due_ms(const struct memory *memory);

#endif

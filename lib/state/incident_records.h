/*
 * state_table - the table `incident` of the state database
 *
 * A row is an incident: what was announced last or is about to be, and whether that is known to
 * have been announced. Ended ones stay for the history, at most STATE_TABLE_DAYS and the latest
 * STATE_TABLE_ENDED_MAX. Columns: database.c.
 *
 * All on the thread that opened the database; transactions are the caller's. Functions that return
 * false failed as sqlite3_errmsg says.
 */
#ifndef RELAYWARDEN_LIB_ALERT_STATE_TABLE_H
#define RELAYWARDEN_LIB_ALERT_STATE_TABLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/alert/incident_table.h"

#define STATE_TABLE_DAYS      400
#define STATE_TABLE_ENDED_MAX 10000

struct state_table;

/* Prepares the statements. NULL: SQLite failed, or memory is out. */
struct state_table *state_table_new(sqlite3 *database);
void state_table_free(struct state_table *table); /* before the database is closed */

/* The incident, in the state and with the count that are now to be announced, not yet marked. Ends
 * without announcement what another incident of the same subject left open. */
bool state_table_save(struct state_table *table, const struct incident *incident);

/* It was announced in this state and with this count. A row that has gone on since stays unmarked.
 */
bool state_table_mark(struct state_table *table, const char *id, enum incident_state state,
                      uint64_t count);

/* More was counted, without an announcement. */
bool state_table_count(struct state_table *table, const char *id, uint64_t count, time_t last_seen);

/* Ends all open incidents, and calls those announced: before those that are open are saved again.
 */
bool state_table_end_all(struct state_table *table, time_t now);

struct state_row {
    struct incident incident;
    bool announced;
    time_t ended; /* 0: open */
};

/* Reads what is open, what is over but not known to be announced, and the latest ends within
 * INCIDENT_FLAP_SECONDS; ends come first, since a subject may have opened again after one. Rows of
 * a later version's kinds, and damaged ones, are left out. False also when `visit` returned false.
 */
typedef bool (*state_table_visit)(const struct state_row *row, void *user);
bool state_table_load(struct state_table *table, time_t now, state_table_visit visit, void *user);

/* Reads all incidents, the latest first; otherwise the same. */
bool state_table_list(struct state_table *table, state_table_visit visit, void *user);

/* Reads at most `max` of those that are open, the most severe first and then the latest, or of
 * those that are over, the latest end first; otherwise the same. */
bool state_table_open(struct state_table *table, size_t max, state_table_visit visit, void *user);
bool state_table_ended(struct state_table *table, size_t max, state_table_visit visit, void *user);

/* How many are open; -1: SQLite failed. */
long long state_table_open_count(struct state_table *table);

/* Drops what is too old or too much. Ends that are still to come (the clock was wrong) were now. */
bool state_table_prune(struct state_table *table, time_t now);

/* Changes whenever another connection has written. 0: SQLite failed. */
long long state_table_version(struct state_table *table);

#endif

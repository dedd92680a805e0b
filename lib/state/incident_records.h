/*
 * incident_records - the table `incident` of the state database
 *
 * A row is an incident: what was announced last or is about to be, and whether that is known to
 * have been announced. Ended ones stay for the history, at most INCIDENT_RECORDS_DAYS and the
 * latest INCIDENT_RECORDS_ENDED_MAX. Columns: database.c.
 *
 * All on the thread that opened the database; transactions are the caller's. Functions that return
 * false failed as sqlite3_errmsg says.
 */
#ifndef RELAYWARDEN_LIB_STATE_INCIDENT_RECORDS_H
#define RELAYWARDEN_LIB_STATE_INCIDENT_RECORDS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/incident.h"

#define INCIDENT_RECORDS_DAYS      400
#define INCIDENT_RECORDS_ENDED_MAX 10000

struct incident_records;

/* Prepares the statements. NULL: SQLite failed, or memory is out. */
struct incident_records *incident_records_new(sqlite3 *database);
void incident_records_free(struct incident_records *table); /* before the database is closed */

/* The incident, in the state and with the count that are now to be announced, not yet marked. Ends
 * without announcement what another incident of the same subject left open. */
bool incident_records_save(struct incident_records *table, const struct incident *incident);

/* It was announced in this state and with this count. A row that has gone on since stays unmarked.
 */
bool incident_records_mark(struct incident_records *table, const char *id,
                           enum incident_state state, uint64_t count);

/* More was counted, without an announcement. */
bool incident_records_count(struct incident_records *table, const char *id, uint64_t count,
                            time_t last_seen);

struct incident_record {
    struct incident incident;
    bool announced;
    bool unread;  /* what was found could not be read: `why` says so, and it has no fields */
    time_t ended; /* 0: open */
};

/* Reads what is open, what is over but not known to be announced, and the latest ends within
 * INCIDENT_FLAP_SECONDS; ends come first, since a subject may have opened again after one. Rows of
 * a later version's kinds, and those whose words or keys are damaged, are left out. False also when
 * `visit` returned false. */
typedef bool (*incident_records_visit)(const struct incident_record *row, void *user);
bool incident_records_load(struct incident_records *table, time_t now, incident_records_visit visit,
                           void *user);

/* Reads all incidents, the latest first, those of one second by kind and key; otherwise the same.
 */
bool incident_records_list(struct incident_records *table, incident_records_visit visit,
                           void *user);

/* Reads at most `max` of those that are open, the most severe first and then the latest, or of
 * those that are over, the latest end first; otherwise the same. */
bool incident_records_open(struct incident_records *table, size_t max, incident_records_visit visit,
                           void *user);
bool incident_records_ended(struct incident_records *table, size_t max,
                            incident_records_visit visit, void *user);

/* How many rows were left out by the last call of these. */
size_t incident_records_left_out(const struct incident_records *table);

/* How many are open; -1: SQLite failed. */
long long incident_records_open_count(struct incident_records *table);

/* Drops what is too old or too much. Ends that are still to come (the clock was wrong) were now. */
bool incident_records_prune(struct incident_records *table, time_t now);

/* Changes whenever another connection has written. 0: SQLite failed. */
long long incident_records_version(struct incident_records *table);

#endif

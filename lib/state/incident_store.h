/*
 * incident_store - the thread that keeps incidents in the state database
 *
 * A disk can hang for good, be full, locked or corrupt: nobody but this thread touches it, and
 * whoever needs to know whether something is committed awaits it only so long. A change that is to
 * be written waits in a queue of at most INCIDENT_STORE_QUEUE_MAX; each round of the thread writes
 * all of it in one transaction.
 *
 * States, as the reporter's thread sees them (incident_store_phase):
 *
 * - INCIDENT_STORE_OPENING: nothing can be saved yet, or after a failure nothing for now. The
 * failure is told once; the thread tries again by itself.
 * - INCIDENT_STORE_READ: the database is open and its rows are read. The reporter takes them
 * (incident_store_take) and says what the truth is now (incident_store_begin).
 * - INCIDENT_STORE_KEEPING: what is saved is written.
 *
 * A store is counted by its holders, who started it and its thread: one that hangs in a dead disk
 * keeps it alive.
 */
#ifndef RELAYWARDEN_LIB_STATE_INCIDENT_STORE_H
#define RELAYWARDEN_LIB_STATE_INCIDENT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/incident.h"
#include "lib/state/incident_records.h"
#include "lib/sys/teller.h"

#define INCIDENT_STORE_QUEUE_MAX 1024

enum incident_store_phase {
    INCIDENT_STORE_OPENING,
    INCIDENT_STORE_READ,
    INCIDENT_STORE_KEEPING,
};

struct incident_store;

/* Starts the thread, signals blocked. NULL when it cannot. */
struct incident_store *incident_store_start(struct teller *teller, const char *path);
void incident_store_release(struct incident_store *store);

enum incident_store_phase incident_store_phase(struct incident_store *store);

/* Waits until the database was tried for the first time, or `until`. */
void incident_store_await_opening(struct incident_store *store, const struct timespec *until);

/* The rows that were read, with how many; the caller frees them. NULL: none were read since the
 * last call. */
struct incident_record *incident_store_take(struct incident_store *store, size_t *count);

/* Ends INCIDENT_STORE_READ. The rows, which it takes over (malloc), are written as they are, marked
 * as announced or not; with NULL the database is right as it is. */
void incident_store_begin(struct incident_store *store, struct incident_record *rows, size_t count);

/* Queues the incident as it is now to be announced. Returns what incident_store_await wants; 0:
 * nothing is saved now. */
uint64_t incident_store_save(struct incident_store *store, const struct incident *incident);

/* Waits until all up to there is committed, or has failed, or `until`. False: still under way. */
bool incident_store_await(struct incident_store *store, uint64_t upto,
                          const struct timespec *until);

/* It was announced in this state with this count. */
void incident_store_mark(struct incident_store *store, const struct incident *incident);

/* More was counted. */
void incident_store_count(struct incident_store *store, const struct incident *incident);

/* Reads the rows again if another process has written since; they are then taken with
 * incident_store_take once it is awaited. Returns as incident_store_save. */
uint64_t incident_store_refresh(struct incident_store *store);

/* Lets the thread finish its queue until then; true if it did. It takes nothing more after this. */
bool incident_store_finish(struct incident_store *store, const struct timespec *until);

#endif

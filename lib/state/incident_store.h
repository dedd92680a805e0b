/*
 * store - the thread that keeps incidents in the state database
 *
 * A disk can hang for good, be full, locked or corrupt: nobody but this thread touches it, and
 * whoever needs to know whether something is committed awaits it only so long. What is to be
 * written waits in a queue of at most STORE_QUEUE_MAX; each round of the thread writes all of it in
 * one transaction.
 *
 * States, as the reporter's thread sees them (store_phase):
 *
 * - STORE_OPENING: nothing can be saved yet, or after a failure nothing for now. The failure is
 * told once; the thread tries again by itself.
 * - STORE_READ: the database is open and its rows are read. The reporter takes them (store_take)
 * and says what the truth is now (store_begin).
 * - STORE_KEEPING: what is saved is written.
 *
 * A store is counted by its holders: announcements on their way in threads that hang keep it alive.
 */
#ifndef RELAYWARDEN_LIB_ALERT_STORE_H
#define RELAYWARDEN_LIB_ALERT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/alert/inbox.h"
#include "lib/alert/incident_table.h"
#include "lib/state/incident_records.h"

#define STORE_QUEUE_MAX 1024

enum store_phase {
    STORE_OPENING,
    STORE_READ,
    STORE_KEEPING,
};

struct store;

/* Starts the thread, signals blocked. NULL when it cannot. Held once. */
struct store *store_start(struct inbox *inbox, const char *path);
struct store *store_hold(struct store *store);
void store_release(struct store *store);

enum store_phase store_phase(struct store *store);

/* Waits until the database was tried for the first time, or `until`. */
void store_await_opening(struct store *store, const struct timespec *until);

/* The rows that were read, with how many; the caller frees them. NULL: none were read since the
 * last call. */
struct state_row *store_take(struct store *store, size_t *count);

/* Ends STORE_READ. With incidents, which it takes over (malloc), these replace what is open in the
 * database; with NULL the database is right as it is. */
void store_begin(struct store *store, struct incident *incidents, size_t count);

/* Queues the incident as it is now to be announced. Returns what store_await wants; 0: nothing is
 * saved now. */
uint64_t store_save(struct store *store, const struct incident *incident);

/* Waits until all up to there is committed, or has failed, or `until`. False: still under way. */
bool store_await(struct store *store, uint64_t upto, const struct timespec *until);

/* Any thread: it was announced in this state with this count. */
void store_mark(struct store *store, const struct incident *incident);

/* More was counted. */
void store_count(struct store *store, const struct incident *incident);

/* Reads the rows again if another process has written since; they are then taken with store_take
 * once it is awaited. Returns as store_save. */
uint64_t store_refresh(struct store *store);

/* Lets the thread finish its queue until then; true if it did. It takes nothing more after this. */
bool store_finish(struct store *store, const struct timespec *until);

#endif

/*
 * lane - the thread that touches the disk: slow sinks and the database
 *
 * Announcements wait for it in a queue of at most LANE_QUEUE_MAX; when that is full they are
 * dropped and counted, and both ends of the dropping are told. A disk can hang for good, so
 * stopping waits only so long: a thread that does not come back is left behind, and owns all that
 * it may still touch.
 */
#ifndef RELAYWARDEN_LIB_ALERT_LANE_H
#define RELAYWARDEN_LIB_ALERT_LANE_H

#include "lib/alert/inbox.h"
#include "lib/alert/outlet.h"

#define LANE_QUEUE_MAX 1024

struct lane;

/* Starts the thread, signals blocked; it opens the database first if there is a path. Copies
 * `identity`. NULL when it cannot. */
struct lane *lane_start(struct inbox *inbox, const struct sink_identity *identity,
                        const char *database_path);

/* The lane's copy of the identity: for all sinks. Lives until lane_free. */
const struct sink_identity *lane_identity(const struct lane *lane);

/* Takes the sinks over; the ones before are freed. The reporter's thread, or before any
 * announcement. */
void lane_use(struct lane *lane, struct outlets *outlets);

/* Copies the announcement into the queue. No wait. */
void lane_announce(struct lane *lane, const struct announcement *announcement);

/* Waits until all that was queued before is done, or `until`. True if it is. */
bool lane_flush(struct lane *lane, const struct timespec *until);

/* Lets the thread finish its queue until then; true if it did. The thread takes nothing more after
 * this. */
bool lane_finish(struct lane *lane, const struct timespec *until);

/* Frees the lane, after lane_finish. */
void lane_free(struct lane *lane);

#endif

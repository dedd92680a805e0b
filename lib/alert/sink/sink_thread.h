/*
 * lane - a slow sink's own thread
 *
 * A sink that may block (the disk, a command) has a thread and a queue of at most LANE_QUEUE_MAX
 * announcements to itself, so that it costs the others nothing; when the queue is full they are
 * dropped and counted, and both ends of the dropping are told. A sink can hang for good, so
 * stopping waits only so long: a thread that does not come back is left behind, and owns all that
 * it may still touch.
 */
#ifndef RELAYWARDEN_LIB_ALERT_LANE_H
#define RELAYWARDEN_LIB_ALERT_LANE_H

#include "lib/alert/inbox.h"
#include "lib/alert/sink/delivery.h"
#include "lib/alert/sink/sink_set.h"

#define LANE_QUEUE_MAX 1024

struct lane;

/* Starts the thread, signals blocked. `name` is the sink's, static. NULL when it cannot. */
struct lane *lane_start(struct inbox *inbox, const char *name);

/* Takes the sink over, in a set of one or none; the one before is freed. The reporter's thread, or
 * before any announcement. */
void lane_use(struct lane *lane, struct outlets *outlets);

/* Queues the announcement, if there is a sink. No wait. */
void lane_announce(struct lane *lane, struct delivery *delivery);

/* Any thread: calls the sink's tick soon, whatever its period. */
void lane_tick(struct lane *lane);

/* Whether there is a sink that brings alerts to somebody. */
bool lane_receives(struct lane *lane);

/* Waits until all that was queued before is done, or `until`. True if it is. */
bool lane_flush(struct lane *lane, const struct timespec *until);

/* Lets the thread finish its queue until then; true if it did. The thread takes nothing more after
 * this, and a sink that hangs is told to give up what it waits for. */
bool lane_finish(struct lane *lane, const struct timespec *until);

/* Frees the lane, after lane_finish. */
void lane_free(struct lane *lane);

#endif

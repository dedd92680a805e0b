/*
 * sink_thread - a slow sink's own thread
 *
 * A sink that may block (the disk, a command) has a thread and a queue of at most
 * SINK_THREAD_QUEUE_MAX announcements to itself, so that it costs the others nothing; when the
 * queue is full they are dropped and counted, and both ends of the dropping are told. A sink can
 * hang for good, so stopping waits only so long: a thread that does not come back is left behind,
 * and owns all that it may still touch.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_SINK_THREAD_H
#define RELAYWARDEN_LIB_ALERT_SINK_SINK_THREAD_H

#include "lib/alert/sink/delivery.h"
#include "lib/alert/sink/sink_set.h"
#include "lib/sys/teller.h"

#define SINK_THREAD_QUEUE_MAX 1024

struct sink_thread;

/* Starts the thread, signals blocked. `name` is the sink's, static. NULL when it cannot. */
struct sink_thread *sink_thread_start(struct teller *teller, const char *name);

/* Takes the sink over, in a set of one or none; the one before is freed. The reporter's thread, or
 * before any announcement. */
void sink_thread_use(struct sink_thread *lane, struct sink_set *outlets);

/* Queues the announcement, if there is a sink. No wait. True if it is queued. */
bool sink_thread_announce(struct sink_thread *lane, struct delivery *delivery);

/* Whether there is a sink that must hear again of what lasts (sink.h). Those announcements are
 * queued while the queue is short, and are nobody's loss. */
bool sink_thread_stands(struct sink_thread *lane);

/* Any thread: calls the sink's tick soon, whatever its period. */
void sink_thread_tick(struct sink_thread *lane);

/* Whether there is a sink that brings alerts to somebody. */
bool sink_thread_receives(struct sink_thread *lane);

/* Waits until all that was queued before is done, or `until`. True if it is. */
bool sink_thread_flush(struct sink_thread *lane, const struct timespec *until);

/* Lets the thread finish its queue until then; true if it did. The thread takes nothing more after
 * this, and a sink that hangs is told to give up what it waits for. */
bool sink_thread_finish(struct sink_thread *lane, const struct timespec *until);

/* Announcements that a hung thread was given and did not deliver, after sink_thread_finish. */
void sink_thread_each_left(struct sink_thread *lane,
                           void (*visit)(struct delivery *delivery, void *user), void *user);

/* Frees the lane, after sink_thread_finish. */
void sink_thread_free(struct sink_thread *lane);

#endif

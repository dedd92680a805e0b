/*
 * dispatch - announcements on their way out: committed, then announced, then marked
 *
 * The table of incidents says what is due; here it waits in a short queue until dispatch_send,
 * which has it saved in the store, waits until that is committed (at most DISPATCH_SAVE_MS, once;
 * while the disk hangs it is not awaited again), gives it to the fast sinks and the lanes of the
 * slow ones, and has it marked as announced when all that work are through with it.
 *
 * The reporter's thread, but for what says otherwise.
 */
#ifndef RELAYWARDEN_LIB_ALERT_DISPATCH_H
#define RELAYWARDEN_LIB_ALERT_DISPATCH_H

#include "lib/alert/sink/delivery.h"
#include "lib/alert/sink/sink_set.h"
#include "lib/alert/sink/sink_stats.h"
#include "lib/alert/sink/sink_thread.h"
#include "lib/state/incident_store.h"

#define DISPATCH_SAVE_MS   1000
#define DISPATCH_QUEUE_MAX 64
#define DISPATCH_HELD_MAX  256 /* given to fast sinks, in which they still wait */

/* Sinks of new settings. */
struct dispatch_sinks {
    struct outlets *fast;
    struct outlets *slow[SINK_KINDS_MAX]; /* by row of the table of kinds; none or one in each */
};

/* What a dispatch works with; all of it outlives it. */
struct dispatch_parts {
    struct inbox *inbox;
    struct speaker *speaker;
    struct store *store; /* NULL: nothing is saved */
    const struct sink_kind *kinds;
    /* Gets an announcement that no sink takes. */
    void (*fallback)(const struct announcement *announcement, void *user);
    void *user;
};

struct dispatch;

/* NULL when memory is out. */
struct dispatch *dispatch_new(const struct dispatch_parts *parts);
void dispatch_free(struct dispatch *dispatch); /* after dispatch_finish and dispatch_close */

/* Takes the sinks into use, over from those of before. Also before the thread runs. False: a
 * thread for a slow one could not be started; the sinks are used but for that. */
bool dispatch_use(struct dispatch *dispatch, struct dispatch_sinks *sinks);

/* Makes the sinks of these settings; any thread. False when memory is out. */
bool dispatch_make_sinks(const struct dispatch_parts *parts, const struct sink_source *source,
                         struct dispatch_sinks *sinks);
void dispatch_free_sinks(struct dispatch_sinks *sinks, struct inbox *inbox);

/* Queues what the table of incidents announces. */
void dispatch_announce(struct dispatch *dispatch, const struct announcement *announcement);
void dispatch_send(struct dispatch *dispatch);

struct outlets *dispatch_fast(const struct dispatch *dispatch);

/* Once a round: deliveries that waited in the fast sinks are given back when these are through; a
 * disk that answers again is told. */
void dispatch_settle(struct dispatch *dispatch);

/* Any thread: slow sinks do now what they do from time to time. */
void dispatch_tick_lanes(struct dispatch *dispatch);

/* Any thread but the reporter's: waits until the lanes have done what they were given, or `until`.
 */
bool dispatch_flush_lanes(struct dispatch *dispatch, const struct timespec *until);

/* Any thread but the reporter's, at the end: lets the lanes finish. False, and told: one hangs. */
bool dispatch_finish(struct dispatch *dispatch, const struct timespec *until);

/* At the end of the reporter's thread: the fast sinks are freed. */
void dispatch_close(struct dispatch *dispatch);

#endif

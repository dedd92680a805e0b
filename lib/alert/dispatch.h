/*
 * dispatch - announcements on their way out: committed, then announced, then marked
 *
 * The table of incidents says what is due; here it waits in a short queue until dispatch_send,
 * which has it saved in the store, waits until that is committed (at most DISPATCH_SAVE_MS, once;
 * while the disk hangs it is not awaited again), and gives it to the fast sinks and the lanes of
 * the slow ones. When all that work are through with it, it is settled: a sink took it, or none
 * did; in that case it is shown on standard error, once.
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
#include "lib/sys/teller.h"

#define DISPATCH_SAVE_MS   1000
#define DISPATCH_QUEUE_MAX 64
#define DISPATCH_HELD_MAX  256 /* given to fast sinks, in which they still wait */

/* Sinks of new settings. */
struct dispatch_sinks {
    struct sink_set *fast;
    struct sink_set *slow[SINK_KINDS_MAX]; /* by row of the table of kinds; none or one in each */
};

/* A dispatch works with these; all of them outlive it. */
struct dispatch_parts {
    struct teller *teller;
    struct sink_stats *speaker;
    struct incident_store *store; /* NULL: nothing is saved */
    const struct sink_kind *kinds;
    /* Gets an announcement that no sink takes, the first time that none does. */
    void (*fallback)(const struct announcement *announcement, void *user);
    /* Gets each announcement in the end. Within dispatch_announce it is called with `taken` for no
     * end of an incident. */
    void (*settled)(const struct announcement *announcement, bool taken, void *user);
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
void dispatch_free_sinks(struct dispatch_sinks *sinks, struct teller *teller);

/* Queues what the table of incidents announces. */
void dispatch_announce(struct dispatch *dispatch, const struct incident *incident,
                       enum incident_state state, time_t now);
void dispatch_send(struct dispatch *dispatch);

/* Gives an announcement that says nothing new to the sinks that want it so, and forgets it. */
void dispatch_stand(struct dispatch *dispatch, const struct incident *incident, time_t now);
bool dispatch_has_standing(const struct dispatch *dispatch); /* there are such sinks */

struct sink_set *dispatch_fast(const struct dispatch *dispatch);

/* Once a round: deliveries that waited in the fast sinks are given back when these are through, all
 * that are through are settled, and a disk that answers again is told. */
void dispatch_settle(struct dispatch *dispatch);

/* Any thread: slow sinks do now what they do from time to time. */
void dispatch_tick_lanes(struct dispatch *dispatch);

/* Any thread but the reporter's: waits until the lanes have done what they were given, or `until`.
 */
bool dispatch_flush_lanes(struct dispatch *dispatch, const struct timespec *until);

/* Any thread but the reporter's, at the end: lets the lanes finish. False, and told: one hangs. */
bool dispatch_finish(struct dispatch *dispatch, const struct timespec *until);

/* After the end of the reporter's thread: shows what only lanes that hang have, and no sink took.
 */
void dispatch_show_left(struct dispatch *dispatch);

/* At the end of the reporter's thread: the fast sinks are freed, and all that is through is
 * settled. */
void dispatch_close(struct dispatch *dispatch);

#endif

/*
 * reporter - the hand-over from a judgement to the operator
 *
 * Any thread hands findings over with reporter_hand_over: one short mutex, no I/O, no wait. They
 * are folded at once into the table of incidents (the first is kept whole, repeats add to its
 * count; when there is no room they join "any" of their kind: none is lost). The reporter's thread
 * takes them in and gives what is to be told to the sinks; each slow sink and the database have a
 * thread of their own, so that one that hangs delays no alert. An announcement that no sink takes
 * is written to standard error, stays due, and is made again at growing distances until one takes
 * it.
 *
 * Incidents are kept in the database: committed, then announced, then marked as announced: a sink
 * took it, and no working one still holds it. At the start those that are open go on; one that is
 * not marked is announced as repeated, with the same id, and an end that is not marked as resolved
 * again. A database that cannot be written is told once, and the program goes on with memory alone.
 *
 * A program has one reporter. Create it after the last fork and after signals are blocked.
 */
#ifndef RELAYWARDEN_LIB_ALERT_REPORTER_H
#define RELAYWARDEN_LIB_ALERT_REPORTER_H

#include <stdbool.h>

#include "lib/alert/orders.h"
#include "lib/alert/sink/alert_settings.h"
#include "lib/alert/sink/metrics.h"
#include "lib/alert/sink/sink.h"
#include "lib/finding.h"

struct reporter_settings {
    const struct sink_identity *identity; /* copied */
    const struct alert_settings *alert;   /* copied */
    const char *syslog_socket;            /* NULL = "/dev/log" */
    const char *database_path;            /* NULL = no state is kept */
    bool quiet_terminal;                  /* no line of the program's own on standard error */
    const struct sink_kind *kinds;        /* the sinks that there are; NULL = sink_kinds */
    metrics_snapshot metrics;             /* the program's own numbers; NULL = none */
    void *metrics_user;                   /* handed to it; a thread that hangs may use it even
                                             after reporter_stop */
    void (*metrics_done)(void *user);     /* nobody uses it any more, or nobody began to; NULL =
                                             it lives as long as the process */
};

struct reporter;

/* Starts the threads. NULL and a sentence in `error` (SINK_ERROR_SIZE) when it cannot. */
struct reporter *reporter_start(const struct reporter_settings *settings,
                                char error[SINK_ERROR_SIZE]);

/* Delivers what was handed over, then stops the threads. The fast sinks are awaited at most
 * `wait_ms`, and then the slow ones and the database too; if these hang, their threads are left
 * behind and touch nothing of the caller's. No other thread may use the reporter any more. */
void reporter_stop(struct reporter *reporter, int wait_ms);

/* Any thread. Copies the finding. Never fails visibly: without memory it joins "any" (see
 * incident_table.h). */
void reporter_hand_over(struct reporter *reporter, const struct finding *finding);

/* Any thread: an audit showed the subject gone. Ordered with reporter_hand_over. If memory is out
 * it may be forgotten; the incident then ends with the next audit, or by being quiet. */
void reporter_resolve(struct reporter *reporter, enum finding_kind kind, const char *key);

/* Any thread: has every open incident looked at, those of earlier runs too, in no certain order
 * with what is handed over. The reporter's thread asks `is_over` and announces the end of what it
 * says so of; `forget` gets `user` back when that is done, or if so many wait already that it is
 * left to the next. A state database that does not answer keeps its incidents until the next
 * review. */
void reporter_look_over(struct reporter *reporter, const struct reporter_review *review);

/* Any thread: one line of the program's own, to syslog and standard error. Does not block; of a
 * burst of lines the first INBOX_LINES are kept and the others counted. Text from the network must
 * be printable already. */
void reporter_say(struct reporter *reporter, int priority, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Waits until all handed over so far reached the sinks that work, at most `wait_ms`. True if it
 * did. */
bool reporter_flush(struct reporter *reporter, int wait_ms);

/* Any thread: the program's own numbers have changed, so that they are worth writing at once. Does
 * not wait. */
void reporter_show_numbers(struct reporter *reporter);

/* Any thread: all numbers, as the file of `metrics_directory` has them, for metrics_free. NULL when
 * memory is out. */
struct metrics *reporter_numbers(const struct reporter *reporter);

/* Whether one of the sinks that these settings ask for works, as sink_any_works has it: `why` says
 * why none does. Any thread; may take as long as opening a file does. */
bool reporter_could_tell(const struct reporter *reporter, const struct alert_settings *settings,
                         char *why, size_t size);

/* New alert settings after a reload; the sinks are made anew; what waits in one
 * of before, and the open incidents, stay. Any thread;
 * copies. Without memory the old ones stay, and it is told. */
void reporter_configure(struct reporter *reporter, const struct alert_settings *settings);

#endif

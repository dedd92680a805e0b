/*
 * incident_table - findings that last: opened, repeated, resolved
 *
 * A table of incidents, into which any thread folds its findings (incident_add) under one short
 * mutex that nobody holds over I/O. All else is one thread's, the reporter's: it takes in what came
 * (incident_take_in), lets time pass, and announces what is due to a callback, during which the
 * mutex is free. The clock is an argument; nothing is sent from here.
 *
 * - Keyed by kind and subject key. The first finding is kept whole, later ones add to its count.
 * - What came since the last incident_take_in is bounded: past INCIDENT_FRESH_MAX new subjects, or
 * when memory is out, a finding joins "any" of its kind, for which there is always room: none is
 * lost.
 * - After INCIDENT_SUBJECTS_MAX open subjects of one kind within one fold (listener or endpoint),
 * further ones become one incident with subject "any"; past INCIDENT_OPEN_MAX incidents in all, one
 * a kind.
 * - Repeated: at `remind` after its last announcement if more was counted since; and at once when a
 * finding is more severe than the incident was so far (the finding then becomes the incident's
 * evidence).
 * - Resolved: by incident_resolve (an audit shows it gone), or when no finding came for
 * `quiet_after`. An incident that opens again and again flaps: from the third opening on, each
 * within INCIDENT_FLAP_SECONDS of the end before, the quiet time doubles, up to eight times.
 * - Due: an announcement that no sink took is due (incident_settle) and is made again
 * (incident_announce_due), also that of an end: an incident that is over stays in the table until
 * its end was taken, but for the oldest past INCIDENT_ENDED_MAX.
 * - An incident can be put back after a restart (incident_restore): its quiet time then counts from
 * there, since nothing could be seen before.
 *
 * A clock that is set back only makes periods start anew; whoever knows by how much it was set says
 * so (incident_shift), and no period is cut short or drawn out.
 */
#ifndef RELAYWARDEN_LIB_ALERT_INCIDENT_TABLE_H
#define RELAYWARDEN_LIB_ALERT_INCIDENT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/incident.h"

/* One announcement; `incident` is valid during the call, and the table must not be changed from it.
 */
typedef void (*incident_announce)(const struct incident *incident, enum incident_state state,
                                  time_t now, void *user);

struct incident_table;

/* Periods of 0: never reminded, never resolved by quiet. NULL when memory is out. */
struct incident_table *incident_table_new(long remind_seconds, long quiet_after_seconds,
                                          incident_announce announce, void *user);
void incident_table_free(struct incident_table *table); /* announces nothing */

/* Before any finding: other processes open and end incidents in the same database, so that which
 * incident a finding belongs to is known only when it is taken in. */
void incident_table_share(struct incident_table *table);

/* Any thread: folds one finding in. */
void incident_add(struct incident_table *table, const struct finding *finding);

/* Any thread: an audit showed this subject gone, after what was added before. Nothing happens when
 * none is open. Without memory or room it may be forgotten: the incident then ends at the next
 * audit, or by being quiet. */
void incident_resolve(struct incident_table *table, enum finding_kind kind, const char *key);

/* Something was added or resolved since incident_take_in. */
bool incident_has_news(struct incident_table *table);

/* Makes incidents of what was added and resolved so far, in the order in which it came: announces
 * those that open, escalate or end. */
void incident_take_in(struct incident_table *table, time_t now);

/* Ends every open incident of whose finding `is_over` says so. The audit's findings were taken in
 * before it: of an incident with subject "any", `is_over` says whether the audit could have found
 * all of its subjects, and it ends if none was added since the last such review. */
typedef bool (*incident_judge)(const struct finding *finding, const void *user);
void incident_review(struct incident_table *table, incident_judge is_over, const void *user,
                     time_t now);

/* Time passes: reminders and quiet resolutions. Returns the Unix time of the next that may be due;
 * 0 = none. */
time_t incident_tick(struct incident_table *table, time_t now);

/* The clock that `now` comes from was set by so many seconds: all times that are remembered move
 * along. */
void incident_shift(struct incident_table *table, long seconds);

/* A new configuration's periods; the open incidents stay. */
void incident_table_configure(struct incident_table *table, long remind_seconds,
                              long quiet_after_seconds);

size_t incident_open_count(const struct incident_table *table);

/* Puts back an open incident that was saved. One that was not yet announced, or may not have been,
 * is announced as repeated. False: its subject has an open incident already, or there is no room or
 * memory. */
bool incident_restore(struct incident_table *table, const struct incident *incident, bool announced,
                      time_t now);

/* A subject's last incident ended then. */
void incident_remember_end(struct incident_table *table, const struct incident *incident,
                           time_t ended);

/* Whether the incident of this id is remembered as ended. */
bool incident_has_ended(const struct incident_table *table, const char *id);

/* Puts back an incident that is over and whose end may not have been announced: it is announced.
 * Without memory it is announced once and not followed. */
void incident_restore_end(struct incident_table *table, const struct incident *incident,
                          time_t now);

/* The fate of an announcement: a sink took it, or none did, and it is due. One that was
 * overtaken by a later one of the same incident is ignored. */
void incident_settle(struct incident_table *table, const struct incident *announced, bool taken);

size_t incident_due_count(struct incident_table *table);

/* Makes at most `max` announcements that are due again. */
void incident_announce_due(struct incident_table *table, size_t max, time_t now);

/* Another process keeps incidents in the same database and has ended all that are not marked:
 * forgets them, announcing nothing. incident_restore and incident_mark mark. */
void incident_unmark_all(struct incident_table *table);
bool incident_mark(struct incident_table *table, const char *id); /* false: not in the table */
void incident_forget_unmarked(struct incident_table *table);

/* Every open incident, in the order of opening. The mutex is held meanwhile: `visit`
 * does no I/O and calls nothing of the table, here and below. */
typedef void (*incident_visit)(const struct incident *incident, void *user);
void incident_each(struct incident_table *table, incident_visit visit, void *user);

/* Every incident that matters after a restart: the open ones, and those whose end is not known to
 * be taken. `told`: the last announcement was. */
typedef void (*incident_visit_kept)(const struct incident *incident, bool told, void *user);
void incident_each_kept(struct incident_table *table, incident_visit_kept visit, void *user);

/* Those whose count was not given to `visit` yet, by this function or by an announcement. */
void incident_each_uncounted(struct incident_table *table, incident_visit visit, void *user);

#endif

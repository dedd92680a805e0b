/*
 * standing - how each configured endpoint stood when it was last audited, and a tally of all audits
 *
 * What metrics say of audits. Kept in probe/metrics.json (state_file.h), which the daemon and
 * checks beside it add to, so that neither undoes what the other knows; and in memory, for when it
 * cannot be kept. Only the daemon's, or where there is none a check's, numbers are written for
 * Prometheus: standing_is_told.
 *
 * Counted by its holders. One thread adds and configures; standing_show is for another one.
 */
#ifndef RELAYWARDEN_PROBE_STANDING_H
#define RELAYWARDEN_PROBE_STANDING_H

#include <jansson.h>
#include <stdbool.h>

#include "conf/conf.h"
#include "lib/alert/sink/metrics.h"
#include "probe/report/report.h"

#define STANDING_ERROR_SIZE 640

struct standing;

/* Held once. `daemon`: it is the daemon's, for as long as it is held. NULL when memory is out. */
struct standing *standing_new(const struct conf *conf, bool daemon);
struct standing *standing_hold(struct standing *standing);
void standing_release(void *standing); /* NULL is nothing */

/* Whether metrics are this process's to write. False for a check while a daemon runs with the same
 * state directory, and for a second daemon. */
bool standing_is_told(const struct standing *standing);

/* After the configuration was read anew: which targets there are. Without memory those of before
 * stay. */
void standing_configure(struct standing *standing, const struct conf *conf);

/* After an audit. Of endpoints that are configured; one that was interrupted stands as before. A
 * target that was asked through has no other endpoints any more. False and a sentence: it could
 * only be kept in memory. */
bool standing_add(struct standing *standing, const struct audit_summary *summary,
                  char error[STANDING_ERROR_SIZE]);

/* metrics_snapshot; `standing` is a struct standing. Shows at most STANDING_SHOWN_MAX endpoints one
 * by one, those with the worst verdicts. */
#define STANDING_SHOWN_MAX 1000
void standing_show(struct metrics *metrics, void *standing);

/* How `standing` knows endpoints, for those who show them: standing_metrics.c. `endpoints` is an
 * object of objects with target, endpoint, tls, host, session, verdict, cause (strings), time
 * (integer), seconds (real), and where it is known milter and certificate (booleans). `intervals`
 * has a member for each configured target. */
void standing_show_endpoints(struct metrics *metrics, json_t *endpoints, const json_t *intervals);

#endif

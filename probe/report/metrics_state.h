/*
 * metrics_state - what metrics say of audits: how each configured endpoint stands, and counts
 *
 * How endpoints stand is read from the probe's state, to which the daemon and checks beside it add;
 * what could not be kept there is known until the program ends. Only the daemon's, or where there
 * is none a check's, numbers are written for Prometheus: metrics_state_is_told. The kernel knows
 * whether there is a daemon: it holds a lock on the probe's folder for as long as it lives, however
 * it ends, which no row of a database could tell.
 *
 * Counted by its holders. One thread adds and configures; showing is for any other.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_METRICS_STATE_H
#define RELAYWARDEN_PROBE_REPORT_METRICS_STATE_H

#include <stdbool.h>

#include "conf/conf.h"
#include "lib/alert/sink/metrics.h"
#include "probe/model/audit_summary.h"

struct metrics_state;

/* Held once. `daemon`: it is the daemon's, for as long as it is held. NULL when memory is out. */
struct metrics_state *metrics_state_new(const struct conf *conf, bool daemon);
struct metrics_state *metrics_state_hold(struct metrics_state *standing);
void metrics_state_release(void *standing); /* NULL is nothing */

/* Whether metrics are this process's to write. False for a check while a daemon runs with the same
 * state directory, and for a second daemon. */
bool metrics_state_is_told(const struct metrics_state *standing);

/* After the configuration was read anew: which targets there are. Without memory those of before
 * stay. */
void metrics_state_configure(struct metrics_state *standing, const struct conf *conf);

/* After an audit, and history_keep: whether that has `kept` it. Of endpoints that are configured;
 * one that was interrupted stands as before. */
void metrics_state_add(struct metrics_state *standing, const struct audit_summary *summary,
                       bool kept);

/* These are shown beside, by whoever shows; before anybody does. `user` outlives it. */
void metrics_state_show_too(struct metrics_state *standing, metrics_snapshot show, void *user);

/* metrics_snapshot; `standing` is a struct metrics_state. Shows at most ENDPOINT_METRICS_MAX
 * endpoints one by one, those with the worst verdicts. */
void metrics_state_show(struct metrics *metrics, void *standing);

/* One target by the convention of blackbox_exporter: probe_success and probe_duration_seconds, and
 * the families of its endpoints. False: there is no such target, and nothing was shown. */
bool metrics_state_show_target(struct metrics *metrics, struct metrics_state *standing,
                               const char *target);

#endif

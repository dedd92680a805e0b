/*
 * fleet_metrics - how the whole fleet stands, as metrics
 *
 * Of all vantages, as the database had it some seconds ago: `relaywarden_fleet_*`. A worker reads
 * it beside its work, so that whoever asks for metrics never waits for a database.
 *
 * One thread reads; showing is for any other.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_FLEET_METRICS_H
#define RELAYWARDEN_PROBE_FLEET_FLEET_METRICS_H

#include "lib/alert/sink/metrics.h"
#include "lib/postgresql/postgresql.h"

struct fleet_metrics;

struct fleet_metrics *fleet_metrics_new(void);        /* NULL: out of memory */
void fleet_metrics_free(struct fleet_metrics *fleet); /* NULL is nothing */

/* Reads it, unless it was read just now: of a worker's time it takes a small part. False and the
 * trouble: what was read before stays. POSTGRESQL_ABSENT: so is the server; a question that took
 * too long is POSTGRESQL_STATEMENT. True and the trouble as it was: it was not read now. */
bool fleet_metrics_follow(struct fleet_metrics *fleet, struct postgresql *server,
                          struct postgresql_trouble *trouble);

/* metrics_snapshot; `fleet` is a struct fleet_metrics. Before it was read that it was not. */
void fleet_metrics_show(struct metrics *metrics, void *fleet);

#endif

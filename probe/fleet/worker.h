/*
 * worker - one of the many probes that share a roster: it claims, asks, records and sends
 *
 * A round claims targets that are due at this vantage, asks them as any audit does, and records
 * what it learnt in one statement, which is void where the claim was lost meanwhile: asked at least
 * once, recorded at most once. Then it sends what waits in the outbox. The only clock that counts
 * is the database's.
 *
 * One thread, the daemon's.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_WORKER_H
#define RELAYWARDEN_PROBE_FLEET_WORKER_H

#include <stdbool.h>

#include "conf/conf.h"
#include "lib/alert/reporter.h"
#include "lib/postgresql/postgresql.h"
#include "probe/fleet/fleet_metrics.h"
#include "probe/model/audit_summary.h"

#define WORKER_IDLE_S 2 /* between two rounds that found nothing due */

struct worker;

/* Connects, and makes this process known. `metrics` follow the fleet meanwhile; both outlive it.
 * NULL and the trouble; where that may pass by itself the worker is made all the same, and tries
 * again each round. */
struct worker *worker_start(const struct conf *conf, struct reporter *reporter,
                            struct fleet_metrics *metrics, struct postgresql_trouble *trouble);
void worker_stop(struct worker *worker); /* NULL is nothing */

/* A new configuration after a reload; the vantage stays. */
void worker_configure(struct worker *worker, const struct conf *conf);

/* Whether the database has been there since the start. Before, there is nothing to audit. */
bool worker_is_ready(const struct worker *worker);

const char *worker_vantage(const struct worker *worker);

/* Reports an audit that a round made; `conf` has its targets. */
typedef void (*worker_audited)(const struct conf *conf, const struct audit_summary *summary,
                               void *user);

/* One round. True if there may be more to do at once. */
bool worker_round(struct worker *worker, worker_audited audited, void *user);

#endif

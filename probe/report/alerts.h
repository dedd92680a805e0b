/*
 * alerting - what an audit found, to the incidents and sinks that both programs share
 *
 * Findings of configured targets only, and no info: that is for whoever reads the report; an
 * incident of it would never end, and nobody is to be woken. Incidents that the audit shows to be
 * over are resolved. One thread.
 */
#ifndef RELAYWARDEN_PROBE_ALERTING_H
#define RELAYWARDEN_PROBE_ALERTING_H

#include <stdbool.h>

#include "conf/conf.h"
#include "lib/alert/reporter.h"
#include "probe/report/metrics_state.h"
#include "probe/report/report.h"

/* How long the sinks are awaited at the end. */
#define ALERTING_WAIT_MS 3000

/* What the configuration says, but that nothing ends by being quiet: an audit ends an incident, and
 * the next may be hours away; and that there are metrics only where `standing` is told by this
 * process. Its strings are the configuration's. */
struct alert_settings alerting_settings(const struct conf *conf, const struct standing *standing);

/* Holds `standing`, for metrics; NULL: there are none. NULL, after it was told on standard error,
 * when no alert can be sent. `quiet`: the reporter writes nothing there. */
struct reporter *alerting_start(const struct conf *conf, struct standing *standing, bool quiet);

/* Whether the audit had a configured target. */
bool alerting_is_due(const struct audit_summary *summary);

void alerting_tell(struct reporter *reporter, const struct conf *conf,
                   const struct audit_summary *summary);

#endif

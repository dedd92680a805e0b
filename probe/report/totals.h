/*
 * totals - what this program's audits of configured targets have counted, over all of them
 *
 * Numbers that only grow, for metrics, and begin at 0 with the program: Prometheus expects that of
 * a counter. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_TOTALS_H
#define RELAYWARDEN_PROBE_REPORT_TOTALS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/alert/sink/metrics.h"
#include "probe/model/audit_summary.h"

enum totals_count {
    TOTALS_AUDITS,                                             /* by exit code */
    TOTALS_TECHNIQUES = TOTALS_AUDITS + 4,                     /* by outcome */
    TOTALS_REFUSALS = TOTALS_TECHNIQUES + OUTCOME_CLOSING + 1, /* replies 4xx and 5xx */
    TOTALS_CONNECTIONS,
    TOTALS_MESSAGES,
    TOTALS_MILLISECONDS, /* that audits took */
    TOTALS_COUNTS        /* how many */
};

struct totals {
    uint64_t count[TOTALS_COUNTS];
};

/* Adds an audit. */
void totals_audit(struct totals *tally, const struct audit_summary *summary);

void totals_show(const struct totals *tally, struct metrics *metrics);

#endif

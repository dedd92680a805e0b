/*
 * alerts - what an audit found, to the incidents and sinks that both programs share
 *
 * Findings of configured targets only, and no info: that is for whoever reads the report; an
 * incident of it would never end, and nobody is to be woken. Incidents that the audit shows to be
 * over are resolved. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_ALERTS_H
#define RELAYWARDEN_PROBE_REPORT_ALERTS_H

#include <stdbool.h>

#include "conf/conf.h"
#include "lib/alert/reporter.h"
#include "probe/model/audit_summary.h"
#include "probe/report/metrics_state.h"

/* How long the sinks are awaited at the end. */
#define ALERTS_WAIT_MS 3000

/* Who tells. */
enum alerts_teller {
    ALERTS_OF_DAEMON,
    ALERTS_OF_CHECK, /* its report has standard output */
};

/* The configuration's settings, but that nothing ends by being quiet: an audit ends an incident,
 * and the next may be hours away; that there are metrics only where `standing` is told by this
 * process; and that standard output is no sink where a report goes there. Its strings are the
 * configuration's. */
struct alert_settings alerts_settings(const struct conf *conf, const struct metrics_state *standing,
                                      enum alerts_teller teller);

#define ALERTS_WHY_SIZE 1024

/* Whether one sink of the configuration works now. False, and a sentence. */
bool alerts_is_possible(const struct conf *conf, char why[ALERTS_WHY_SIZE]);

/* Holds `standing`, for metrics; NULL: there are none. NULL, after it was told on standard error,
 * when no alert can be sent. `quiet`: the reporter writes nothing there. */
struct reporter *alerts_start(const struct conf *conf, struct metrics_state *standing,
                              enum alerts_teller teller, bool quiet);

/* Whether the audit had a configured target. */
bool alerts_is_due(const struct audit_summary *summary);

/* How much of one audit was told; the numbers are zeroed at its beginning. */
struct alerts_pace {
    size_t told;
    unsigned int unanswered; /* how often the reporter was too slow */
    /* Whether somebody else told it, and tells its end; NULL: nobody did. */
    bool (*is_told)(const struct finding *finding, const void *user);
    const void *user;
};

/* Hands over what was found at an endpoint, as soon as it is judged: who has ten thousand of them
 * does not wait for the last. Waits some 100 ms at most. */
void alerts_tell(struct reporter *reporter, const struct endpoint_result *result,
                 struct alerts_pace *pace);

/* After the audit: ends the incidents that it shows to be over. */
void alerts_review(struct reporter *reporter, const struct conf *conf,
                   const struct audit_summary *summary);

#endif

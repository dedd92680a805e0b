/*
 * exposure - findings of identities that a stranger may choose: anonymous log-ins, PROXY headers
 *
 * Pure. XCLIENT is seen in what EHLO offers: that finding is posture's.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_EXPOSURE_H
#define RELAYWARDEN_PROBE_JUDGE_EXPOSURE_H

#include <stdbool.h>

#include "probe/model/evidence.h"
#include "probe/model/result.h"

/* Adds the findings; the grants are those of the result. `outside`: we are a stranger. */
void exposure_judge(struct endpoint_result *result, const struct evidence_tally *tally,
                    bool outside);

#endif

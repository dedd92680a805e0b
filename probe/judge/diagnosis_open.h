/*
 * diagnosis_open - why an open relay is open, and what to change
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_OPEN_H
#define RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_OPEN_H

#include "lib/remedy.h"
#include "probe/model/evidence.h"
#include "probe/model/result.h"

/* Adds to why and fix, which are empty; the cause is set. */
void diagnosis_explain_open(struct endpoint_result *result, const struct evidence_tally *tally);

/* Remedies for identities that anybody can choose. */
extern const struct remedy diagnosis_fix_proxy[];
extern const struct remedy diagnosis_fix_xclient[];
extern const struct remedy diagnosis_fix_anonymous[];

#endif

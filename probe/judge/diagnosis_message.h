/*
 * diagnosis_message - what the message that was to prove relaying says
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_MESSAGE_H
#define RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_MESSAGE_H

#include "probe/model/result.h"

/* The first makes why and fix, which are empty, of an endpoint whose acceptance the message makes
 * doubtful; the second adds to why. */
void diagnosis_explain_doubt(struct endpoint_result *result);
void diagnosis_explain_message(struct endpoint_result *result);

#endif

/*
 * diagnosis_unknown - why nobody knows whether an endpoint relays, and how to find out
 *
 * Pure; any thread. Each adds to why and fix, which are empty.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_UNKNOWN_H
#define RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_UNKNOWN_H

#include "probe/model/evidence.h"
#include "probe/model/result.h"
#include "probe/model/vantage.h"

/* There was no SMTP session. */
void diagnosis_explain_reach(struct endpoint_result *result);

/* `plain` got no answer that tells; NULL: it was not asked. */
void diagnosis_explain_unanswered(struct endpoint_result *result,
                                  const struct technique_result *plain);

/* `plain` was refused, but not every technique was answered. */
void diagnosis_explain_open_questions(struct endpoint_result *result,
                                      const struct evidence_tally *tally);

/* Relaying was granted, but to an address that the site trusts. */
void diagnosis_explain_inside(struct endpoint_result *result, enum inside inside);

#endif

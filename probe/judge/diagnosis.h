/*
 * diagnosis - why an endpoint's verdict is what it is, and what to change
 *
 * verdict.c decides the verdict; here it gets its cause, one or two sentences that say why, and a
 * remedy that names the settings of Postfix, Sendmail and Exim. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_H
#define RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_H

#include <stdbool.h>

#include "probe/judge/diagnosis_words.h"
#include "probe/model/evidence.h"
#include "probe/model/result.h"
#include "probe/model/vantage.h"

/* The cause, as the grants show it. CAUSE_NONE when nothing was accepted. */
enum cause diagnosis_cause(const struct evidence_tally *tally);

/* Whether the grant of a technique with this trait may be put down to this cause, where `plain` is
 * refused. */
bool diagnosis_may_show(enum technique_trait trait, enum cause cause);

/* Fills why and fix, by reach, verdict and cause, which must be set. */
void diagnosis_explain(struct endpoint_result *result, const struct evidence_tally *tally,
                       enum inside inside);

/* Of the techniques that were accepted and may be local mail: names them, whatever the verdict. */
void diagnosis_explain_suspected(const struct endpoint_result *result,
                                 const struct evidence_tally *tally, struct diagnosis_words *words);

#endif

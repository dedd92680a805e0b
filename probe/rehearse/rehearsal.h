/*
 * rehearsal - does a candidate make the site an open relay, and which lines do?
 *
 * Reads the candidate, runs it on the stage, has strangers ask it, judges, and has blame find the
 * lines. Runs on the stage (stage_run); nothing else does. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_REHEARSAL_H
#define RELAYWARDEN_PROBE_REHEARSE_REHEARSAL_H

#include <stdbool.h>

#include "probe/rehearse/outcome.h"
#include "probe/rehearse/rehearsal_settings.h"
#include "probe/rehearse/stage/stage.h"

/* Fills `outcome`, to be freed with outcome_free; its candidate is freed with it. False
 * with a sentence: the candidate cannot be read, or the stage fails. */
bool rehearsal_run(struct stage *stage, const struct rehearsal_settings *settings,
                   struct rehearsal_outcome *outcome, char error[STAGE_ERROR_SIZE]);

#endif

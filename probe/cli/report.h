/*
 * overview - the verb report: the history as a page, a text or JSON
 *
 * It reads the probe's database and, if it is named, the filter's snapshot, and connects to
 * nothing.
 */
#ifndef RELAYWARDEN_PROBE_OVERVIEW_H
#define RELAYWARDEN_PROBE_OVERVIEW_H

#include "probe/cli/options.h"
#include "probe/report/history.h"
#include "probe/report/milter_status.h"

/* Runs the verb; returns the exit code: 0 when the report was written. */
int overview_main(const struct invocation *invocation);

/* The readable account. */
void overview_text(FILE *out, const struct history *history, bool colour);

/* One object and a newline; false when memory is out. `snapshot`: NULL if there is none. */
bool overview_json(FILE *out, const struct history *history, const struct seen *snapshot);

#endif

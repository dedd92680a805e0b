/*
 * report - the verb report: the history as a page, a text or JSON
 *
 * It reads the probe's database and, if it is named, the filter's snapshot, and connects to
 * nothing.
 */
#ifndef RELAYWARDEN_PROBE_CLI_REPORT_H
#define RELAYWARDEN_PROBE_CLI_REPORT_H

#include "probe/cli/options.h"

/* Runs the verb; returns the exit code: 0 when the report was written, and lacks nothing. */
int report_main(const struct options *invocation);

#endif

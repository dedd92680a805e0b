/*
 * history_json - the history for programs
 *
 * Pure renderers into a stream: one object and a newline. False when memory is out or the stream
 * failed.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_HISTORY_JSON_H
#define RELAYWARDEN_PROBE_REPORT_HISTORY_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include "probe/report/history.h"
#include "probe/report/milter_status.h"

/* `report --json`. `snapshot`: NULL if there is none. */
bool history_json_write(FILE *out, const struct history *history,
                        const struct milter_status *snapshot);

/* The same without incidents and filter, or with them alone. */
bool history_json_endpoints(FILE *out, const struct history *history);
bool history_json_incidents(FILE *out, const struct history *history);

#endif

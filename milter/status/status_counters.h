/*
 * status_counters - the counters of snapshot.json
 */
#ifndef RELAYWARDEN_MILTER_STATUS_STATUS_COUNTERS_H
#define RELAYWARDEN_MILTER_STATUS_STATUS_COUNTERS_H

#include "milter/counters.h"
#include "milter/tokens/probe_dialogue.h"
#include <jansson.h>

/* NULL when memory is out. */
json_t *status_counters_json(struct counters *counters, const struct probe_dialogue_desk *desk);

#endif

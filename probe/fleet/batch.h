/*
 * batch - what an audit of claimed targets came to, as the database takes it (record in
 * schema_2.sql)
 *
 * Pure but for memory.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_BATCH_H
#define RELAYWARDEN_PROBE_FLEET_BATCH_H

#include <jansson.h>

#include "probe/fleet/claims.h"
#include "probe/model/audit_summary.h"

/* An array with an entry a claim. `age`: how many seconds ago the audit began. A target that an
 * interruption left open, or that memory was out for, is left out: its lease runs out. The caller
 * frees it; NULL: out of memory. */
json_t *batch_new(const struct claims *claims, const struct audit_summary *summary, double age);

/* A finding of the database: kind, key, fold, severity and body. False: this version does not know
 * its kind, or its text is damaged. */
bool batch_read_finding(const json_t *object, struct finding *out);

#endif

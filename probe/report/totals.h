/*
 * tally - what audits of configured targets have counted, over all of them
 *
 * Numbers that only grow, for metrics. They outlast the program, as members of a JSON object, so
 * that an audit by a timer adds to those before. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_TALLY_H
#define RELAYWARDEN_PROBE_TALLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/alert/sink/metrics.h"
#include "probe/report/report.h"

enum tally_count {
    TALLY_AUDITS,                                            /* by exit code */
    TALLY_TECHNIQUES = TALLY_AUDITS + 4,                     /* by outcome */
    TALLY_REFUSALS = TALLY_TECHNIQUES + OUTCOME_CLOSING + 1, /* replies 4xx and 5xx */
    TALLY_CONNECTIONS,
    TALLY_MESSAGES,
    TALLY_MILLISECONDS, /* that audits took */
    TALLY_COUNTS        /* how many */
};

struct tally {
    uint64_t count[TALLY_COUNTS];
};

/* Adds an audit. False when memory is out. */
bool tally_audit(struct tally *tally, const struct audit_summary *summary);

/* Adds what the object's members say. */
void tally_read(struct tally *tally, const json_t *object);

/* Sets the object's members. False when memory is out. */
bool tally_write(const struct tally *tally, json_t *object);

void tally_show(const struct tally *tally, struct metrics *metrics);

#endif

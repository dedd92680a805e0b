/*
 * report - an audit for people and for programs
 *
 * Pure renderers into a stream or a JSON value. Shapes: DESIGN "relaywarden-probe check";
 * relaywarden-probe(8).
 */
#ifndef RELAYWARDEN_PROBE_REPORT_H
#define RELAYWARDEN_PROBE_REPORT_H

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "probe/result.h"

struct audit_summary {
    const struct endpoint_result *const *results;
    size_t count;
    time_t started;
    double seconds;
    bool interrupted; /* by a signal, before its end */
    enum vantage declared;
    struct address sources[8]; /* distinct local addresses that were used */
    size_t source_count;
};

/* "RELAY OK - 3 endpoints closed | endpoints=3 open=0 time=0.21s" and a newline. */
void report_status_line(FILE *out, const struct audit_summary *summary);

/* The readable account after the status line; `colour` for terminals. */
void report_text(FILE *out, const struct audit_summary *summary, bool colour);

/* The --json object. NULL when memory is out; the caller owns the reference. Dump it with
 * JSON_REAL_PRECISION(6) or so: jansson writes 0.21 with 17 digits otherwise. */
json_t *report_json(const struct audit_summary *summary);

#endif

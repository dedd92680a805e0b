/*
 * report - an audit for people and for programs
 *
 * Pure renderers into a stream. Shapes: DESIGN "relaywarden-probe check";
 * relaywarden-probe(8).
 */
#ifndef RELAYWARDEN_PROBE_REPORT_H
#define RELAYWARDEN_PROBE_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "probe/model/result.h"

struct audit_summary {
    const struct endpoint_result *const *results;
    size_t count;
    time_t started;
    double seconds;
    bool interrupted;                 /* by a signal, before its end */
    bool whole;                       /* every target of the configuration was asked */
    char forgotten[RESULT_TEXT_SIZE]; /* a sentence: why the next audit will not know what this one
                                         learnt; "" = it will */
    enum vantage declared;
    struct address sources[8]; /* distinct local addresses that were used */
    size_t source_count;
};

/* "RELAY OK - 3 endpoints closed | endpoints=3 open=0 time=0.21s" and a newline. */
void report_status_line(FILE *out, const struct audit_summary *summary);

/* The readable account after the status line; `colour` for terminals. */
void report_text(FILE *out, const struct audit_summary *summary, bool colour);

/* "  label  text" wrapped, later lines under the text. */
void report_prose(FILE *out, const char *label, const char *text);

/* The --json object and a newline. Written endpoint by endpoint: as one value, those of an audit of
 * a thousand take more memory than the audit. False when memory is out or the stream failed; what
 * was written is then no whole object. */
bool report_json(FILE *out, const struct audit_summary *summary);

/* One endpoint's part of it, compact; the caller frees it. NULL when memory is out. */
char *report_endpoint(const struct endpoint_result *result);

#endif

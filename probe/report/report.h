/*
 * report - an audit for people and for programs
 *
 * Pure renderers into a stream. Shapes: DESIGN "relaywarden-probe check";
 * relaywarden-probe(8).
 */
#ifndef RELAYWARDEN_PROBE_REPORT_REPORT_H
#define RELAYWARDEN_PROBE_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "probe/model/audit_summary.h"
#include "probe/model/result.h"

/* "RELAY OK - 3 endpoints closed | endpoints=3 open=0 time=0.21s" and a newline. */
void report_status_line(FILE *out, const struct audit_summary *summary);

/* How the readable account is to look, and what it ends with. */
struct report_look {
    bool colour;                /* for terminals */
    bool verbose;               /* with every technique, and what is worth knowing only then */
    const char *const *granted; /* sentences: what the check took for granted */
    size_t granted_count;
    const char *next; /* a sentence: the next step; NULL = none */
};

/* The readable account after the status line. */
void report_text(FILE *out, const struct audit_summary *summary, const struct report_look *look);

/* JUnit: a suite an endpoint, a case a technique. One that was granted has failed, one that was not
 * answered is skipped; `plain`, on which the verdict rests, is then an error. */
bool report_junit(FILE *out, const struct audit_summary *summary);

/* SARIF: a result a finding. False as for report_json. */
bool report_sarif(FILE *out, const struct audit_summary *summary);

/* "  label  text" wrapped, later lines under the text. */
void report_prose(FILE *out, const char *label, const char *text);

/* The same of remedies, each on a line of its own: the reader looks for that of one server. Nothing
 * where there is none. */
void report_remedies(FILE *out, const char *label, const struct remedies *remedies);

/* The --json object and a newline. Written endpoint by endpoint: as one value, those of an audit of
 * a thousand take more memory than the audit. False when memory is out or the stream failed; what
 * was written is then no whole object. */
bool report_json(FILE *out, const struct audit_summary *summary);

/* One endpoint's part of it, compact; the caller frees it. NULL when memory is out. */
char *report_endpoint(const struct endpoint_result *result);

#endif

/*
 * audit_sample - endpoint results as an audit would fill them, for tests of what is made of them
 *
 * The endpoint is mx.example.org, 203.0.113.25:25 without TLS, asked from 198.51.100.7; every
 * technique of the table is there, refused as Postfix refuses relaying. Tests change what their
 * case is about.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_AUDIT_SAMPLE_H
#define RELAYWARDEN_TESTS_UNIT_AUDIT_SAMPLE_H

#include "probe/judge/verdict.h"
#include "probe/model/result.h"

/* The result is zeroed, or was filled so before. */
void audit_sample_closed(struct endpoint_result *result);

/* The row of a technique; the test fails if it is not there. */
struct technique_result *audit_sample_row(struct endpoint_result *result, const char *id);

/* The technique was answered so (accepted: 250 2.1.5, else a code that fits). */
void audit_sample_answer(struct endpoint_result *result, const char *id, enum outcome outcome);
void audit_sample_control(struct endpoint_result *result, const char *id, enum outcome outcome);

/* No reply was had to this technique. */
void audit_sample_unask(struct endpoint_result *result, const char *id);

void audit_sample_answer_all(struct endpoint_result *result, enum outcome outcome);

/* Judges, and fails unless every why and fix that should be there ends as a sentence does: nothing
 * was cut. */
void audit_sample_judge(struct endpoint_result *result, const struct vantage_known *vantage);

/* Fails unless this is what was judged, with this exit code if it were the only endpoint. */
void audit_sample_judged(const struct endpoint_result *result, enum verdict verdict,
                         enum cause cause, int code);

/* Fails unless the words are in the text. */
void audit_sample_says(const char *text, const char *words);

/* The first finding of a kind, or NULL. */
const struct finding *audit_sample_finding(const struct endpoint_result *result,
                                           enum finding_kind kind);

#endif

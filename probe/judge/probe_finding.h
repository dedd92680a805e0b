/*
 * probe_finding - a new finding of an endpoint, with what all of the probe's findings share
 *
 * Pure: it fills one of the result's findings. One for which there is no memory is remembered by
 * its kind (result.h: unkept), so that nobody takes its absence for good news.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_PROBE_FINDING_H
#define RELAYWARDEN_PROBE_JUDGE_PROBE_FINDING_H

#include "probe/model/result.h"

/* Places of fields. */
#define PROBE_FINDING_SHOWN  (FIELD_EVIDENCE | FIELD_LOGGED)
#define PROBE_FINDING_FREE   (FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED)
#define PROBE_FINDING_NAMING (FIELD_SUBJECT | FIELD_LOGGED)

/* Room for one more finding; NULL when they are all taken. Its subject is the endpoint, and `rest`
 * where an endpoint can have several of the kind ("" otherwise). It has endpoint, target and host;
 * its why is for the caller. */
struct finding *probe_finding_add(struct endpoint_result *result, enum finding_kind kind,
                                  const char *rest);

/* The same into room of the caller's own. */
void probe_finding_into(struct finding *finding, const struct endpoint_result *result,
                        enum finding_kind kind, const char *rest);

/* Adds the TLS mode and the address that was asked from. */
void probe_finding_source(struct finding *finding, const struct endpoint_result *result);

/* printf into one more note, printable: what is worth saying beside the verdict and is no finding.
 * Past RESULT_NOTES they are dropped. */
void probe_finding_note(struct endpoint_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

/*
 * raise - a new finding of an endpoint, with what all of the probe's findings share
 *
 * Pure: it fills one of the result's findings.
 */
#ifndef RELAYWARDEN_PROBE_RAISE_H
#define RELAYWARDEN_PROBE_RAISE_H

#include "probe/model/result.h"

/* Places of fields. */
#define RAISE_SHOWN  (FIELD_EVIDENCE | FIELD_LOGGED)
#define RAISE_FREE   (FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED)
#define RAISE_NAMING (FIELD_SUBJECT | FIELD_LOGGED)

/* Room for one more finding; NULL when they are all taken. Its subject is the endpoint, and `rest`
 * where an endpoint can have several of the kind ("" otherwise). It has endpoint, target and host;
 * its why is for the caller. */
struct finding *raise_finding(struct endpoint_result *result, enum finding_kind kind,
                              const char *rest);

/* The key that such a finding has when this mode of TLS is in force. */
void raise_key(const struct endpoint_result *result, enum tls_mode tls, const char *rest,
               char key[FINDING_KEY_SIZE]);

/* Adds the TLS mode and the address that was asked from. */
void raise_source(struct finding *finding, const struct endpoint_result *result);

/* printf into one more note, printable: what is worth saying beside the verdict and is no finding.
 * Past RESULT_NOTES they are dropped. */
void raise_note(struct endpoint_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

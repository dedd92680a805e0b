/*
 * propose - which elements of a Sendmail candidate may have let a request by
 *
 * The trace is that of `sendmail -d21.12 -d60.1`: each rule that was tried and matched, and each
 * look-up with what it found (Sendmail's TRACEFLAGS). One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_PROPOSE_H
#define RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_PROPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/blame.h"

/* See candidate_mta.h. */
size_t propose_sendmail(struct candidate *candidate, const struct rehearse_request *request,
                        const char *trace, size_t length, size_t *out, size_t room);
size_t propose_sendmail_grants(struct candidate *candidate, const struct rehearse_request *request,
                               bool destinations, size_t *out, size_t room);

#endif

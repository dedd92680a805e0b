/*
 * propose - which elements of an Exim candidate may have let a request by
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_PROPOSE_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_PROPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/blame.h"

/* See candidate_mta.h. */
size_t propose_exim(struct candidate *candidate, const struct rehearse_request *request,
                    const char *trace, size_t length, size_t *out, size_t room);
size_t propose_exim_grants(struct candidate *candidate, const struct rehearse_request *request,
                           bool destinations, size_t *out, size_t room);

#endif

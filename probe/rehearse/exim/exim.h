/*
 * exim - what the two rows of Exim share
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_EXIM_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_EXIM_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"

/* "in line 13 of /etc/exim4/exim4.conf": where that is in the candidate's own files, as
 * "FILE:LINE"; false if the words name no such place. `begin` and `end` are where it is named. */
bool exim_named_place(const struct candidate *candidate, const char *words, char *out, size_t size,
                      const char **begin, const char **end);

#endif

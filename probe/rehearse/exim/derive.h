/*
 * derive - the questions that come out of an Exim configuration
 *
 * Of the configuration as Exim reads it: the items of its host lists are clients, those of senders,
 * recipients and domains are envelopes, and a name that a condition compares with $sender_helo_name
 * is a greeting.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_DERIVE_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_DERIVE_H

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/questions.h"

/* See candidate_mta.h. */
void derive_exim(struct candidate *candidate, struct questions *questions);

#endif

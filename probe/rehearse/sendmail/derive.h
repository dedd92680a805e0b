/*
 * derive - the questions that come out of a Sendmail configuration
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_DERIVE_H
#define RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_DERIVE_H

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/questions.h"

/* See candidate_mta.h. */
void derive_sendmail(struct candidate *candidate, struct questions *questions);

#endif

/*
 * listeners - where a Sendmail of the candidate listens
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_LISTENERS_H
#define RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_LISTENERS_H

#include <stdbool.h>

#include "probe/rehearse/candidate.h"

/* Adds one for each DaemonPortOptions, or the one that Sendmail has without any. False: memory is
 * out. */
bool listeners_sendmail_read(struct candidate *candidate);

#endif

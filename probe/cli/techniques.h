/*
 * listing - the verb `techniques`, which lists the battery
 */
#ifndef RELAYWARDEN_PROBE_LISTING_H
#define RELAYWARDEN_PROBE_LISTING_H

#include "probe/cli/options.h"

/* Needs no configuration: the envelopes are shown with the names of their parts. Returns the exit
 * code. */
int listing_main(const struct invocation *invocation);

#endif

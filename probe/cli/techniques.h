/*
 * techniques - the verb `techniques`, which lists the battery
 */
#ifndef RELAYWARDEN_PROBE_CLI_TECHNIQUES_H
#define RELAYWARDEN_PROBE_CLI_TECHNIQUES_H

#include "probe/cli/options.h"

/* Needs no configuration: the envelopes are shown with the names of their parts. Returns the exit
 * code. */
int techniques_main(const struct options *invocation);

#endif

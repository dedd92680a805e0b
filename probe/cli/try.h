/*
 * try - option -t: whether the configuration can be used
 */
#ifndef RELAYWARDEN_PROBE_CLI_TRY_H
#define RELAYWARDEN_PROBE_CLI_TRY_H

#include "probe/cli/options.h"

/* Shows what is wrong with it, what is worth knowing, and its keys' fingerprints. Returns the exit
 * code. */
int try_configuration(const struct options *invocation);

#endif

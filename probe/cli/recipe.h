/*
 * recipe - the verb that prints how to ask by hand
 *
 * Asks DNS where the target is, and connects to nothing.
 */
#ifndef RELAYWARDEN_PROBE_CLI_RECIPE_H
#define RELAYWARDEN_PROBE_CLI_RECIPE_H

#include "probe/cli/options.h"

/* The arguments are a target and ids of techniques; no id: all of them. Returns 0, or
 * PROBE_EXIT_UNKNOWN. */
int recipe_main(const struct options *invocation);

#endif

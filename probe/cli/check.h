/*
 * check - the verb that audits once and exits
 */
#ifndef RELAYWARDEN_PROBE_CLI_CHECK_H
#define RELAYWARDEN_PROBE_CLI_CHECK_H

#include "probe/cli/options.h"

/* The arguments are targets; none: all that are configured. Returns the exit code of monitoring
 * plugins. */
int check_main(const struct options *invocation);

#endif

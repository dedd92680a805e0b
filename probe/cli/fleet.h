/*
 * fleet - the verb: the database that many probes share is made, filled and looked at
 *
 * Its exit codes are the daemon's: 78 where the configuration or the database has to be mended
 * first.
 */
#ifndef RELAYWARDEN_PROBE_CLI_FLEET_H
#define RELAYWARDEN_PROBE_CLI_FLEET_H

#include "probe/cli/options.h"

int fleet_main(const struct options *invocation);

#endif

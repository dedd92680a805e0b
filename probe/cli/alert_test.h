/*
 * alert_test - the verb `alert-test`, which sends one test through every sink of the configuration
 */
#ifndef RELAYWARDEN_PROBE_CLI_ALERT_TEST_H
#define RELAYWARDEN_PROBE_CLI_ALERT_TEST_H

#include "probe/cli/options.h"

/* As the user that the units are, where that is known. Returns the exit code: 0 when every sink
 * took it, 2 when one did not, 3 when there is none or no configuration. */
int alert_test_main(const struct options *invocation);

#endif

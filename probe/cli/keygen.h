/*
 * keygen - the verb that makes a token key
 */
#ifndef RELAYWARDEN_PROBE_CLI_KEYGEN_H
#define RELAYWARDEN_PROBE_CLI_KEYGEN_H

#include "probe/cli/options.h"

/* Makes the file that is the only argument, which must not exist, and prints the fingerprint of
 * what is in it. Returns the exit code. A file that could not be written
 * whole is removed. */
int keygen_main(const struct options *invocation);

#endif

/*
 * init - the verb that writes a configuration with comments
 *
 * It asks four questions on a terminal; options answer them beforehand, and elsewhere all of them.
 * Where --site names what `relaywarden-milter --discover` printed, that is the site's part. Nothing
 * is written that one of the two programs would not take, and no file is ever overwritten.
 */
#ifndef RELAYWARDEN_PROBE_CLI_INIT_H
#define RELAYWARDEN_PROBE_CLI_INIT_H

#include "probe/cli/options.h"

/* The only argument is the file, "-" for standard output; the usual place if there is none. Returns
 * the exit code. */
int init_main(const struct options *invocation);

#endif

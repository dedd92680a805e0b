/*
 * rehearse - the verb: would this configuration make the site an open relay, and which line does?
 */
#ifndef RELAYWARDEN_PROBE_CLI_REHEARSE_H
#define RELAYWARDEN_PROBE_CLI_REHEARSE_H

#include "probe/cli/options.h"

int rehearse_main(const struct options *invocation);

#endif

/*
 * run - the verb that stays and audits every configured target at its interval
 *
 * SIGUSR1: all targets at once. SIGHUP: the configuration is read again; a bad one is told, and the
 * old one stays. SIGTERM, SIGINT: the audit under way ends with what is known, and so does the
 * program. An audit that cannot be made is told and tried again.
 */
#ifndef RELAYWARDEN_PROBE_CLI_RUN_H
#define RELAYWARDEN_PROBE_CLI_RUN_H

#include "probe/cli/options.h"

/* Returns 0 when told to stop, else why it cannot begin (options.h). */
int run_main(const struct options *invocation);

#endif

/*
 * receive - the verb that records a message's arrival at the canary
 *
 * For a pipe or alias of any MTA at the canary's domain, a message on standard input; or for a
 * Maildir, which it reads and leaves as it is. With --record FILE no configuration is read, and a
 * message is known by its token's MAC, if --key names the site's key, else by its token's shape;
 * without --record by its token, which an audit left in the state directory (carry_over.h).
 *
 * Any other message is passed over: it is somebody else's mail, and to refuse it would send bounces
 * to senders that are mostly forged.
 */
#ifndef RELAYWARDEN_PROBE_CLI_RECEIVE_H
#define RELAYWARDEN_PROBE_CLI_RECEIVE_H

#include "probe/cli/options.h"

/* An MTA reads a pipe's exit code by sysexits.h. */
#define RECEIVE_EXIT_TAKEN 0
#define RECEIVE_EXIT_LATER 75 /* it could not be recorded: it stays in the queue */

/* Returns one of these. */
int receive_main(const struct options *invocation);

#endif

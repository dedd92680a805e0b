/*
 * receive - the verb that records a message's arrival at the canary
 *
 * For a pipe or alias of any MTA at the canary's domain, a message on standard input; or for a
 * Maildir, which it reads and leaves as it is. With --record FILE a message is known by its token's
 * shape, and no configuration is read; else by its token, which an audit left in the state
 * directory (memory.h).
 */
#ifndef RELAYWARDEN_PROBE_RECEIVE_H
#define RELAYWARDEN_PROBE_RECEIVE_H

#include "probe/cli/options.h"

/* What an MTA makes of a pipe's exit code: sysexits.h. */
#define RECEIVE_EXIT_TAKEN   0
#define RECEIVE_EXIT_NO_USER 67 /* not ours: it goes back to its sender */
#define RECEIVE_EXIT_LATER   75 /* it could not be recorded: it stays in the queue */

/* Returns one of these. */
int receive_main(const struct invocation *invocation);

#endif

/*
 * verbs - one function a verb: it does what the command line asks for, and returns the exit code
 *
 * Each is in the file of its name. option_table.c has the row of each.
 */
#ifndef RELAYWARDEN_PROBE_CLI_VERBS_H
#define RELAYWARDEN_PROBE_CLI_VERBS_H

#include "probe/cli/options.h"

/* Audits once. The arguments are targets; none: all that are configured. The exit codes are those
 * of monitoring plugins. */
int check_main(const struct options *invocation);

/* Stays, and audits every configured target at its interval.
 *
 * SIGUSR1: all targets at once. SIGHUP: the configuration is read again; a bad one is told, and the
 * old one stays. SIGTERM, SIGINT: the audit under way ends with what is known, and so does the
 * program. An audit that cannot be made is told and tried again. 0 when told to stop, else why it
 * cannot begin (options.h). */
int run_main(const struct options *invocation);

/* Would this configuration make the site an open relay, and which line does? */
int rehearse_main(const struct options *invocation);

/* The history as a page, a text or JSON, from the probe's database and, if it is named, the
 * filter's snapshot. Connects to nothing. 0 when it was written, and lacks nothing. */
int report_main(const struct options *invocation);

/* Makes, fills and looks at the database that many probes share. The exit codes are the daemon's:
 * 78 where the configuration or the database has to be mended first. */
int fleet_main(const struct options *invocation);

/* Writes a configuration with comments. It asks four questions on a terminal; options answer them
 * beforehand, and elsewhere all of them. Where --site names the output of `relaywarden-milter
 * --discover`, that is the site's part. It writes nothing that one of the two programs would not
 * take, and overwrites no file. The only argument is the file, "-" for standard output; the usual
 * place if there is none. */
int init_main(const struct options *invocation);

/* Makes a token key: the file that is the only argument, which must not exist. Prints the
 * fingerprint of what is in it. Removes a file that could not be written whole. */
int keygen_main(const struct options *invocation);

/* Prints how to ask by hand. Asks DNS where the target is, and connects to nothing. The arguments
 * are a target and ids of techniques; no id: all of them. */
int recipe_main(const struct options *invocation);

/* Lists the battery. Needs no configuration: the envelopes have the names of their parts. */
int techniques_main(const struct options *invocation);

/* Sends one test through every sink of the configuration, as the user that the units are, where
 * that is known. 0 when every sink took it, 2 when one did not, 3 when there is none or no
 * configuration. */
int alert_test_main(const struct options *invocation);

/* An MTA reads a pipe's exit code by sysexits.h. */
#define RECEIVE_EXIT_TAKEN 0
#define RECEIVE_EXIT_LATER 75 /* it could not be recorded: it stays in the queue */

/* Records a message's arrival at the canary; one of these codes.
 *
 * For a pipe or alias of any MTA at the canary's domain, a message on standard input; or for a
 * Maildir, which it reads and leaves as it is. With --record FILE it reads no configuration, and
 * knows a message by its token's MAC, if --key names the site's key, else by its token's shape;
 * without --record by its token, which an audit left in the state directory (carry_over.h).
 *
 * It passes any other message over: that is somebody else's mail, and to refuse it would send
 * bounces to senders that are mostly forged. */
int receive_main(const struct options *invocation);

/* Option -t: whether the configuration can be used. Shows what is wrong with it, what is worth
 * knowing, and its keys' fingerprints. */
int try_configuration(const struct options *invocation);

#endif

/*
 * settle - a copy of Sendmail's configuration that can be run on the stage
 *
 * m4 makes sendmail.cf of sendmail.mc, makemap the maps of the texts beside them. Of sendmail.cf a
 * copy is run: options that say where queue and number lie, how often somebody may ask and how long
 * he waits are set anew behind all others, rulesets that only delay are emptied, and a filter that
 * is away refuses nobody. Each line stays where it is.
 *
 * On the stage; one thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_SETTLE_H
#define RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_SETTLE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/stage/mounts.h"

#define SETTLE_QUEUE       MOUNTS_BASE "/sendmail.queue"
#define SETTLE_PID         MOUNTS_BASE "/sendmail.pid"
#define SETTLE_CERTIFICATE MOUNTS_BASE "/sendmail.pem"

/* See candidate_mta.h. */
enum instance_fault settle_sendmail(const struct candidate *candidate,
                                    const struct candidate_settling *settling,
                                    char why[CANDIDATE_WHY_SIZE]);

/* The text of a sendmail.cf with what is ours; to be freed, NULL when memory is out. */
char *settle_sendmail_milder(const char *text, size_t length, bool certificate, size_t *out_length);

#endif

/*
 * settle - a copy of Exim's configuration that can be run on the stage
 *
 * The copy is what the candidate is, but for settings that say where spool and log are, how often
 * somebody may ask and how long he waits: these are blanked where they stand, so that the numbers
 * of lines stay, and set by a file of our own, which includes the candidate's. Pure but for the
 * files; one thread, on the stage.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_SETTLE_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_SETTLE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/stage/mounts.h"

#define SETTLE_SPOOL       MOUNTS_BASE "/exim.spool"
#define SETTLE_CERTIFICATE MOUNTS_BASE "/exim.pem"

/* See candidate_mta.h. */
enum instance_fault settle_exim(const struct candidate *candidate,
                                const struct candidate_settling *settling,
                                char why[CANDIDATE_WHY_SIZE]);

/* The text of a file without what is set by ours; to be freed, NULL when memory is out. */
char *settle_milder(const char *text, size_t length, bool in_main, size_t *out_length);

#endif

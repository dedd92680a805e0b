/*
 * housekeeper - the thread that looks after what lasts: masked addresses, and the probe's visits
 *
 * Keeps the masks and the times of the last valid asks in the state database, through a handle of
 * its own: a recipient never waits for the disk. Notices within a second when another process drops
 * an address there (relaywarden-milter --unmask). Holds the incident of each masked address open
 * while it is masked, and raises probe-missing when no ask from outside came for `probe_expected`.
 *
 * Writes the snapshot of what was seen, too (status_file.h).
 *
 * Without a database masks last as long as the process; that is said once.
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_HOUSEKEEPER_H
#define RELAYWARDEN_MILTER_TOKENS_HOUSEKEEPER_H

#include "lib/alert/reporter.h"
#include "milter/status/status_file.h"
#include "milter/tokens/probe_dialogue.h"

struct housekeeper;

/* Starts the thread, and waits for a second at most until it has read the database. `desk`,
 * `reporter` and `file` outlive it; without `file` (NULL) no snapshot is written. NULL: no memory
 * or thread is to be had. */
struct housekeeper *housekeeper_start(const char *database_path, struct probe_dialogue_desk *desk,
                                      struct reporter *reporter, struct status_file *file);

/* Saves and ends. False: it hangs in the disk for longer than `wait_ms`, and may still use what it
 * was given. */
bool housekeeper_stop(struct housekeeper *keeper, int wait_ms);

#endif

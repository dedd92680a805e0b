/*
 * status_file - keeps snapshot.json, from which relaywarden-probe report tells what the filter
 * saw
 *
 * (The configuration in force, live_conf.h, is another thing.) Written when something has changed,
 * at most every SNAPSHOT_PAUSE_SECONDS, when nothing has, every SNAPSHOT_PERIOD_SECONDS, so that an
 * old file shows that nobody writes it, and once more at the end. Readers see it whole
 * (atomic_file.h); it is for the owner and the group to read. A failure is told once, and what was
 * there stays.
 *
 * On the keeper's thread, which is the one that touches the disk.
 */
#ifndef RELAYWARDEN_MILTER_STATUS_STATUS_FILE_H
#define RELAYWARDEN_MILTER_STATUS_STATUS_FILE_H

#include "lib/alert/reporter.h"
#include "milter/status/snapshot_push.h"
#include "milter/status/status_json.h"

#define SNAPSHOT_NAME           "snapshot.json"
#define SNAPSHOT_PAUSE_SECONDS  5
#define SNAPSHOT_PERIOD_SECONDS 300
#define SNAPSHOT_MODE           0640

struct status_file;

/* In `directory`. The objects that `source` and `reporter` point to outlive it; so does `push`,
 * which is offered each text (NULL: nobody is). NULL: memory is out. */
struct status_file *status_file_new(const char *directory, const struct snapshot_source *source,
                                    struct reporter *reporter, struct snapshot_push *push);
void status_file_free(struct status_file *file); /* NULL is nothing */

/* Whether it is time (clocks.h: steady) to look for a change; nothing need be collected before. */
bool status_file_is_due(const struct status_file *file, int64_t now);

/* Writes it if something has changed, or it is time to. */
void status_file_keep(struct status_file *file, const struct snapshot_moment *moment);

#endif

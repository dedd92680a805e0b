/*
 * snapshot_file - keeps snapshot.json, from which relaywarden-probe report tells what the filter
 * saw
 *
 * (The configuration in force, snapshot.h, is another thing.) Written when something has changed,
 * at most every SNAPSHOT_PAUSE_SECONDS, when nothing has, every SNAPSHOT_PERIOD_SECONDS, so that an
 * old file shows that nobody writes it, and once more at the end. Readers see it whole
 * (whole_file.h); it is for the owner and the group to read. A failure is told once, and what was
 * there stays.
 *
 * On the keeper's thread, which is the one that touches the disk.
 */
#ifndef RELAYWARDEN_MILTER_SNAPSHOT_FILE_H
#define RELAYWARDEN_MILTER_SNAPSHOT_FILE_H

#include "lib/alert/reporter.h"
#include "milter/status/status_json.h"

#define SNAPSHOT_NAME           "snapshot.json"
#define SNAPSHOT_PAUSE_SECONDS  5
#define SNAPSHOT_PERIOD_SECONDS 300
#define SNAPSHOT_MODE           0640

struct snapshot_file;

/* In `directory`. What `source` and `reporter` point to outlives it. NULL: memory is out. */
struct snapshot_file *snapshot_file_new(const char *directory, const struct snapshot_source *source,
                                        struct reporter *reporter);
void snapshot_file_free(struct snapshot_file *file); /* NULL is nothing */

/* Whether it is time (clocks.h: steady) to look for a change; nothing need be collected before. */
bool snapshot_file_is_due(const struct snapshot_file *file, int64_t now);

/* Writes it if something has changed, or it is time to. */
void snapshot_file_keep(struct snapshot_file *file, const struct snapshot_moment *moment);

#endif

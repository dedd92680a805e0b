/*
 * mta_tool - programs of the MTA's that read a candidate's copy, each in an instance of its own
 *
 * update-exim4.conf sources a shell's file, m4 runs what an .mc names, and Exim's configuration can
 * name programs: none is run outside of the stage. The copy lies at the place where it will stand.
 * One thread; on the stage.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_MTA_TOOL_H
#define RELAYWARDEN_PROBE_REHEARSE_MTA_TOOL_H

#include <stdbool.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/stage/instance.h"
#include "probe/rehearse/stage/mounts.h"

#define MTA_TOOL_ERRORS MOUNTS_BASE "/tool.errors" /* what the last program said */

struct mta_tool {
    const char *folder; /* the copy */
    const char *as;
    const struct candidate_overlay *overlays;
    size_t overlay_count;
};

/* The first of these paths, which NULL ends, that can be executed; NULL: none. */
const char *mta_tool_find(const char *const *programs);

/* Over the places that they stand for; for struct instance_settings. */
int mta_tool_lay(const struct mta_tool *tool, char error[MOUNTS_ERROR_SIZE]);

/* Runs a shell's script with these words ($1 to $3) and no environment but a PATH. A fault comes
 * with what the script said first, or with what the host lacks. */
enum instance_fault mta_tool_run(const struct mta_tool *tool, const char *script,
                                 const char *const words[3], char error[CANDIDATE_WHY_SIZE]);

/* The first message that stands in MTA_TOOL_ERRORS, on one line, without the date; false: none. */
bool mta_tool_first_words(char *out, size_t size);

/* A whole file, NUL-terminated, to be freed; never through a link. NULL: it cannot be read. */
char *mta_tool_read(const char *path, size_t *length);

#endif

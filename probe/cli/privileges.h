/*
 * privileges - whose the state directory is, and becoming that user
 *
 * The units run the probe as a user of its own. Files that a root shell's `check` made beside
 * theirs would be closed to them: the audits would forget their incidents, and alerts would not get
 * out. Main thread, before any other is started.
 */
#ifndef RELAYWARDEN_PROBE_CLI_PRIVILEGES_H
#define RELAYWARDEN_PROBE_CLI_PRIVILEGES_H

#include <stdbool.h>

#include "conf/conf.h"

#define PRIVILEGES_NAME_SIZE 64

/* When this is root and the state directory (else the folder that it is to be made in) belongs to
 * somebody else: becomes that user for good, with all of its groups. *name is then the user's name
 * (its number, if it has none), else "". False: it could not be, and this is still root. */
bool privileges_become(const struct conf *conf, char name[PRIVILEGES_NAME_SIZE]);

#endif

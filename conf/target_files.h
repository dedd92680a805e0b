/*
 * target_files - targets from the files that target_files of the section probe names
 *
 * One target a line: NAME domain|host VALUE [PORT[,PORT]...], with blanks between; port 25 if none
 * is named. All else is as in a target section without it. A name is unique over all files and
 * sections: history, alerts and metrics know a target by it. Two names for one question are
 * allowed, and asked once (probe/audit/audit.h). How lines are read: line_file.h.
 */
#ifndef RELAYWARDEN_CONF_TARGET_FILES_H
#define RELAYWARDEN_CONF_TARGET_FILES_H

#include "conf/fill.h"

#define CONF_TARGETS_MAX 1000000 /* of one configuration */

/* Adds them to conf->probe.targets, behind those of the sections. Mistakes are reported with the
 * file and line where they are. -1: memory is out. */
int conf_target_files_load(struct conf_draft *draft);

#endif

/*
 * machine - whether what a configuration names is there, on this machine
 *
 * Mistakes prevent use; what may still come (a user, a group, a directory) is a note.
 */
#ifndef RELAYWARDEN_CONF_MACHINE_H
#define RELAYWARDEN_CONF_MACHINE_H

#include "conf/fill.h"

/* Looks at what values name: keys, the alert command, users, groups, directories. */
void conf_check_machine(const struct conf_draft *draft);

#endif

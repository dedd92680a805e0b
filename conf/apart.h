/*
 * apart - reads a prepared text with libconfuse in a process of its own
 *
 * libconfuse ends its process where memory is out: its scanner calls exit() and abort(), and a
 * section that it could not finish crashes when it is freed. A running filter must outlive that. So
 * a child reads, and writes what it read as text into a pipe; this process checks each line of it
 * as it would a stranger's, and makes its own tree.
 *
 * Any thread, one at a time (conf/tree.h). All signals are blocked while the child is made, and
 * stay so in the child.
 */
#ifndef RELAYWARDEN_CONF_APART_H
#define RELAYWARDEN_CONF_APART_H

#include <stdbool.h>

#include "conf/mistakes.h"
#include "conf/tree.h"

/* conf_tree_read in a child. Where the child cannot be made, ends otherwise than
 * it should, or says anything that no tree is: a mistake, and messages->system_failed. */
int conf_tree_read_apart(struct conf_tree *tree, const char *prepared, bool silent,
                         struct conf_messages *messages);

#endif

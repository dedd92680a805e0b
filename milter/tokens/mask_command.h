/*
 * mask_command - the options --masked and --unmask
 *
 * Both work on the state database, so the filter may run or not; a running one follows within a
 * second. Root becomes the filter's user first: files that SQLite makes beside the database must
 * not be root's.
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_MASK_COMMAND_H
#define RELAYWARDEN_MILTER_TOKENS_MASK_COMMAND_H

#include "conf/conf.h"

/* One line an address on standard output. Returns the exit status. */
int mask_command_list(const struct conf *conf);

/* Drops the address that `text` names. Returns the exit status. */
int mask_command_drop(const struct conf *conf, const char *text);

#endif

/*
 * key - the token keys of a configuration, read and judged
 *
 * The holder of a key is believed by both programs, so a key file must be a regular one that only
 * root or the program's user can change, and that others cannot read.
 */
#ifndef RELAYWARDEN_CONF_KEY_H
#define RELAYWARDEN_CONF_KEY_H

#include "conf/fill.h"

/* Reads token_key_file and token_key_also into draft->conf; a mistake is reported at the option's
 * line. */
void conf_load_keys(const struct conf_draft *draft);

#define CONF_KEY_FAULT_SIZE 512

/* Reads a key for a program that needs nothing else of a configuration: the file is root's or the
 * user's who runs it. False, and a sentence that begins with the path. */
bool conf_read_key(const char *path, struct token_key *out, char fault[CONF_KEY_FAULT_SIZE]);

/* Overwrites and frees. */
void conf_free_keys(struct conf *conf);

#endif

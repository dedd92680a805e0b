/*
 * key - the token keys of a configuration, read and judged
 *
 * Whoever holds a key is believed by both programs, so a key file must be a regular one that only
 * root or the program's user can change, and that others cannot read.
 */
#ifndef RELAYWARDEN_CONF_KEY_H
#define RELAYWARDEN_CONF_KEY_H

#include "conf/fill.h"

/* Reads token_key_file and token_key_also into draft->conf; a mistake is reported at the option's
 * line. */
void conf_load_keys(const struct conf_draft *draft);

/* Overwrites and frees. */
void conf_free_keys(struct conf *conf);

#endif

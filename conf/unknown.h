/*
 * unknown - options that the schema does not have, and which an operator may have meant
 *
 * Pure but for the messages it adds; one thread at a time.
 */
#ifndef RELAYWARDEN_CONF_UNKNOWN_H
#define RELAYWARDEN_CONF_UNKNOWN_H

#include "conf/mistakes.h"
#include "conf/schema.h"

/* Finds the names in a prepared text (conf/text.h) that are not allowed where they stand, blanks
 * each with its value or contents, and reports it: libconfuse would stop at the first. It goes up
 * to where the syntax is wrong, which is libconfuse's to tell. */
void conf_blank_unknown(char *prepared, struct conf_messages *messages);

/* How many letters must be changed, added, taken away or swapped with their neighbour to make `a`
 * of `b`; names longer than 40 octets are CONF_FAR from all. */
#define CONF_FAR 1000u
unsigned int conf_distance(const char *a, const char *b);

#endif

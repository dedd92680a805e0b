/*
 * unknown - options that the schema does not have, and which an operator may have meant
 *
 * Pure but for the messages it adds; one thread at a time.
 */
#ifndef RELAYWARDEN_CONF_UNKNOWN_H
#define RELAYWARDEN_CONF_UNKNOWN_H

#include "conf/mistakes.h"
#include "conf/schema.h"

/* Reports that `section` has no option `name`: with a likely one, or the section where it belongs,
 * and all that are allowed. */
void conf_report_unknown(struct conf_messages *messages, int line, enum conf_section section,
                         const char *name);

/* How many letters must be changed, added, taken away or swapped with their neighbour to make `a`
 * of `b`; names longer than 40 octets are CONF_FAR from all. */
#define CONF_FAR 1000u
unsigned int conf_distance(const char *a, const char *b);

#endif

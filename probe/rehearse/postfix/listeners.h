/*
 * listeners - who speaks SMTP in a Postfix candidate, and what looks wrong in it
 *
 * One thread; what is found is added to the candidate.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_LISTENERS_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_LISTENERS_H

#include "probe/rehearse/candidate.h"

/* Adds a listener for each service of master.cf whose command is smtpd or postscreen. False: out of
 * memory. */
bool listeners_read(struct candidate *candidate);

/* Adds what postconf complains of, with its line, and each -o that has no effect where it stands.
 */
void listeners_warn(struct candidate *candidate);

#endif

/*
 * programs - Sendmail's programs and m4 files, where they are installed
 *
 * /usr/sbin/sendmail is a name that every mail server has: whose it is, its octets say.
 *
 * Static strings, found once; one thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_PROGRAMS_H
#define RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_PROGRAMS_H

#include <stdbool.h>

#include "probe/rehearse/candidate_mta.h"

/* Each NULL where there is none. */
const char *programs_sendmail(void);
const char *programs_makemap(void);
const char *programs_cf(void); /* the folder in which m4/cf.m4 is */

bool programs_has_m4(void);

/* False with a sentence: Sendmail is not installed here; whose /usr/sbin/sendmail is, and what to
 * do. */
bool programs_has_sendmail(char why[CANDIDATE_WHY_SIZE]);

#endif

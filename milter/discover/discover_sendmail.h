/*
 * discover_sendmail - what Sendmail takes as its own, by its address test mode and makemap(8)
 */
#ifndef RELAYWARDEN_MILTER_DISCOVER_DISCOVER_SENDMAIL_H
#define RELAYWARDEN_MILTER_DISCOVER_DISCOVER_SENDMAIL_H

#include "milter/discover/site_draft.h"
#include <stdbool.h>

/* Adds it to the draft. `file`: sendmail.cf. False: Sendmail could not be asked. */
bool discover_sendmail(struct site_draft *draft, const char *file);

#endif

/*
 * discover_access - the networks and domains of Sendmail's access map
 */
#ifndef RELAYWARDEN_MILTER_DISCOVER_DISCOVER_ACCESS_H
#define RELAYWARDEN_MILTER_DISCOVER_DISCOVER_ACCESS_H

#include "milter/discover/site_draft.h"

/* Adds them to the draft, if the sendmail.cf `file` names such a map. */
void discover_access(struct site_draft *draft, const char *file);

#endif

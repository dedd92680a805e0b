/*
 * discover_postfix - what Postfix takes as its own, by postconf(1) and postmap(1)
 */
#ifndef RELAYWARDEN_MILTER_DISCOVER_DISCOVER_POSTFIX_H
#define RELAYWARDEN_MILTER_DISCOVER_DISCOVER_POSTFIX_H

#include "milter/discover/site_draft.h"
#include <stdbool.h>

/* Adds it to the draft. `directory`: of the configuration; NULL: the one that postconf finds.
 * False: Postfix could not be asked. */
bool discover_postfix(struct site_draft *draft, const char *directory);

#endif

/*
 * unmasked - tells of addresses that are masked no longer, and ends their incidents
 *
 * Any thread: each drop is told once, by whoever comes first. However many there are, all are told.
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_UNMASKED_H
#define RELAYWARDEN_MILTER_TOKENS_UNMASKED_H

#include "lib/alert/reporter.h"
#include "milter/tokens/masks.h"

/* Those that were dropped for this reason, and are not told yet. */
void unmasked_tell(struct masks *masks, enum masks_drop how, struct reporter *reporter);

#endif

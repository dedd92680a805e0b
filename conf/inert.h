/*
 * inert - options that are read and checked, but that this version does not act on
 *
 * One table; each feature that arrives takes its rows away.
 */
#ifndef RELAYWARDEN_CONF_INERT_H
#define RELAYWARDEN_CONF_INERT_H

#include "conf/fill.h"

/* Adds a note for each such setting of the sections that the draft's program uses. */
void conf_note_inert(const struct conf_draft *draft);

#endif

/*
 * offer - one line of what EHLO offers (RFC 5321 section 4.1.1.1)
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_OFFER_H
#define RELAYWARDEN_PROBE_OFFER_H

#include <stdbool.h>

/* Whether the line, which ends at its terminator or at a newline, offers this: a keyword, with
 * parameters or without, or "KEYWORD PARAMETER". "AUTH=LOGIN", as old servers have it, counts. */
bool offer_is(const char *line, const char *what);

/* Whether one of the words up to the line's end is this one, whatever its case. */
bool offer_has_word(const char *words, const char *word);

#endif

/*
 * ehlo - what EHLO offers (RFC 5321 section 4.1.1.1): one line of it, and what of it a stranger
 * should not be offered
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_EHLO_H
#define RELAYWARDEN_PROBE_SMTP_EHLO_H

#include <stdbool.h>

#include "probe/model/result.h"

/* Whether the line, which ends at its terminator or at a newline, offers this: a keyword, with
 * parameters or without, or "KEYWORD PARAMETER". "AUTH=LOGIN", as old servers have it, counts. */
bool ehlo_is(const char *line, const char *what);

/* Whether one of the words up to the line's end is this one, whatever its case. */
bool ehlo_has_word(const char *words, const char *word);

/* Whether the last EHLO offered this, as above. */
bool ehlo_offers(const struct endpoint_result *result, const char *what);

/* EHLO was taken: `text` is the whole reply, and the result's capabilities are those of it. What
 * was heard on earlier connections stays. */
void ehlo_hear(struct endpoint_result *result, const char *text, bool secured);

#endif

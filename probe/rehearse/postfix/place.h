/*
 * place - where Postfix's words point in a candidate
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_PLACE_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_PLACE_H

#include <stddef.h>

#include "probe/rehearse/candidate.h"

/* The line of the first parameter that the words name and main.cf sets, as "FILE:LINE"; "" if there
 * is none. */
void postfix_place(struct candidate *candidate, const char *words, char *out, size_t size);

#endif

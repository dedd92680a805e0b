/*
 * token_finding - the findings that the milter raises for what the probe's audits show
 *
 * Pure; any thread; the texts of the arguments are not kept.
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_TOKEN_FINDING_H
#define RELAYWARDEN_MILTER_TOKENS_TOKEN_FINDING_H

#include "lib/finding.h"
#include "lib/netset.h"
#include "lib/state/mask_table.h"

/* Strangers reach the MTA under mask->address, at mask->listener, by mask->route. `trusted` is the
 * declared network that holds the address: critical; NULL: a warning. */
void token_finding_hidden(struct finding *out, const struct mask *mask,
                          const struct network *trusted);

/* The key of that incident, and of the one that counts the further addresses at its listener
 * together (incident.h: any). */
void token_finding_hidden_key(const struct mask *mask, char out[FINDING_KEY_SIZE]);
void token_finding_hidden_any_key(const struct mask *mask, char out[FINDING_KEY_SIZE]);

/* No valid ask from outside came since `last`, and one was expected every `expected` seconds.
 * `inside`: when one last came that was not from outside; 0: never. Unix times. */
void token_finding_probe_missing(struct finding *out, int64_t last, int64_t inside, long expected);

#endif

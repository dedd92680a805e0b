/*
 * page_account - the account of one endpoint, as the pages have it: its verdict, why, the remedies,
 * its findings and its dialogue
 *
 * Pure; the texts are escaped (html.h).
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_ACCOUNT_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_ACCOUNT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "probe/report/history.h"

/* With a mark beside the word: colour alone tells nothing to a reader who does not see it. */
void page_verdict(FILE *out, enum verdict verdict);

/* The host's name where it has one besides its address, and the endpoint. */
void page_name(FILE *out, const struct history_endpoint *endpoint);

/* Begins an article, which the caller closes: all but the dialogue. */
void page_state(FILE *out, const struct history_endpoint *endpoint);
void page_dialogue(FILE *out, const struct history_endpoint *endpoint, bool unfolded);

/* ---- of the audit's own JSON ---- */

const json_t *page_list(const struct history_endpoint *endpoint, const char *name);
const char *page_text(const json_t *object, const char *name); /* "" where it has none */
bool page_is_posture(const json_t *finding);                   /* else it is about relaying */

#endif

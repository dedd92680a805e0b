/*
 * subject - what an incident is about: a finding's kind and key, and how findings of one are folded
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SUBJECT_H
#define RELAYWARDEN_LIB_ALERT_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/finding.h"

/* A hash of kind and key, for tables keyed by them. */
uint32_t subject_hash(enum finding_kind kind, const char *key);

/* Adds `later` to `finding` of the same subject: counts add up, and the more severe one is the
 * evidence. True if that was `later`. */
bool subject_fold(struct finding *finding, const struct finding *later);

/* Makes `finding` stand for any subject of its kind within `fold` ("": within the program). Its key
 * becomes "FOLD any"; what named one subject moves from the subject to the evidence, and a logged
 * subject field subject=any is added. `fold` may be the finding's own. */
void subject_make_any(struct finding *finding, const char *fold);
bool subject_is_any(const struct finding *finding);

#endif

/*
 * finding_json - a finding's text as JSON, for the database, and back
 *
 * {"why":"...","fix":"...","fields":[["client",6,"198.51.100.9"],...]}: what is a column of its own
 * (kind, key, fold, severity, count) is left out. What is read back is distrusted: it must be as
 * printable as when it was written, or it is refused.
 *
 * Any thread.
 */
#ifndef RELAYWARDEN_LIB_ALERT_FINDING_JSON_H
#define RELAYWARDEN_LIB_ALERT_FINDING_JSON_H

#include <stdbool.h>

#include "lib/finding.h"

/* The caller frees it. NULL when memory is out. */
char *finding_json_write(const struct finding *finding);

/* Adds what is written in `text` to a finding that finding_init has begun. False, with the finding
 * spoilt: the text is not of this form, or memory is out. The names of fields are kept for the life
 * of the process, of which at most FINDING_JSON_NAMES are known; fields of further names are left
 * out. */
#define FINDING_JSON_NAMES 128
bool finding_json_read(struct finding *finding, const char *text);

#endif

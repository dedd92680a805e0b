/*
 * finding_json - a finding's text as JSON, for the database, and back
 *
 * {"why":"...","fix":[{"mta":"postfix","text":"..."},...],"fields":[["client",6,"198.51.100.9"],...]}:
 * kind, key, fold, severity and count have columns of their own. A text that is read back is
 * distrusted: it must be as printable as when it was written, or it is refused.
 *
 * Any thread.
 */
#ifndef RELAYWARDEN_LIB_FINDING_JSON_H
#define RELAYWARDEN_LIB_FINDING_JSON_H

#include <jansson.h>
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

/* [{"mta":"postfix","text":"..."},...]; "mta" is null in what is for every server. NULL when memory
 * is out. */
json_t *finding_json_remedies(const struct remedies *remedies);

/* The same read back. False, with `remedies` spoilt: it is not of this form, or not printable. */
bool finding_json_read_remedies(struct remedies *remedies, const json_t *array);

/* A JSON string. jansson refuses invalid UTF-8, and a finding must not be lost by it: whatever
 * slipped through unescaped is escaped here. NULL means that memory is out. */
json_t *finding_json_text(const char *text);

#endif

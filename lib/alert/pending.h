/*
 * pending - what waits for the reporter's thread, folded
 *
 * A bounded table keyed by kind and subject key, in order of arrival. The first finding of a
 * subject is kept whole (a more severe one takes its place), repeats add to its count. When
 * PENDING_SUBJECTS_MAX subjects wait, or memory is out, a finding joins "any" of its kind, for
 * which room was made beforehand: none is lost. No locks: inbox.h guards it.
 */
#ifndef RELAYWARDEN_LIB_ALERT_PENDING_H
#define RELAYWARDEN_LIB_ALERT_PENDING_H

#include "lib/finding.h"

#define PENDING_SUBJECTS_MAX 1024 /* that wait for the reporter's thread */

struct pending;

/* NULL when memory is out. */
struct pending *pending_new(void);
void pending_free(struct pending *pending);

void pending_add(struct pending *pending, const struct finding *finding);

/* The subject is gone, after what was added before. Without memory or room it is forgotten: the
 * incident then ends at the next audit, or by being quiet. */
void pending_resolve(struct pending *pending, enum finding_kind kind, const char *key);

/* How many subjects wait, "any" left out. */
size_t pending_count(const struct pending *pending);

/* Hands everything to the two functions in the order of arrival, "any" last, and empties the table.
 */
struct pending_receiver {
    void (*finding)(const struct finding *finding, void *user);
    void (*resolve)(enum finding_kind kind, const char *key, void *user);
    void *user;
};
void pending_empty(struct pending *pending, const struct pending_receiver *receiver);

#endif

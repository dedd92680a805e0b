/*
 * counters - what has passed since the program began, in numbers
 *
 * Any thread, without a lock: each number is an atomic of its own. A reader sees each as it is at
 * that moment, not all at the same one. A zeroed struct counts from nothing.
 */
#ifndef RELAYWARDEN_MILTER_COUNTERS_H
#define RELAYWARDEN_MILTER_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/alert/sink/metrics.h"
#include "lib/words.h"

#define COUNTERS_PERMISSIONS  (PERMISSION_CLIENT_CERTIFICATE + 1)
#define COUNTERS_DESTINATIONS (DESTINATION_EXTERNAL + 1)
#define COUNTERS_DECISIONS    (DECISION_DEFERRED + 1)
#define COUNTERS_ENFORCEMENTS (ENFORCE_REJECT + 1)
#define COUNTERS_BUCKETS      14 /* one more than the bounds in counters.c */

struct counters {
    _Atomic uint64_t connections;
    /* A client that may relay is let through at MAIL: its messages count, their recipients are not
     * seen. */
    _Atomic uint64_t messages[COUNTERS_PERMISSIONS];
    _Atomic uint64_t recipients[COUNTERS_PERMISSIONS][COUNTERS_DESTINATIONS][COUNTERS_DECISIONS];
    _Atomic uint64_t enforced[COUNTERS_ENFORCEMENTS]; /* recipients refused; messages to be held */
    /* From libmilter's call to our answer. */
    _Atomic uint64_t answers[COUNTERS_BUCKETS];
    _Atomic uint64_t answer_nanoseconds;
};

void counters_add(_Atomic uint64_t *counter);

/* One recipient, as it was judged. */
void counters_recipient(struct counters *counters, enum permission permission,
                        enum destination destination, enum decision decision);

/* The monotonic clock in nanoseconds, and one answer to a call that came then. */
uint64_t counters_now(void);
void counters_answered(struct counters *counters, uint64_t called);

/* The times of all answers, as far as the buckets tell. */
struct counters_answers {
    uint64_t count;
    double seconds; /* altogether */
    double half;    /* half of them took no longer than this many seconds */
    double almost;  /* 99 of 100 */
};

/* A bound that is not known, or none since there was no answer, is INFINITY. */
struct counters_answers counters_answers(struct counters *counters);

/* A number as it is now. */
uint64_t counters_value(_Atomic uint64_t *counter);

/* All of them, for metrics.h; `counters` is a struct counters. */
void counters_show(struct metrics *metrics, void *counters);

#endif

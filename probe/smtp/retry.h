/*
 * retry - when a server that put techniques off is to be asked again
 *
 * A greylisting server refuses an unknown triplet of client, sender and recipient with a 4xx and
 * takes it some minutes later (RFC 6647 section 2). Some say in the reply how long; others are
 * asked at growing intervals, which costs them one refusal each (see battery_init_again), and once
 * more when the patience is at its end. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_RETRY_H
#define RELAYWARDEN_PROBE_SMTP_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/model/result.h"

#define RETRY_MARGIN_MS 1000  /* beyond the delay that a server names: its clock is no finer */
#define RETRY_FIRST_MS  15000 /* the first interval where no delay is named; each is doubled */

/* One endpoint's. */
struct retry {
    int64_t until;      /* on the loop's clock */
    unsigned int tries; /* how often it was asked again */
    long named;         /* seconds, by a reply so far */
};

/* Whether the technique's answer, or its control's, may be another one later. */
bool retry_is_due(const struct technique_result *asked);

/* Whether a technique of this endpoint is worth asking again. A control's answer is not where
 * something else is granted for certain. */
bool retry_is_worth(const struct endpoint_result *result, const struct technique_result *asked);

/* The seconds that a reply's text asks for: 300 for "try again in 300 seconds", "Greylisted for 5
 * minutes", "come back in 00:05:00". 0 when it names none; at most a day. */
long retry_named(const char *text);

/* After a round that ended `now`: when to ask again what was put off. False when nothing was, or
 * not within the patience. Counts the try. */
bool retry_next(struct retry *patience, const struct endpoint_result *result, int64_t now,
                int64_t *when);

#endif

/*
 * judgement - from an endpoint's replies to a verdict, a cause and findings
 *
 * Pure: takes an endpoint_result that the session has filled and what is known of the vantage, and
 * fills the judged part.
 *
 * - plain-shaped acceptance is open; a mailbox-shaped one only if its control was refused (for the
 *   recipient), else suspected. One whose control was put off (greylisted, deferred) is suspected
 *   as well: the acceptance is a fact and worth a warning, which "nobody knows" would hide, and the
 *   control may be refused yet, which would make it open. So it is asked again as what was put off
 *   is (patience.h), by --wait or by the next audit.
 * - a message that the server took and that never arrived makes open suspected, cause
 *   discarded-or-hidden, and so does one that it refused as it refuses relaying.
 * - closed needs an answered `plain` (relay-denied or auth-required) and nothing accepted.
 * - a technique that was greylisted or deferred beside a refused `plain`, or whose acceptance could
 *   not be told from an answer to something else, leaves it inconclusive, as do techniques that our
 *   own max_refusals kept back. One that was refused for another reason or cut off does not.
 * - from inside, a refused plain is closed and an accepted one inconclusive, never open.
 * - no address or no connection is unreachable; connected but no greeting is inconclusive with
 * service-refused.
 */
#ifndef RELAYWARDEN_PROBE_JUDGEMENT_H
#define RELAYWARDEN_PROBE_JUDGEMENT_H

#include <stdbool.h>

#include "lib/site.h"
#include "probe/model/result.h"

struct vantage_known {
    enum vantage declared;
    const struct site *site; /* whose trusted networks may hold our source address */
};

/* Whether this endpoint was asked from inside: declared so, source trusted, or both ends one
 * address. */
bool judgement_is_inside(const struct endpoint_result *result, const struct vantage_known *vantage);

void judgement_endpoint(struct endpoint_result *result, const struct vantage_known *vantage);

/* The exit code of monitoring plugins over all endpoints: 2 wins, then 3, then 1, then 0. */
int judgement_exit_code(const struct endpoint_result *const *results, size_t count);

/* The worst verdict in the order open, inconclusive, unreachable, suspected, closed (as the exit
 * code weighs them). */
enum verdict judgement_worst(const struct endpoint_result *const *results, size_t count);

#endif

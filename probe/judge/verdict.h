/*
 * verdict - from an endpoint's replies to a verdict, a cause and findings
 *
 * Pure: takes an endpoint_result that the session has filled and what is known of the vantage, and
 * fills the judged part.
 *
 * - plain-shaped acceptance is open; a mailbox-shaped one only if its control was refused (for the
 *   recipient), else suspected. One whose control was put off (greylisted, deferred) is suspected
 *   as well: the acceptance is a fact and worth a warning, which "nobody knows" would hide, and the
 *   control may be refused yet, which would make it open. So it is asked again as what was put off
 *   is (retry.h), by --wait or by the next audit.
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
#ifndef RELAYWARDEN_PROBE_JUDGE_VERDICT_H
#define RELAYWARDEN_PROBE_JUDGE_VERDICT_H

#include <stdbool.h>

#include "probe/model/audit_summary.h"
#include "probe/model/result.h"
#include "probe/model/vantage.h"

void verdict_endpoint(struct endpoint_result *result, const struct vantage_known *vantage);

/* Makes the finding about relaying (open-relay, suspected-relay) of a judged result once more, into
 * room of the caller's: for one that the result has no memory for. False: there is none. */
bool verdict_relay_finding(const struct endpoint_result *result, enum finding_kind kind,
                           struct finding *finding);

/* The exit code of monitoring plugins for one endpoint. */
int verdict_exit_of(const struct endpoint_result *result);

/* Of two exit codes the one that is told: 2 wins, then 3, then 1, then 0. */
int verdict_exit_worse(int a, int b);

/* Over all endpoints; 3 where there is none. */
int verdict_exit_code(const struct audit_summary *summary);

/* The worst verdict in the order open, inconclusive, unreachable, suspected, closed (as the exit
 * code weighs them). */
enum verdict verdict_worst(const struct audit_summary *summary);

#endif

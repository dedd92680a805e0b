/*
 * audit - one round over all targets
 *
 * Resolves the targets, makes each address and port one endpoint (none twice), asks them with at
 * most `max_connections` connections at once, at most two an address and port, and has each judged
 * as soon as it is done. Its result is then put away (result_store.h), and the next target is
 * looked up: there may be any number of them, and memory grows by some 1.5 KB an endpoint.
 * A technique that was put off is asked again while there is patience (retry.h). Where `proof` asks
 * for it, an endpoint that granted relaying is sent one message. Connects to nothing but the
 * endpoints and the resolvers. One thread.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_AUDIT_H
#define RELAYWARDEN_PROBE_AUDIT_AUDIT_H

#include "probe/audit/audit_request.h"
#include "probe/model/audit_summary.h"

struct audit;

/* Runs to its end, or until SIGINT or SIGTERM (signals.h): then it has what was learnt so far,
 * and endpoints that were not finished are marked as interrupted. Where one was pending before, it
 * is over when it begins. Where memory is out the last result says how many endpoints are not
 * among the others. NULL and one sentence when it could not run at all. */
struct audit *audit_run(const struct audit_request *request, char error[AUDIT_ERROR_SIZE]);
void audit_free(struct audit *audit); /* NULL is nothing */

/* Belongs to the audit. Results are in the order of the targets, their hosts' preference, and the
 * addresses. */
const struct audit_summary *audit_summary_of(const struct audit *audit);

#endif

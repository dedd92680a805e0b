/*
 * audit - one round over all targets
 *
 * Resolves the targets, makes each address and port one endpoint (none twice), asks them with at
 * most `max_connections` connections at once, at most two an address and port, and has each judged
 * as soon as it is done. What was put off is asked again while there is patience (patience.h).
 * Where `proof` asks for it, an endpoint that granted relaying is sent
 * one message. Connects to nothing but the endpoints and the resolvers. One thread.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_H
#define RELAYWARDEN_PROBE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "probe/model/target.h"
#include "probe/report/report.h"

#define AUDIT_ERROR_SIZE    256
#define AUDIT_ENDPOINTS_MAX 4096 /* of one audit; DNS answers come from strangers */

struct audit_request {
    const struct conf *conf;      /* lives as long as the audit */
    const struct target *targets; /* likewise */
    size_t target_count;
    int64_t wait_ms; /* how long an endpoint that puts techniques off is waited for; 0 = not at all.
                        On top of its deadline, which each round has for itself */
    int64_t
        delivery_ms; /* how long a message that was taken is waited for, with proof = delivered */
    const char *record; /* the file of arrivals; NULL = the one in the state directory */
    bool progress;      /* a line on standard error, rewritten as endpoints are done */
};

#define AUDIT_DELIVERY_MS 60000 /* unless something else is said */

struct audit;

/* Runs to its end, or until SIGINT or SIGTERM (interruption.h): then it has what was learnt so far,
 * and endpoints that were not finished are marked as interrupted. Where one was pending before, it
 * is over when it begins. Where there are
 * more than AUDIT_ENDPOINTS_MAX endpoints one entry says how many were not asked. NULL and one
 * sentence when it could not run at all. */
struct audit *audit_run(const struct audit_request *request, char error[AUDIT_ERROR_SIZE]);
void audit_free(struct audit *audit); /* NULL is nothing */

/* Belongs to the audit. Results are in the order of the targets, their hosts' preference, and the
 * addresses. */
const struct audit_summary *audit_summary_of(const struct audit *audit);

#endif

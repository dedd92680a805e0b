/*
 * audit_request - what is to be asked in an audit, and for how long
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_AUDIT_REQUEST_H
#define RELAYWARDEN_PROBE_AUDIT_AUDIT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "probe/model/result.h"
#include "probe/model/target.h"

#define AUDIT_ERROR_SIZE 256

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
    /* Each result as soon as it is judged, in no certain order; from the loop, which waits for it.
     * NULL: nobody wants to know. */
    void (*judged)(const struct endpoint_result *result, void *user);
    void *user;
};

#define AUDIT_DELIVERY_MS 60000 /* unless something else is said */

#endif

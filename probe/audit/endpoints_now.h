/*
 * endpoints_now - the endpoints of one target, from DNS alone
 *
 * For what connects to nothing: resolves as an audit does, and waits for it. One thread.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_ENDPOINTS_NOW_H
#define RELAYWARDEN_PROBE_AUDIT_ENDPOINTS_NOW_H

#include <stddef.h>

#include "conf/conf.h"
#include "probe/dns/endpoints.h"

#define ENDPOINTS_NOW_ERROR_SIZE   256
#define ENDPOINTS_NOW_TROUBLE_SIZE 512

struct looked_up {
    struct endpoint endpoint;
    char trouble[ENDPOINTS_NOW_TROUBLE_SIZE]; /* no address, and why; printable. "" if it has one */
};

struct endpoints_now {
    struct looked_up *found; /* in the order in which an audit shows them */
    size_t count;
};

/* -1 and one sentence when nothing could be asked. Else endpoints_now_free frees what it found. */
int endpoints_now_target(const struct conf *conf, const struct target *target,
                         struct endpoints_now *out, char error[ENDPOINTS_NOW_ERROR_SIZE]);
void endpoints_now_free(struct endpoints_now *lookup);

#endif

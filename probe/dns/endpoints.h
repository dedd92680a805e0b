/*
 * resolve - from a target to its endpoints
 *
 * A domain's MX hosts, or the domain itself where it has none (RFC 5321 section 5.1); each host's
 * addresses, IPv6 as much as IPv4; each address with each port is an endpoint. A null MX (RFC 7505)
 * has none. Where DNS kept something back, an endpoint without an address says so: what was not
 * asked must not look as if it were closed.
 *
 * One thread, the loop's. Endpoints are handed out as they become known.
 */
#ifndef RELAYWARDEN_PROBE_RESOLVE_H
#define RELAYWARDEN_PROBE_RESOLVE_H

#include "lib/site.h"
#include "probe/dns/dns.h"
#include "probe/model/result.h"
#include "probe/model/target.h"

/* DNS answers come from strangers: no zone keeps the others waiting. What is left out is told as an
 * endpoint without an address. */
#define RESOLVE_HOST_ADDRESSES   16
#define RESOLVE_TARGET_ENDPOINTS 32

/* What is handed out; valid during the call. */
struct resolved {
    struct endpoint endpoint;
    unsigned int rank;   /* of its host among the target's hosts, best preference first */
    const char *trouble; /* without an address: why, printable; else NULL */
};

struct resolution_listener {
    void (*found)(const struct resolved *resolved, void *user);
    void (*done)(void *user); /* nothing follows */
};

struct resolution_request {
    const struct target *target; /* these three live as long as the resolution */
    const struct site *site;
    const struct resolution_listener *listener;
    void *user;
};

struct resolution;

/* NULL when memory is out. */
struct resolution *resolution_new(struct dns *dns, const struct resolution_request *request);
/* Asks. Callbacks may come before it returns. */
void resolution_begin(struct resolution *resolution);
bool resolution_is_done(const struct resolution *resolution);
/* After done and outside its callbacks, or after its dns was freed. NULL is nothing. */
void resolution_free(struct resolution *resolution);

#endif

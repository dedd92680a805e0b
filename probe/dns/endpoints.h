/*
 * endpoints - from a target to its endpoints
 *
 * A domain's MX hosts, or the domain itself where it has none (RFC 5321 section 5.1); each host's
 * addresses, IPv6 as much as IPv4; each address with each port is an endpoint. A null MX (RFC 7505)
 * has none. Where DNS kept something back, an endpoint without an address says so: what was not
 * asked must not look as if it were closed.
 *
 * The owner of a zone may name any address in it. One that is private, or loopback's, is handed
 * out as not to be asked, unless the site trusts it or the operator named it. An MX host that is
 * not the site's is somebody else's (hosted mail), and marked as such; a target that the operator
 * named as a host never is.
 *
 * One thread, the loop's. Endpoints are handed out as they become known.
 */
#ifndef RELAYWARDEN_PROBE_DNS_ENDPOINTS_H
#define RELAYWARDEN_PROBE_DNS_ENDPOINTS_H

#include "lib/site.h"
#include "probe/dns/dns.h"
#include "probe/model/result.h"
#include "probe/model/target.h"

/* DNS answers come from strangers: no zone keeps the others waiting. An address that is left out is
 * told as an endpoint without an address. */
#define ENDPOINTS_HOST_ADDRESSES   16
#define ENDPOINTS_TARGET_ENDPOINTS 32

/* Handed out; valid during the call. */
struct resolved {
    struct endpoint endpoint;
    unsigned int rank;   /* of its host among the target's hosts, best preference first */
    const char *trouble; /* why it is not asked, printable; NULL: it is. With an address, that is
                            none of the internet's, and only DNS names it */
};

struct endpoints_listener {
    void (*found)(const struct resolved *resolved, void *user);
    void (*done)(void *user); /* nothing follows */
};

struct endpoints_request {
    const struct target *target; /* these three live as long as the resolution */
    const struct site *site;
    const struct endpoints_listener *listener;
    void *user;
};

struct endpoints;

/* NULL when memory is out. */
struct endpoints *endpoints_new(struct dns *dns, const struct endpoints_request *request);
/* Asks. Callbacks may come before it returns. */
void endpoints_begin(struct endpoints *resolution);
bool endpoints_is_done(const struct endpoints *resolution);
/* After done and outside its callbacks, or after its dns was freed. NULL is nothing. */
void endpoints_free(struct endpoints *resolution);

#endif

/*
 * vantage - whether an endpoint was asked as a stranger asks it
 *
 * From inside, an acceptance shows nothing: whoever the MTA trusts may relay. Three facts tell it,
 * beside the operator's own word: both ends of the connection, the site's trusted networks, and
 * the address under which the MTA saw us. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_VANTAGE_H
#define RELAYWARDEN_PROBE_MODEL_VANTAGE_H

#include <stdbool.h>

#include "lib/site.h"
#include "probe/model/result.h"

/* Why this vantage is no stranger's. */
enum inside {
    INSIDE_NOT,
    INSIDE_DECLARED,     /* vantage = inside */
    INSIDE_TRUSTED,      /* our source address is in the site's trusted networks */
    INSIDE_SAME_ADDRESS, /* both ends of the connection have one address */
    INSIDE_SEEN,         /* the MTA sees us under an address of ours that the site trusts */
};

struct vantage_known {
    enum vantage declared;
    const struct site *site; /* whose trusted networks may hold our source address */
};

enum inside vantage_why_inside(const struct endpoint_result *result,
                               const struct vantage_known *vantage);

/* Whether this endpoint was asked from inside: declared so, source trusted, or both ends one
 * address. */
bool vantage_is_inside(const struct endpoint_result *result, const struct vantage_known *vantage);

#endif

/*
 * grant - what one technique's answer shows, and what all of an endpoint's show together
 *
 * A technique that the server may read as a local mailbox proves something only where its control
 * was refused for the recipient. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_GRANT_H
#define RELAYWARDEN_PROBE_GRANT_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/model/result.h"

enum grant {
    GRANT_UNANSWERED, /* not asked, or stopped for a reason that is not relaying */
    GRANT_REFUSED,    /* relaying is refused: relay-denied, auth-required */
    GRANT_UNCERTAIN,  /* accepted, but perhaps as a local mailbox */
    GRANT_PROVEN,     /* accepted, and that is relaying */
    GRANTS            /* how many */
};

enum grant grant_of(const struct technique_result *asked);

/* Whether a technique that was neither granted nor refused might be granted yet: a server that asks
 * for patience has mostly got past its relay restrictions. */
bool grant_is_open_question(const struct technique_result *asked);

struct grant_tally {
    size_t techniques;    /* all rows of the result that are not absent */
    size_t count[GRANTS]; /* by what they show */
    size_t by[TECHNIQUE_TRAITS][GRANTS];
    size_t claimed[GRANTS]; /* of those with another sender than an outside one */
    size_t observed;        /* grants that the site's filter saw */
    size_t unobserved;      /* acceptances that it should have seen */
    size_t open_questions;  /* of the unanswered */
    bool subdomain_denied;  /* no mail is taken for a made-up subdomain, however it is written */
    enum grant plain;       /* what `plain` shows; GRANT_UNANSWERED if it is missing */
    const struct technique_result *plain_result; /* NULL if it is missing */
};

/* The result keeps what plain_result points to. */
struct grant_tally grant_count(const struct endpoint_result *result);

#endif

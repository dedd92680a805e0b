/*
 * evidence - what one technique's answer shows, and what all of an endpoint's show together
 *
 * A technique that the server may read as a local mailbox proves something only where its control
 * was refused for the recipient. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_EVIDENCE_H
#define RELAYWARDEN_PROBE_MODEL_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/model/result.h"

enum evidence {
    EVIDENCE_UNANSWERED, /* not asked, or stopped for a reason that is not relaying */
    EVIDENCE_REFUSED,    /* relaying is refused: relay-denied, auth-required */
    EVIDENCE_LOCAL,      /* accepted, as any local part of the site's is: it shows nothing */
    EVIDENCE_UNCERTAIN,  /* accepted, but perhaps as a local mailbox */
    EVIDENCE_PROVEN,     /* accepted, and that is relaying */
    GRANTS               /* how many */
};

enum evidence evidence_of(const struct technique_result *asked);

/* Whether a technique that was neither granted nor refused might be granted yet: a server that asks
 * for patience has mostly got past its relay restrictions. But for a user of the site's own none of
 * these refuses. */
bool evidence_is_open_question(const struct technique_result *asked);

/* Whether the technique's answer is still owed: the connection ended before it, or instead of it,
 * or the server had come to turn us away whatever was asked. One that was refused for its sender or
 * recipient is refused, and so is one refused for its client where the battery came to its end. */
bool evidence_is_owed(const struct endpoint_result *result, const struct technique_result *asked);

/* Whether the battery was cut off, but each technique that it left was answered not long ago. */
bool evidence_is_caught_up(const struct endpoint_result *result);

/* Whether the answer asks to come back, in a way that may be about relaying: where a technique has
 * a domain that it made up, a look-up that fails is not. */
bool evidence_is_put_off(const struct technique_result *asked);

/* Whether a domain that the technique made up was refused, and not for relaying: mostly DNS knows
 * no such name, and the answer shows nothing. */
bool evidence_is_of_no_name(const struct technique_result *asked);

/* Whether it matters what a plain name in a made-up subdomain of the site's is answered, where an
 * odd one is refused for its form: anybody may send to this canary, or an outside domain that looks
 * like an own one was refused, and not for relaying, as `plain` was. */
bool evidence_wants_subdomain(const struct endpoint_result *result);

struct evidence_tally {
    size_t techniques;    /* all rows of the result that are not absent */
    size_t count[GRANTS]; /* by what they show */
    size_t by[TECHNIQUE_TRAITS][GRANTS];
    size_t claimed[GRANTS]; /* of those with another sender than an outside one */
    size_t nobody[GRANTS];  /* of those with the null sender */
    size_t observed;        /* grants that the site's filter saw */
    size_t unobserved;      /* acceptances that it should have seen */
    size_t open_questions;  /* of the unanswered */
    bool subdomain_denied;  /* no mail is taken for a made-up subdomain, however it is written */
    bool likeness_passed;   /* an outside domain that looks like an own one, and that DNS does not
                               know, was refused for another reason than a made-up subdomain was, and
                               than `plain`: it had got past the relay restrictions */
    enum evidence plain;    /* what `plain` shows; EVIDENCE_UNANSWERED if it is missing */
    const struct technique_result *plain_result; /* NULL if it is missing */
};

/* The result keeps what plain_result points to. */
struct evidence_tally evidence_count(const struct endpoint_result *result);

/* The granted technique that the message is sent by: one that names the canary as it is, if there
 * is one, else one that routes to it. Its row in the result, or the count of rows if none is fit.
 */
size_t evidence_message_row(const struct endpoint_result *result);

#endif

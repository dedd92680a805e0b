/*
 * strangers - strangers ask the server on the stage, by the probe's own engine
 *
 * A question is one battery from one client to one endpoint; several are asked at once. The
 * answer is an endpoint_result as an audit has it, unjudged. One thread, which is moved to the
 * strangers' network while it asks.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STRANGERS_H
#define RELAYWARDEN_PROBE_REHEARSE_STRANGERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/site.h"
#include "lib/words.h"
#include "probe/model/result.h"
#include "probe/model/technique.h"
#include "probe/rehearse/stage/played_names.h"
#include "probe/rehearse/stage/stage.h"

/* Where strangers come to. */
struct stranger_endpoint {
    size_t listener; /* of the candidate's */
    struct address address;
    uint16_t port;
    bool implicit_tls;
    bool proxied; /* a PROXY header is wanted: it is known beforehand, and need not be waited for */
};

struct stranger_question {
    const char *helo;                       /* NULL: the client's own reverse name */
    const struct technique *const *instead; /* NULL: the whole battery */
    size_t instead_count;
    const char *certificate; /* that the client has, with its key; NULL: none. All that are asked
                                together have the same */
    struct endpoint_result *result; /* to be freed with strangers_free */
    struct stranger_endpoint endpoint;
    struct address client;
    bool doubtful; /* whether a PROXY header is still wanted is to be learnt */
};

struct strangers {
    struct stage *stage;
    const char *canary;
    const struct site *site;
    const char *own;  /* a domain of the site */
    const char *host; /* the server's name */
    /* Looked at all the time: true ends the strangers, for there will be no answers. */
    bool (*is_doomed)(void *user);
    void *user;
};

/* Fills the result of each. False with a sentence: it could not be asked at all, or is_doomed said
 * so (the sentence is empty then). */
bool strangers_ask(const struct strangers *strangers, struct stranger_question *questions,
                   size_t count, char error[STAGE_ERROR_SIZE]);

void strangers_free(struct stranger_question *questions, size_t count);

#endif

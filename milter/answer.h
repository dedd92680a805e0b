/*
 * answer - what the filter tells the client in place of the MTA's acceptance
 *
 * RFC 5321 section 4.2 (reply codes), RFC 3463 (status codes). Texts are this program's own words
 * and addresses: printable ASCII without line breaks. Pure; any thread.
 */
#ifndef RELAYWARDEN_MILTER_ANSWER_H
#define RELAYWARDEN_MILTER_ANSWER_H

#include "lib/words.h"

#define ANSWER_TEXT_SIZE 400

struct answer {
    int code; /* 4xx or 5xx */
    const char *status;
    char text[ANSWER_TEXT_SIZE];
};

/* The refusal of one recipient by `enforce` (defer or reject): what happened, and where the
 * postmaster finds more. `kind` is the finding's, `client` the address as the MTA saw it. */
void answer_enforced(struct answer *out, enum enforcement enforcement, enum finding_kind kind,
                     const char *client);

#endif

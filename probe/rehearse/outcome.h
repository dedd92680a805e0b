/*
 * outcome - what a rehearsal learnt, as plain structs
 *
 * Filled by rehearsal.c, shown by outcome_text.c and outcome_formats.c. Strings belong to the
 * candidate, the results of the questions or the outcome itself, and are printable.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_OUTCOME_H
#define RELAYWARDEN_PROBE_REHEARSE_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/address.h"
#include "probe/rehearse/blame.h"
#include "probe/rehearse/candidate.h"
#include "probe/rehearse/strangers.h"

enum outcome_verdict {
    OUTCOME_VERDICT_CLOSED,
    OUTCOME_VERDICT_CONDITIONAL, /* open if something holds that only the outside knows */
    OUTCOME_VERDICT_OPEN,
    OUTCOME_VERDICT_UNKNOWN, /* no answer that says anything of relaying */
    OUTCOME_VERDICT_BROKEN,  /* the server does not start with it */
    OUTCOME_VERDICTS
};

#define OUTCOME_TEXT_SIZE 512

struct outcome_listener {
    const char *service;
    struct stranger_endpoint endpoint;
    enum outcome_verdict verdict;
    char why[OUTCOME_TEXT_SIZE]; /* of unknown; "" = nothing */
};

/* A request that was granted. */
struct outcome_grant {
    size_t listener; /* of the outcome's */
    struct rehearse_request request;
    char client[ADDRESS_TEXT_SIZE];
    char client_name[PLAYED_NAME_SIZE];
    char helo[ENVELOPE_PATH_SIZE];
    char sender[ENVELOPE_PATH_SIZE];
    char recipient[ENVELOPE_PATH_SIZE];
    char reply[OUTCOME_TEXT_SIZE];
    const struct technique *technique;
    struct stranger_question again;     /* to ask it once more; without a result */
    const struct technique *instead[1]; /* of `again` */
    char condition[OUTCOME_TEXT_SIZE];  /* "" = it is open; else what must be so */
    struct rehearse_blame blame;
    bool blamed;
    bool further; /* it came out of the configuration (questions.h) */
    bool beside;  /* and strangers who know nothing are granted something there: it is not blamed */
    bool shown;   /* it stands for others whose lines are the same */
};

struct outcome_note {
    char place[OUTCOME_TEXT_SIZE]; /* "FILE:LINE"; "" = none */
    char text[OUTCOME_TEXT_SIZE];
};

struct rehearsal_outcome {
    const char *mta;       /* "postfix 3.7.11" */
    const char *directory; /* as it will stand */
    struct candidate *candidate;
    enum outcome_verdict verdict;
    struct outcome_listener *listeners;
    size_t listener_count;
    struct outcome_grant *grants;
    size_t grant_count;
    struct outcome_note *unknown;
    size_t unknown_count;
    struct outcome_note *warnings;
    size_t warning_count;
    struct outcome_note broken; /* the server's own words, with the line */
    double seconds;
    size_t starts; /* of servers */
};

const char *outcome_verdict_name(enum outcome_verdict verdict);
int outcome_exit_code(enum outcome_verdict verdict);

/* The writers of each format. They return false when the stream failed or memory was out. */
void outcome_text(FILE *out, const struct rehearsal_outcome *outcome, bool colour);
bool outcome_json(FILE *out, const struct rehearsal_outcome *outcome);
bool outcome_sarif(FILE *out, const struct rehearsal_outcome *outcome);
bool outcome_junit(FILE *out, const struct rehearsal_outcome *outcome);

/* False when memory is out. */
bool outcome_warn(struct rehearsal_outcome *outcome, const char *place, const char *text);
bool outcome_unknown(struct rehearsal_outcome *outcome, const char *place, const char *text);
struct outcome_grant *outcome_add_grant(struct rehearsal_outcome *outcome);
struct outcome_listener *outcome_add_listener(struct rehearsal_outcome *outcome);

/* Whether the grant and the other have the same guilty lines. */
bool outcome_same_lines(const struct outcome_grant *a, const struct outcome_grant *b);

void outcome_free(struct rehearsal_outcome *outcome);

#endif

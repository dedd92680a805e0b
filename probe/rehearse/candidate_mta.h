/*
 * candidate_mta - what the reader of one MTA's configuration gives
 *
 * One constant row of functions a MTA. candidate.c owns the arrays and calls `read`; blame.c asks
 * `propose` and `grants`; candidate_copy.c calls `settle`.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_CANDIDATE_MTA_H
#define RELAYWARDEN_PROBE_REHEARSE_CANDIDATE_MTA_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/stage/instance.h"

#define CANDIDATE_WHY_SIZE 512 /* of every sentence that says why something failed */

struct candidate;
struct candidate_listener;
struct candidate_overlay;
struct questions;        /* questions.h */
struct rehearse_request; /* blame.h */

/* A copy that was just written. */
struct candidate_settling {
    const size_t *without;
    size_t count;
    const char *destination;
    struct candidate_overlay *overlays; /* *used of them are; more may be added */
    size_t room;
    size_t *used;
};

struct candidate_mta {
    const char *name; /* "postfix" */

    /* Reads everything; false with a sentence. Where a program of the MTA's is not installed here
     * it says so (candidate_lack), and returns true. */
    bool (*read)(struct candidate *candidate, char why[CANDIDATE_WHY_SIZE]);
    void (*free)(void *reading); /* what candidate_set_reading was given */

    char *(*value)(const struct candidate *candidate, const struct candidate_listener *listener,
                   const char *name);

    /* The elements that a trace says let the request by, the most special first; those in `without`
     * are out already. Returns how many of at most `room`. May add elements. */
    size_t (*propose)(struct candidate *candidate, const struct rehearse_request *request,
                      const char *trace, size_t length, size_t *out, size_t room);

    /* All elements of the request's listener that can grant anything, for a search without trace;
     * `destinations`: also those that say whose mail is taken as the site's own. */
    size_t (*grants)(struct candidate *candidate, const struct rehearse_request *request,
                     bool destinations, size_t *out, size_t room);

    /* Adds the questions that come out of the configuration; the host's are added before. */
    void (*derive)(struct candidate *candidate, struct questions *questions);

    /* Where the MTA's words point: "FILE:LINE", or "" for nowhere. */
    void (*place)(struct candidate *candidate, const char *words, char *out, size_t size);

    /* After a copy was written: brings what was made from the changed files in line (maps; the
     * .cf of an .mc). A fault comes with a sentence. NULL: there is nothing of the kind. */
    enum instance_fault (*settle)(const struct candidate *candidate,
                                  const struct candidate_settling *settling,
                                  char why[CANDIDATE_WHY_SIZE]);
};

extern const struct candidate_mta candidate_postfix;
extern const struct candidate_mta candidate_exim;
extern const struct candidate_mta candidate_sendmail;

#endif

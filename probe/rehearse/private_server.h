/*
 * private_server - how the candidate of one MTA is run on the stage
 *
 * One constant row an MTA. The copy is the candidate's, as candidate_write has it; it may be
 * changed so that it asks nobody outside and delivers nothing, but never in what it grants.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_PRIVATE_SERVER_H
#define RELAYWARDEN_PROBE_REHEARSE_PRIVATE_SERVER_H

#include <stdbool.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/stage/instance.h"
#include "probe/rehearse/stage/mounts.h"

#define PRIVATE_SERVER_OVERLAYS 64

/* A certificate and its key, which the server has and trusts: clients may have it, too. */
#define PRIVATE_SERVER_CERTIFICATE MOUNTS_BASE "/certificate.pem"

struct private_server_copy {
    const struct candidate *candidate;
    const char *folder; /* where it was written */
    struct candidate_overlay overlays[PRIVATE_SERVER_OVERLAYS];
    size_t overlay_count;
    bool trace;     /* the server is to tell why it grants what it grants */
    bool policy_ok; /* policy services that are played say OK */
};

struct private_server {
    const char *name; /* "postfix" */
    const struct candidate_mta *reader;
    const char *const *directories; /* where its configuration stands, by the usual places; NULL
                                       ends them */
    const char *const *marks;       /* files of which such a folder has one; NULL ends them */
    /* Prepares the copy and fills `out`, whose parts belong to the row until its next call. A fault
     * comes with a sentence. */
    enum instance_fault (*prepare)(const struct private_server_copy *copy,
                                   struct instance_settings *out, char error[INSTANCE_ERROR_SIZE]);
    /* Whether a line of the log says that a server has died of its configuration, or cannot answer
     * because of it; then its words begin at what is returned. */
    const char *(*fatal)(const char *line);
    const char *(*complaint)(const char *line);
    /* Of a server that did not come to run: its own words, written to `error`, which stays as it is
     * where it said none. NULL: its log has them. */
    void (*last_words)(char error[INSTANCE_ERROR_SIZE]);
};

extern const struct private_server private_postfix;
extern const struct private_server private_exim;
extern const struct private_server private_sendmail;

#endif

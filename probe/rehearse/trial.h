/*
 * trial - asks single requests of a fresh server, with or without elements of the candidate
 *
 * Blame's questions to the stage (blame.h, struct rehearse_try), and the first server of a
 * rehearsal. Each is a fresh instance: one that reloads answers as before for up to half a second.
 * One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_TRIAL_H
#define RELAYWARDEN_PROBE_REHEARSE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/blame.h"
#include "probe/rehearse/outcome.h"
#include "probe/rehearse/private_server.h"
#include "probe/rehearse/stage/stage.h"
#include "probe/rehearse/strangers.h"

struct trial {
    struct stage *stage;
    const struct private_server *server;
    struct candidate *candidate;
    const char *canary;
    const struct site *site;
    const char *own;
    const char *host;
    size_t starts;
    const char *phase; /* told at each start, to whoever waits at a terminal; NULL: to nobody */
    /* Of the site's own mail, as the candidate answers it without any change. */
    struct stranger_question control; /* without a result; its endpoint is set when it is known */
    bool control_known;
    enum outcome control_outcome;
    /* The server that runs. */
    struct instance instance;
    struct private_server_copy copy;
    char folder[64];
    const char *errors; /* the file of its standard error, which is its trace; NULL: its log is */
    size_t log_begin;   /* its first line */
    size_t log_looked;  /* up to here no sign of its death was found */
    bool dead;
    char last_words[OUTCOME_TEXT_SIZE];
};

/* How the server is to run. */
struct trial_run {
    const size_t *without;
    size_t without_count;
    bool trace;
    bool policy_ok;
};

/* A fault comes with a sentence: it does not start. One that runs must be stopped before. */
enum instance_fault trial_start(struct trial *trial, const struct trial_run *run,
                                char error[STAGE_ERROR_SIZE]);
void trial_stop(struct trial *trial);

/* Asks whoever runs. */
bool trial_ask(struct trial *trial, struct stranger_question *questions, size_t count,
               char error[STAGE_ERROR_SIZE]);

/* The server's words if it has died of its configuration since it was started; false if not. */
bool trial_is_dead(struct trial *trial, char words[OUTCOME_TEXT_SIZE]);

/* The last line in which it complains of what it cannot do; false if there is none. */
bool trial_complaint(struct trial *trial, char words[OUTCOME_TEXT_SIZE]);

/* The meaning of the answer to a question's one technique (row 0), and its words. */
enum rehearse_answer trial_answer(const struct endpoint_result *result, size_t row,
                                  char words[OUTCOME_TEXT_SIZE]);

/* Learns how the site's own mail is answered. */
void trial_learn_control(struct trial *trial);

/* For struct rehearse_try; `own` is the trial, and each request's `own` its outcome_grant. */
void trial_ask_without(void *own, const size_t *without, size_t without_count,
                       const struct rehearse_request *const *requests, size_t count,
                       struct rehearse_reply *replies);

#endif

/*
 * outcome - what one reply to MAIL or RCPT means
 *
 * Asked by a stranger who wants to be relayed; the judgement is conservative: only words that
 * plainly refuse relaying count as relay-denied or auth-required. What is not understood is
 * recipient-refused (5xx) or deferred (4xx), which prove nothing. A table of patterns, tried in
 * order, first match wins; tests/unit/replies.tsv has a row from each server that we know. Pure;
 * any thread.
 */
#ifndef RELAYWARDEN_PROBE_OUTCOME_H
#define RELAYWARDEN_PROBE_OUTCOME_H

#include "lib/words.h"
#include "probe/smtp/reply/reply.h"

enum command {
    COMMAND_MAIL,
    COMMAND_RCPT,
};

struct outcome_question {
    enum command command;
    const struct reply *reply;
    const char *client; /* our own address as text: a reply that names it speaks of the client; NULL
                           if unknown */
    const char *sender; /* path as sent, with brackets: its text is not the server's words */
    const char *recipient; /* likewise; NULL for MAIL */
};

enum outcome outcome_judge(const struct outcome_question *question);

/* Whether the reply names our own address, in its own words and not as part of our envelope. */
bool outcome_names_client(const struct outcome_question *question);

/* Whether this outcome shows that relaying is refused. */
bool outcome_denies_relaying(enum outcome outcome);

/* Whether asking again later can give another answer (greylisted, deferred). */
bool outcome_is_temporary(enum outcome outcome);

#endif

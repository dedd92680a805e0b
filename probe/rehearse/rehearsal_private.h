/*
 * rehearsal_private - what the parts of a rehearsal share
 *
 * For them alone. Each calls those above it in this list, and none below:
 * - rehearsal_ask.c: strangers ask the whole battery
 * - rehearsal_further.c: and what only the reader of the configuration can ask
 * - rehearsal_blame.c: which lines grant it
 * - rehearsal.c: sets up, and wires the rest
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_REHEARSAL_PRIVATE_H
#define RELAYWARDEN_PROBE_REHEARSE_REHEARSAL_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/domain.h"
#include "probe/rehearse/open_ports.h"
#include "probe/rehearse/questions.h"
#include "probe/rehearse/rehearsal_settings.h"
#include "probe/rehearse/trial.h"

#define REHEARSAL_OTHERS        8
#define REHEARSAL_BACKUP_DOMAIN "backup.test" /* RFC 6761: nobody's */

/* A technique that was made for a question. */
struct further_technique {
    struct technique technique;
    char claim[ADDRESS_TEXT_SIZE + 32];
    char sender[ENVELOPE_PATH_SIZE];
    char recipient[ENVELOPE_PATH_SIZE];
};

/* The whole battery as it is asked behind a PROXY header that tells the truth. */
struct proxied_battery {
    struct further_technique made[RESULT_TECHNIQUES];
    const struct technique *all[RESULT_TECHNIQUES];
    size_t count;
};

struct rehearsal {
    struct stage *stage;
    const struct rehearsal_settings *settings;
    struct rehearsal_outcome *outcome;
    struct trial trial;
    struct address strangers[2];                 /* IPv4, IPv6 */
    struct address others[2][REHEARSAL_OTHERS];  /* asked where the first is turned away himself */
    struct address chosen[OPEN_PORTS_MAX];       /* by listener: of the others; or ADDRESS_NONE */
    bool turned_away[OPEN_PORTS_MAX];            /* by listener: so was everybody up to now */
    char turned_away_words[OPEN_PORTS_MAX][256]; /* with these words */
    bool is_private;                             /* nothing listens where strangers can reach it */
    bool is_asked;                               /* the server ran, and answered */
    size_t listeners_left;                       /* were not asked: there are too many */
    char host[DOMAIN_SIZE];
    struct questions questions;
    struct further_technique further[QUESTIONS_MAX]; /* by question */
    struct further_technique behind[2]
                                   [QUESTIONS_MAX]; /* the same behind a PROXY header, by family */
    struct proxied_battery proxied[2];              /* by family */
};

/* rehearsal_ask.c */
/* The technique, asked by a client that a PROXY header names. */
void rehearsal_put_behind(struct further_technique *out, const struct technique *technique,
                          const struct address *client);
/* The ordinary stranger's question to a listener: the whole battery. */
struct stranger_question rehearsal_question(const struct rehearsal *rehearsal, size_t listener);
/* Whether the answer to the question's row shows nothing: none came, or one that another might
 * follow. A refusal for good is one, whatever its reason: this is no server of somebody else's,
 * which may have taken us for what we are not. */
bool rehearsal_is_unanswered(const struct endpoint_result *result, size_t row);
/* The listener is not known to be closed, for a question was left open; `why` is the answer. */
void rehearsal_leave_open(struct outcome_listener *listener, const struct endpoint_result *result,
                          size_t row);
/* Keeps what was granted, to be asked again and blamed. False: memory is out. */
bool rehearsal_add_grant(struct rehearsal *rehearsal, size_t listener,
                         const struct stranger_question *question, size_t row,
                         const char *condition);
/* Whether the answer to the result's first row says more than that its asker is not wanted. */
void rehearsal_look_how_far(struct rehearsal *rehearsal, size_t listener,
                            const struct endpoint_result *result);
/* Of listeners that turned everybody away nothing is known, unless they do so whoever asks. */
void rehearsal_take_turned_away(struct rehearsal *rehearsal);
/* On every listener. False with a sentence, or, where it is empty, the server is dead. */
bool rehearsal_ask_strangers(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE]);

/* rehearsal_further.c */
/* Before the names are played: which clients have a name that claims something. */
void rehearsal_derive(struct rehearsal *rehearsal, struct played_names *names);
bool rehearsal_ask_further(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE]);
/* With a server of its own, on which policy services say OK. */
bool rehearsal_ask_policy(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE]);

/* rehearsal_blame.c */
bool rehearsal_blame(struct rehearsal *rehearsal);
/* Of grants with the same lines the first is shown. */
void rehearsal_choose_shown(struct rehearsal_outcome *outcome);

#endif

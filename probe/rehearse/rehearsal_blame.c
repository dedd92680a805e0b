#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/rehearse/rehearsal_private.h"

/* Rounds: what is still granted without the lines that were found has others. */
#define ROUNDS_MAX 4

static void fill_request(struct outcome_grant *grant, const struct rehearsal_outcome *outcome)
{
    grant->request.listener = outcome->listeners[grant->listener].endpoint.listener;
    /* A header that tells the truth is no claim. */
    grant->request.identity = grant->technique->trait == TECHNIQUE_BY_XCLIENT ||
                                      grant->technique->trait == TECHNIQUE_BY_PROXY ||
                                      grant->technique->trait == TECHNIQUE_BY_ANONYMOUS
                                  ? grant->technique->identity
                                  : TECHNIQUE_IDENTITY_OWN;
    grant->request.technique = grant->technique->id;
    grant->request.client = grant->client;
    grant->request.client_name = grant->client_name;
    grant->request.helo = grant->helo;
    grant->request.sender = grant->sender;
    grant->request.recipient = grant->recipient;
    grant->request.own = grant;
}

/* Of grants of one kind on one listener the first stands for all; the others are asked again when
 * its lines are known. */
static bool stands_for(const struct outcome_grant *first, const struct outcome_grant *grant)
{
    return first->again.endpoint.listener == grant->again.endpoint.listener &&
           first->again.client.family == grant->again.client.family &&
           first->request.policy_ok == grant->request.policy_ok &&
           (first->condition[0] != '\0') == (grant->condition[0] != '\0') &&
           (first->technique->trait == TECHNIQUE_BY_NOTHING ||
            first->technique->trait == grant->technique->trait);
}

struct round_of_blame {
    struct outcome_grant **due; /* still granted, not blamed */
    size_t due_count;
    const struct rehearse_request **requests;
    struct rehearse_reply *replies;
    struct rehearse_blame *found;
    size_t *out; /* elements that are guilty of anything so far */
    size_t out_count;
    size_t out_room;
};

static size_t choose(struct round_of_blame *round, bool policy)
{
    size_t count = 0;

    for (size_t i = 0; i < round->due_count; i++) {
        struct outcome_grant *grant = round->due[i];
        bool stood_for = grant->request.policy_ok != policy || grant->beside;
        for (size_t j = 0; j < count && !stood_for; j++) {
            stood_for = stands_for(round->requests[j]->own, grant);
        }
        if (!stood_for) {
            round->requests[count++] = &grant->request;
        }
    }
    return count;
}

static bool keep_guilty(struct round_of_blame *round, const struct rehearse_set *guilty)
{
    for (size_t i = 0; i < guilty->count; i++) {
        bool known = false;
        for (size_t j = 0; j < round->out_count; j++) {
            known = known || round->out[j] == guilty->elements[i];
        }
        if (known) {
            continue;
        }
        if (round->out_count == round->out_room) {
            size_t room = 2 * round->out_room + 16;
            size_t *grown = realloc(round->out, room * sizeof(*grown));
            if (grown == NULL) {
                return false;
            }
            round->out = grown;
            round->out_room = room;
        }
        round->out[round->out_count++] = guilty->elements[i];
    }
    return true;
}

/* Tells of a request that is granted even without the lines that were found; no line is blamed for
 * it. */
static void tell_beside(struct rehearsal *rehearsal, const struct outcome_grant *grant)
{
    char text[OUTCOME_TEXT_SIZE];

    snprintf(text, sizeof(text),
             "without these lines a client (%s, HELO %.60s) may still send mail from <%.100s> to "
             "<%.100s>: rehearse again when they are out",
             grant->client, grant->helo, grant->sender, grant->recipient);
    (void)outcome_warn(rehearsal->outcome, "", text);
}

/* A line that lets a request by which the others do not, and without which the site's own mail does
 * not come either, is rather right than guilty. */
static bool is_doubtful(const struct rehearse_blame *blame)
{
    return blame->stops_own_mail || blame->state != REHEARSE_PROVED;
}

static bool blame_chosen(struct rehearsal *rehearsal, struct round_of_blame *round, size_t count,
                         bool first)
{
    const struct rehearse_try attempt = {.ask = trial_ask_without, .own = &rehearsal->trial};

    if (count == 0) {
        return true;
    }
    trial_ask_without(&rehearsal->trial, NULL, 0, round->requests, count, round->replies);
    bool good = rehearse_blame(rehearsal->outcome->candidate, round->requests, round->replies,
                               count, &attempt, round->found);
    for (size_t i = 0; i < count; i++) {
        const struct outcome_grant *own = round->requests[i]->own;
        struct outcome_grant *grant = &rehearsal->outcome->grants[own - rehearsal->outcome->grants];
        grant->blame = round->found[i];
        grant->blamed = true;
        if (!first && is_doubtful(&grant->blame)) {
            rehearse_blame_free(&grant->blame);
            grant->blame = (struct rehearse_blame){.state = REHEARSE_UNBLAMED};
            grant->blamed = false;
            grant->beside = true;
            free(round->replies[i].trace);
            continue;
        }
        good = keep_guilty(round, &grant->blame.guilty) && good;
        free(round->replies[i].trace);
    }
    return good;
}

/* Which of those that were not blamed are granted without the lines that were found. */
static bool ask_again(struct rehearsal *rehearsal, struct round_of_blame *round, bool policy)
{
    const struct trial_run run = {
        .without = round->out, .without_count = round->out_count, .policy_ok = policy};
    struct stranger_question *questions = calloc(round->due_count + 1, sizeof(*questions));
    char error[STAGE_ERROR_SIZE];
    char words[OUTCOME_TEXT_SIZE];
    size_t count = 0;
    size_t left = 0;

    if (questions == NULL) {
        return false;
    }
    for (size_t i = 0; i < round->due_count; i++) {
        struct outcome_grant *grant = round->due[i];
        if (!grant->blamed && grant->request.policy_ok == policy) {
            questions[count] = grant->again;
            questions[count].instead = grant->instead;
            questions[count++].instead_count = 1;
            round->due[left++] = grant;
        }
    }
    round->due_count = left;
    trial_stop(&rehearsal->trial);
    if (count > 0 && trial_start(&rehearsal->trial, &run, error) == 0 &&
        trial_ask(&rehearsal->trial, questions, count, error)) {
        left = 0;
        for (size_t i = 0; i < count; i++) {
            if (trial_answer(questions[i].result, 0, words) == REHEARSE_GRANTED) {
                round->due[left++] = round->due[i];
            }
        }
        round->due_count = left;
    }
    trial_stop(&rehearsal->trial);
    strangers_free(questions, count);
    free(questions);
    return true;
}

static bool blame_those(struct rehearsal *rehearsal, struct round_of_blame *round, bool policy)
{
    bool good = true;

    round->due_count = 0;
    for (size_t i = 0; i < rehearsal->outcome->grant_count; i++) {
        struct outcome_grant *grant = &rehearsal->outcome->grants[i];
        if (grant->request.policy_ok == policy) {
            fill_request(grant, rehearsal->outcome);
            round->due[round->due_count++] = grant;
        }
    }
    for (unsigned int i = 0; good && round->due_count > 0 && i < ROUNDS_MAX; i++) {
        good = blame_chosen(rehearsal, round, choose(round, policy), i == 0) &&
               ask_again(rehearsal, round, policy);
    }
    for (size_t i = 0; i < round->due_count; i++) {
        if (round->due[i]->beside) {
            tell_beside(rehearsal, round->due[i]);
        }
    }
    return good;
}

bool rehearsal_blame(struct rehearsal *rehearsal)
{
    size_t room = rehearsal->outcome->grant_count + 1;
    struct round_of_blame round = {
        .due = calloc(room, sizeof(struct outcome_grant *)),
        .requests = calloc(room, sizeof(struct rehearse_request *)),
        .replies = calloc(room, sizeof(*round.replies)),
        .found = calloc(room, sizeof(*round.found)),
    };
    bool good = round.due != NULL && round.requests != NULL && round.replies != NULL &&
                round.found != NULL && blame_those(rehearsal, &round, false) &&
                blame_those(rehearsal, &round, true);

    free(round.due);
    free(round.requests);
    free(round.replies);
    free(round.found);
    free(round.out);
    return good;
}

void rehearsal_choose_shown(struct rehearsal_outcome *outcome)
{
    bool any_blamed = false;

    for (size_t i = 0; i < outcome->grant_count; i++) {
        any_blamed = any_blamed || outcome->grants[i].blamed;
    }
    for (size_t i = 0; i < outcome->grant_count; i++) {
        struct outcome_grant *grant = &outcome->grants[i];
        grant->shown = !any_blamed || grant->blamed;
        for (size_t j = 0; j < i && grant->shown; j++) {
            const struct outcome_grant *other = &outcome->grants[j];
            bool same = any_blamed ? outcome_same_lines(other, grant) : stands_for(other, grant);
            grant->shown = !(other->shown && other->listener == grant->listener && same);
        }
    }
}

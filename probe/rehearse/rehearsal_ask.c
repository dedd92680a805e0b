#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/evidence.h"
#include "probe/rehearse/rehearsal_private.h"

struct stranger_question rehearsal_question(const struct rehearsal *rehearsal, size_t listener)
{
    const struct stranger_endpoint *endpoint = &rehearsal->outcome->listeners[listener].endpoint;
    const struct address *chosen = &rehearsal->chosen[listener];

    return (struct stranger_question){
        .endpoint = *endpoint,
        .client = chosen->family != ADDRESS_NONE
                      ? *chosen
                      : rehearsal->strangers[endpoint->address.family == ADDRESS_IPV6],
    };
}

void rehearsal_put_behind(struct further_technique *out, const struct technique *technique,
                          const struct address *client)
{
    out->technique = *technique;
    out->technique.identity = TECHNIQUE_IDENTITY_PROXY_V1;
    out->technique.claim = address_format(client, out->claim);
}

/* A listener that wants a PROXY header is asked all that others are, too: a proxy hands strangers
 * on. Its own techniques are about who may send such a header at all. */
static void fill_proxied(struct rehearsal *rehearsal, size_t family)
{
    struct proxied_battery *out = &rehearsal->proxied[family];

    if (out->count > 0 || rehearsal->strangers[family].family == ADDRESS_NONE) {
        return;
    }
    for (size_t i = 0; i < technique_count && out->count < RESULT_TECHNIQUES; i++) {
        const struct technique *technique = &techniques[i];
        struct further_technique *made = &out->made[out->count];
        if (technique->identity == TECHNIQUE_IDENTITY_OWN) {
            rehearsal_put_behind(made, technique, &rehearsal->strangers[family]);
            out->all[out->count++] = &made->technique;
        } else if (technique_is_proxied(technique)) {
            out->all[out->count++] = technique;
        }
    }
}

static void strip(char *out, size_t size, const char *path)
{
    const char *from = path[0] == '<' ? path + 1 : path;
    size_t length = strcspn(from, from != path ? ">" : " ");

    snprintf(out, size, "%.*s", (int)length, from);
}

/* Keeps what was granted, to be asked again and blamed. */
bool rehearsal_add_grant(struct rehearsal *rehearsal, size_t listener,
                         const struct stranger_question *question, size_t row,
                         const char *condition)
{
    const struct technique_result *asked = &question->result->techniques[row];
    struct outcome_grant *grant = outcome_add_grant(rehearsal->outcome);
    char words[OUTCOME_TEXT_SIZE];

    if (grant == NULL) {
        return false;
    }
    grant->listener = listener;
    grant->technique = asked->technique;
    grant->instead[0] = asked->technique;
    grant->again = *question;
    grant->again.result = NULL;
    (void)address_format(&question->client, grant->client);
    (void)played_name_of(&question->client, grant->client_name);
    snprintf(grant->helo, sizeof(grant->helo), "%s", asked->helo);
    strip(grant->sender, sizeof(grant->sender), asked->sender);
    strip(grant->recipient, sizeof(grant->recipient), asked->recipient);
    (void)trial_answer(question->result, row, words);
    memcpy(grant->reply, words, sizeof(grant->reply));
    snprintf(grant->condition, sizeof(grant->condition), "%s", condition);
    return true;
}

static enum outcome_verdict worse(enum outcome_verdict a, enum outcome_verdict b)
{
    return a > b ? a : b;
}

/* A form that was accepted may be relaying, or a mailbox where every local part is one: said, not
 * blamed. Beside an open listener it says nothing more. */
static void take_uncertain(struct rehearsal *rehearsal, struct outcome_listener *of,
                           const struct endpoint_result *result, unsigned int count)
{
    char text[OUTCOME_TEXT_SIZE];
    size_t first = 0;

    if (of->verdict == OUTCOME_VERDICT_OPEN) {
        return;
    }
    while (evidence_of(&result->techniques[first]) != EVIDENCE_UNCERTAIN) {
        first++;
    }
    snprintf(text, sizeof(text),
             "%.64s accepts RCPT TO:%.120s (%u such forms) as it does every local part: look "
             "whether mail for it stays here",
             of->service, result->techniques[first].recipient, count);
    (void)outcome_warn(rehearsal->outcome, "", text);
    of->verdict = worse(of->verdict, OUTCOME_VERDICT_CONDITIONAL);
}

/* By the greeting, or by an access table, whatever is asked. */
static bool client_is_refused(const struct endpoint_result *result,
                              const struct technique_result *asked)
{
    if (!asked->asked) {
        return result->reach == REACH_NO_GREETING && result->greeting_code >= 500;
    }
    return asked->outcome == OUTCOME_CLIENT_REFUSED && asked->code >= 500;
}

bool rehearsal_is_unanswered(const struct endpoint_result *result, size_t row)
{
    const struct technique_result *asked = &result->techniques[row];

    if (evidence_of(asked) != EVIDENCE_UNANSWERED || asked->absent ||
        client_is_refused(result, asked)) {
        return false;
    }
    if (asked->helo_refused) {
        return false; /* nobody greets so there: Exim takes no IPv6 address without brackets */
    }
    if (!asked->asked) {
        return evidence_is_owed(result, asked) || result->reach < REACH_NO_SESSION;
    }
    if (asked->technique->trait == TECHNIQUE_BY_NOTHING) {
        return asked->code < 500 || asked->outcome == OUTCOME_RECIPIENT_REFUSED ||
               asked->outcome == OUTCOME_TLS_REQUIRED;
    }
    return evidence_is_open_question(asked) || evidence_is_owed(result, asked);
}

void rehearsal_leave_open(struct outcome_listener *listener, const struct endpoint_result *result,
                          size_t row)
{
    const struct technique_result *asked = &result->techniques[row];
    char words[OUTCOME_TEXT_SIZE] = "it gave no answer";

    if (listener->verdict != OUTCOME_VERDICT_CLOSED &&
        listener->verdict != OUTCOME_VERDICT_CONDITIONAL) {
        return;
    }
    if (asked->asked) {
        (void)trial_answer(result, row, words);
    } else if (result->trouble[0] != '\0') {
        snprintf(words, sizeof(words), "%s", result->trouble);
    }
    listener->verdict = OUTCOME_VERDICT_UNKNOWN;
    snprintf(listener->why, sizeof(listener->why), "%.60s: %.440s", asked->technique->id, words);
}

/* Takes over one battery's result: its listener is closed only where nothing was left open. */
static bool take_result(struct rehearsal *rehearsal, size_t listener,
                        const struct stranger_question *question)
{
    struct outcome_listener *of = &rehearsal->outcome->listeners[listener];
    const struct endpoint_result *result = question->result;
    const struct evidence_tally tally = evidence_count(result);

    for (size_t i = 0; i < result->technique_count; i++) {
        if (evidence_of(&result->techniques[i]) == EVIDENCE_PROVEN) {
            if (!rehearsal_add_grant(rehearsal, listener, question, i, "")) {
                return false;
            }
            of->verdict =
                worse(of->verdict == OUTCOME_VERDICT_UNKNOWN ? OUTCOME_VERDICT_OPEN : of->verdict,
                      OUTCOME_VERDICT_OPEN);
        }
    }
    if (tally.count[EVIDENCE_UNCERTAIN] > 0) {
        take_uncertain(rehearsal, of, result, (unsigned int)tally.count[EVIDENCE_UNCERTAIN]);
    }
    for (size_t i = 0; i < result->technique_count; i++) {
        if (rehearsal_is_unanswered(result, i)) {
            rehearsal_leave_open(of, result, i);
        }
    }
    if (tally.plain_result == NULL && of->verdict == OUTCOME_VERDICT_CLOSED) {
        of->verdict = OUTCOME_VERDICT_UNKNOWN;
        snprintf(of->why, sizeof(of->why), "%s",
                 result->trouble[0] != '\0' ? result->trouble : "it gave no answer");
    }
    return true;
}

/* ---- whom it turns away ------------------------------------------------------------------- */

/* A client that the server turns away for its address does not learn its answer to others. */
static bool is_turned_away(const struct endpoint_result *result)
{
    const struct technique_result *asked = &result->techniques[0];

    if (result->technique_count == 0) {
        return false;
    }
    if (!asked->asked) {
        return result->reach == REACH_NO_GREETING && result->greeting_code >= 400;
    }
    return asked->outcome == OUTCOME_CLIENT_REFUSED || asked->outcome == OUTCOME_SENDER_REFUSED;
}

void rehearsal_look_how_far(struct rehearsal *rehearsal, size_t listener,
                            const struct endpoint_result *result)
{
    if (result->technique_count > 0 && evidence_of(&result->techniques[0]) != EVIDENCE_UNANSWERED) {
        rehearsal->turned_away[listener] = false; /* somebody was answered */
    }
}

void rehearsal_take_turned_away(struct rehearsal *rehearsal)
{
    size_t count = 0;
    const struct candidate_listener *listeners =
        candidate_listeners(rehearsal->outcome->candidate, &count);

    for (size_t i = 0; i < rehearsal->outcome->listener_count; i++) {
        struct outcome_listener *of = &rehearsal->outcome->listeners[i];
        const struct stranger_endpoint *endpoint = &of->endpoint;
        if (rehearsal->turned_away[i] && of->verdict <= OUTCOME_VERDICT_CONDITIONAL &&
            !(endpoint->listener < count &&
              listeners[endpoint->listener].shut[endpoint->address.family == ADDRESS_IPV6])) {
            of->verdict = OUTCOME_VERDICT_UNKNOWN;
            snprintf(of->why, sizeof(of->why),
                     "it turned each client away for its address or name, so that nobody knows "
                     "whether it relays: %.300s",
                     rehearsal->turned_away_words[i]);
        }
    }
}

/* Others ask as the first stranger did; the first of them who is not turned away stays. */
static bool choose_another(struct rehearsal *rehearsal, size_t listener,
                           const struct stranger_question *first, char error[STAGE_ERROR_SIZE])
{
    const struct address *others = rehearsal->others[first->client.family == ADDRESS_IPV6];
    static const struct technique *plain[1];
    struct stranger_question asked[REHEARSAL_OTHERS];
    size_t count = 0;

    plain[0] = technique_find("plain");
    for (size_t i = 0; i < REHEARSAL_OTHERS && others[i].family != ADDRESS_NONE; i++) {
        /* This kernel may know no such address. */
        if (wires_add_stranger(&rehearsal->stage->wires, &others[i], error) == 0) {
            asked[count] = *first;
            asked[count].client = others[i];
            asked[count].result = NULL;
            asked[count].instead = plain;
            asked[count++].instead_count = 1;
        }
    }
    error[0] = '\0';
    bool good = trial_ask(&rehearsal->trial, asked, count, error);
    for (size_t i = 0; good && i < count && rehearsal->chosen[listener].family == ADDRESS_NONE;
         i++) {
        if (!is_turned_away(asked[i].result)) {
            rehearsal->chosen[listener] = asked[i].client;
        }
    }
    strangers_free(asked, count);
    return good;
}

static bool ask_as_others(struct rehearsal *rehearsal, size_t listener,
                          struct stranger_question *question, char error[STAGE_ERROR_SIZE])
{
    if (!is_turned_away(question->result)) {
        return true;
    }
    if (!question->endpoint.proxied) {
        if (!choose_another(rehearsal, listener, question, error)) {
            return false;
        }
        if (rehearsal->chosen[listener].family != ADDRESS_NONE) {
            strangers_free(question, 1);
            question->client = rehearsal->chosen[listener];
            if (!trial_ask(&rehearsal->trial, question, 1, error)) {
                return false;
            }
        }
    }
    if (is_turned_away(question->result)) {
        char words[OUTCOME_TEXT_SIZE] = "by its greeting";
        rehearsal->turned_away[listener] = true;
        if (question->result->techniques[0].asked) {
            (void)trial_answer(question->result, 0, words);
        }
        snprintf(rehearsal->turned_away_words[listener],
                 sizeof(rehearsal->turned_away_words[listener]), "%.250s", words);
    }
    return true;
}

/* The whole battery, on every listener. False with a sentence, or, where it is empty, broken. */
bool rehearsal_ask_strangers(struct rehearsal *rehearsal, char error[STAGE_ERROR_SIZE])
{
    size_t count = rehearsal->outcome->listener_count;
    struct stranger_question *questions = calloc(count + 1, sizeof(*questions));
    size_t *of = calloc(count + 1, sizeof(*of));
    size_t asked = 0;
    bool good = questions != NULL && of != NULL;

    for (size_t i = 0; good && i < count; i++) {
        questions[asked] = rehearsal_question(rehearsal, i);
        of[asked] = i;
        if (questions[asked].endpoint.proxied) {
            size_t family = questions[asked].endpoint.address.family == ADDRESS_IPV6;
            fill_proxied(rehearsal, family);
            questions[asked].instead = rehearsal->proxied[family].all;
            questions[asked].instead_count = rehearsal->proxied[family].count;
        }
        if (questions[asked].client.family != ADDRESS_NONE) {
            asked++;
            continue;
        }
        struct outcome_listener *left = &rehearsal->outcome->listeners[i];
        left->verdict = OUTCOME_VERDICT_UNKNOWN;
        (void)snprintf(left->why, sizeof(left->why),
                       "no stranger's address is left to ask it from");
    }
    good = good && trial_ask(&rehearsal->trial, questions, asked, error);
    for (size_t i = 0; good && i < asked; i++) {
        good = ask_as_others(rehearsal, of[i], &questions[i], error) &&
               take_result(rehearsal, of[i], &questions[i]);
    }
    strangers_free(questions, questions != NULL ? asked : 0);
    free(questions);
    free(of);
    return good;
}

#include "probe/audit/carry_over.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/state/audit_state.h"
#include "probe/audit/former_state.h"
#include "probe/model/evidence.h"
#include "probe/model/other_domains.h"
#include "probe/model/string_pool.h"
#include "probe/smtp/retry.h"

struct carry_over {
    struct audit_state *state; /* NULL: nothing was kept yet */
    char *directory;
    struct string_pool texts; /* of what was handed out */
};

/* How long each kind is of use. */
static const long spans[] = {
    [FACT_PUT_OFF] = CARRY_OVER_QUESTION_SPAN, [FACT_TURN] = CARRY_OVER_TURNS_SPAN,
    [FACT_CUT_OFF] = CARRY_OVER_TURNS_SPAN,    [FACT_ANSWERED] = CARRY_OVER_ANSWER_SPAN,
    [FACT_SENDER] = CARRY_OVER_ANSWER_SPAN,    [FACT_MESSAGE] = CARRY_OVER_TOKEN_SPAN,
    [FACT_HELO] = CARRY_OVER_ANSWER_SPAN,
};

#define KINDS (sizeof(spans) / sizeof(spans[0]))

/* A clock that was set back is no reason to forget. */
static struct fact_span around(time_t now, long span)
{
    return (struct fact_span){.after = now - span, .before = now + span};
}

/* ---- opening ---------------------------------------------------------------------------- */

struct carry_over *carry_over_open(const char *state_directory, char error[CARRY_OVER_ERROR_SIZE])
{
    char said[FORMER_STATE_SAYS_SIZE];
    struct carry_over *memory = calloc(1, sizeof(*memory));
    bool known = false;

    snprintf(error, CARRY_OVER_ERROR_SIZE, "out of memory");
    if (memory == NULL || (memory->directory = strdup(state_directory)) == NULL) {
        free(memory);
        return NULL;
    }
    if (former_state_take_over(state_directory, said) == FORMER_STATE_STANDS) {
        snprintf(error, CARRY_OVER_ERROR_SIZE, "%s", said);
    } else {
        memory->state = audit_state_open(state_directory, false, error);
        known = memory->state != NULL || !audit_state_is_there(state_directory);
    }
    if (!known) {
        carry_over_close(memory);
        return NULL;
    }
    return memory;
}

void carry_over_close(struct carry_over *memory)
{
    if (memory != NULL) {
        audit_state_close(memory->state);
        string_pool_free(&memory->texts);
        free(memory->directory);
        free(memory);
    }
}

/* Makes the state where there is none yet. False and a sentence. */
static bool change(struct carry_over *memory, audit_state_act act, void *user,
                   char error[CARRY_OVER_ERROR_SIZE])
{
    if (memory->state == NULL) {
        memory->state = audit_state_open(memory->directory, true, error);
    }
    if (memory->state == NULL) {
        return false;
    }
    if (!audit_state_change(memory->state, act, user)) {
        snprintf(error, CARRY_OVER_ERROR_SIZE, "%s", audit_state_why(memory->state));
        return false;
    }
    return true;
}

/* The kind and the endpoint of what is looked for, and when it was. */
struct search {
    enum fact_kind kind;
    const struct endpoint *endpoint;
    struct fact_span span;
};

static struct search search_for(enum fact_kind kind, const struct endpoint *endpoint, time_t now)
{
    return (struct search){kind, endpoint, around(now, spans[kind])};
}

/* State that cannot be read is not known. */
static void each_fact(struct carry_over *memory, const struct search *search,
                      audit_state_fact_visit visit, void *user)
{
    char key[ENDPOINT_KEY_SIZE];
    const struct fact like = {.kind = search->kind,
                              .endpoint = endpoint_key(search->endpoint, key)};

    if (memory->state != NULL) {
        (void)audit_state_facts(memory->state, &like, &search->span, visit, user);
    }
}

/* ---- what earlier audits left ------------------------------------------------------------ */

struct gathering {
    struct carry_over *memory;
    time_t now;
    struct battery_earlier *earlier;
    struct battery_answer *answers;
    size_t count;
    size_t room;
};

static bool gather_put_off(const struct fact *fact, void *user)
{
    struct gathering *gathering = user;
    struct string_pool *texts = &gathering->memory->texts;

    if (gathering->count < gathering->room) {
        gathering->earlier[gathering->count++] = (struct battery_earlier){
            string_pool_keep(texts, fact->name), string_pool_keep(texts, fact->text)};
    }
    return true;
}

size_t carry_over_put_off(struct carry_over *memory, const struct endpoint *endpoint, time_t now,
                          struct battery_earlier *out, size_t room)
{
    struct gathering gathering = {.memory = memory, .earlier = out, .room = room};
    const struct search search = search_for(FACT_PUT_OFF, endpoint, now);

    each_fact(memory, &search, gather_put_off, &gathering);
    return gathering.count;
}

/* Hands a number out; the last of a kind is the only one. */
struct number {
    bool known;
    int64_t number;
    int64_t time;
};

static bool take_number(const struct fact *fact, void *user)
{
    *(struct number *)user = (struct number){true, fact->number, fact->time};
    return true;
}

static struct number number_of(struct carry_over *memory, struct search search)
{
    struct number number = {.known = false};

    each_fact(memory, &search, take_number, &number);
    return number;
}

bool carry_over_has_answered(struct carry_over *memory, const struct endpoint *endpoint, time_t now)
{
    return number_of(memory, search_for(FACT_ANSWERED, endpoint, now)).known;
}

static bool gather_turn(const struct fact *fact, void *user)
{
    struct gathering *gathering = user;
    int64_t age = (int64_t)gathering->now - fact->time;

    if (gathering->count < gathering->room && age >= 0) {
        gathering->answers[gathering->count++] = (struct battery_answer){
            .technique = string_pool_keep(&gathering->memory->texts, fact->name), .age = (long)age};
    }
    return true;
}

size_t carry_over_answers(struct carry_over *memory, const struct endpoint *endpoint, time_t now,
                          struct battery_answer *out, size_t room)
{
    struct gathering gathering = {.memory = memory, .now = now, .answers = out, .room = room};
    struct number cut_off = number_of(memory, search_for(FACT_CUT_OFF, endpoint, now));

    if (!cut_off.known) {
        return 0;
    }
    if (cut_off.number != 0 && room > 0) {
        out[gathering.count++] = (struct battery_answer){.technique = BATTERY_SENDERS_FIRST};
    }
    const struct search search = search_for(FACT_TURN, endpoint, now);
    each_fact(memory, &search, gather_turn, &gathering);
    return gathering.count;
}

static const enum fact_kind facts_of_roles[DOMAIN_ROLES] = {
    [DOMAIN_AS_SENDER] = FACT_SENDER,
    [DOMAIN_AS_HELO] = FACT_HELO,
};

/* Since when those of a role wait, and where they go on. */
static struct number turn_of(struct carry_over *memory, const struct endpoint_result *result,
                             enum domain_role role, time_t now)
{
    struct number unknown = {.known = false};

    return memory == NULL
               ? unknown
               : number_of(memory, search_for(facts_of_roles[role], &result->endpoint, now));
}

void carry_over_choose_domains(struct carry_over *memory, struct endpoint_result *result,
                               const struct site *site, time_t now)
{
    struct number turns[DOMAIN_ROLES];

    for (size_t role = 0; role < DOMAIN_ROLES; role++) {
        turns[role] = turn_of(memory, result, role, now);
        other_domains_choose(result, role, site,
                             turns[role].number > 0 ? (size_t)turns[role].number : 0);
        result->others[role].waits = turns[role].known;
    }
    const struct number *senders = &turns[DOMAIN_AS_SENDER];
    const struct number *helos = &turns[DOMAIN_AS_HELO];
    result->others[DOMAIN_AS_HELO].first =
        helos->known && (!senders->known || helos->time < senders->time);
    result->others[DOMAIN_AS_SENDER].first = !result->others[DOMAIN_AS_HELO].first;
}

/* ---- what this one leaves ------------------------------------------------------------------ */

struct keeping {
    struct carry_over *memory;
    const struct audit_summary *summary;
    time_t now;
    char key[ENDPOINT_KEY_SIZE]; /* of the one at hand */
};

static bool put(const struct keeping *keeping, enum fact_kind kind, const char *name,
                const char *text, int64_t number)
{
    const struct fact fact = {kind, keeping->key, name, text, keeping->now, number};

    return audit_state_put(keeping->memory->state, &fact);
}

static bool drop(const struct keeping *keeping, enum fact_kind kind, const char *name)
{
    const struct fact like = {.kind = kind, .endpoint = keeping->key, .name = name};

    return audit_state_drop(keeping->memory->state, &like);
}

static bool keep_put_off(const struct keeping *keeping, const struct endpoint_result *result)
{
    bool kept = drop(keeping, FACT_PUT_OFF, NULL);

    for (size_t i = 0; kept && i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (retry_is_due(asked)) {
            kept = put(keeping, FACT_PUT_OFF, asked->technique->id, asked->sender, 0);
        }
    }
    return kept;
}

/* Written once a day: every audit finds the filter there. */
static bool keep_answer(const struct keeping *keeping, const struct endpoint_result *result)
{
    const struct search fresh = {FACT_ANSWERED, &result->endpoint,
                                 around(keeping->now, CARRY_OVER_ANSWER_FRESH)};

    return !result->milter.observed || number_of(keeping->memory, fresh).known ||
           put(keeping, FACT_ANSWERED, "", "", 0);
}

/* Whether this audit had no room for it: the server cut it off, or max_refusals did. */
static bool is_left_over(const struct endpoint_result *result, const struct technique_result *asked)
{
    return evidence_is_owed(result, asked) ||
           (result->refusals_used_up && !asked->asked && !asked->absent && asked->own == NULL);
}

/* How many there are, and how many of them have no answer that is recent. */
static size_t left_over(const struct endpoint_result *result, bool recent_too)
{
    size_t count = 0;

    for (size_t i = 0; i < result->technique_count; i++) {
        count += is_left_over(result, &result->techniques[i]) &&
                 (recent_too || !result->techniques[i].recent);
    }
    return count;
}

/* An accepted technique has no turn to wait for: it is asked first at the next audit, or an open
 * relay would be called closed while others have their turns. */
static bool keep_turn(const struct keeping *keeping, const struct endpoint_result *result,
                      const struct technique_result *asked)
{
    if (!asked->asked || asked->own != NULL || evidence_is_owed(result, asked)) {
        return true;
    }
    return asked->outcome == OUTCOME_ACCEPTED
               ? drop(keeping, FACT_TURN, asked->technique->id)
               : put(keeping, FACT_TURN, asked->technique->id, "", 0);
}

static bool has_own_granted(const struct endpoint_result *result)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        if (result->techniques[i].own != NULL && result->techniques[i].asked &&
            result->techniques[i].outcome == OUTCOME_ACCEPTED) {
            return true;
        }
    }
    return false;
}

/* Only where an audit left some over, and for as long as that may come again. */
static bool keep_turns(const struct keeping *keeping, const struct endpoint_result *result)
{
    bool owes = left_over(result, true) > 0 && !result->interrupted;
    struct number before =
        number_of(keeping->memory, search_for(FACT_CUT_OFF, &result->endpoint, keeping->now));

    if (!owes && !before.known) {
        return true;
    }
    const struct fact fact = {
        .kind = FACT_CUT_OFF,
        .endpoint = keeping->key,
        .name = "",
        .text = "",
        .time = owes ? (int64_t)keeping->now : before.time,
        .number = (owes && left_over(result, false) == 0) || has_own_granted(result),
    };
    bool kept = audit_state_put(keeping->memory->state, &fact);
    for (size_t i = 0; kept && i < result->technique_count; i++) {
        kept = keep_turn(keeping, result, &result->techniques[i]);
    }
    return kept;
}

/* Whose turn it is next, where one audit cannot ask for all, and since when they wait. Those that
 * had no turn, or were granted, wait on; but what is as old as the span would be forgotten. */
static bool keep_domain(const struct keeping *keeping, const struct endpoint_result *result,
                        enum domain_role role)
{
    enum fact_kind kind = facts_of_roles[role];
    struct number before = turn_of(keeping->memory, result, role, keeping->now);
    int64_t oldest = (int64_t)keeping->now - spans[kind] / 2;
    struct fact fact = {kind, keeping->key, "", "", keeping->now, 0};
    size_t next;

    if (!other_domains_wait(result, role, &next)) {
        return drop(keeping, kind, NULL);
    }
    fact.number = (int64_t)next;
    if (before.known && !other_domains_had_turn(result, role)) {
        fact.time = before.time > oldest ? before.time : oldest;
    }
    return audit_state_put(keeping->memory->state, &fact);
}

/* Of who was only named, or gave no session, nothing is. */
static bool is_kept(const struct endpoint_result *result)
{
    return result->endpoint.configured && result->reach == REACH_SESSION;
}

static bool is_any_kept(const struct keeping *keeping)
{
    for (size_t i = 0; i < keeping->summary->count; i++) {
        if (is_kept(audit_summary_result(keeping->summary, i))) {
            return true;
        }
    }
    return false;
}

static bool keep_all(struct audit_state *state, void *user)
{
    struct keeping *keeping = user;
    bool kept = true;

    for (size_t i = 0; kept && i < keeping->summary->count; i++) {
        const struct endpoint_result *result = audit_summary_result(keeping->summary, i);
        if (is_kept(result)) {
            endpoint_key(&result->endpoint, keeping->key);
            kept = keep_answer(keeping, result) && keep_turns(keeping, result) &&
                   keep_domain(keeping, result, DOMAIN_AS_SENDER) &&
                   keep_domain(keeping, result, DOMAIN_AS_HELO) && keep_put_off(keeping, result);
        }
    }
    for (size_t kind = 0; kept && kind < KINDS; kind++) {
        const struct fact_span span = around(keeping->now, spans[kind]);
        kept = audit_state_forget(state, (enum fact_kind)kind, &span);
    }
    return kept;
}

bool carry_over_keep(struct carry_over *memory, const struct audit_summary *summary, time_t now,
                     char error[CARRY_OVER_ERROR_SIZE])
{
    struct keeping keeping = {memory, summary, now, ""};

    /* Where nothing is known there is nothing to forget either. */
    return (memory->state == NULL && !is_any_kept(&keeping)) ||
           change(memory, keep_all, &keeping, error);
}

/* ---- messages --------------------------------------------------------------------------- */

struct claim {
    const struct endpoint *endpoint;
    const char *token;
    time_t now;
    size_t sent;
};

static bool count_one(const struct fact *fact, void *user)
{
    struct claim *claim = user;

    (void)fact;
    claim->sent++;
    return true;
}

/* A count that cannot be kept is a failure: too many messages would be sent. */
static bool claim_message(struct audit_state *state, void *user)
{
    struct claim *claim = user;
    char key[ENDPOINT_KEY_SIZE];
    const struct fact fact = {
        FACT_MESSAGE, endpoint_key(claim->endpoint, key), claim->token, "", claim->now, false};
    const struct fact_span span = around(claim->now, CARRY_OVER_MESSAGE_SPAN);

    return audit_state_facts(state, &fact, &span, count_one, claim) &&
           (claim->sent >= CARRY_OVER_MESSAGES_MAX || audit_state_put(state, &fact));
}

enum carry_over_claim carry_over_claim_message(struct carry_over *memory,
                                               const struct endpoint *endpoint, const char *token,
                                               time_t now, char error[CARRY_OVER_ERROR_SIZE])
{
    struct claim claim = {.endpoint = endpoint, .token = token, .now = now};

    if (!change(memory, claim_message, &claim, error)) {
        return CARRY_OVER_FAILED;
    }
    return claim.sent >= CARRY_OVER_MESSAGES_MAX ? CARRY_OVER_ENOUGH : CARRY_OVER_CLAIMED;
}

static bool refuse_message(struct audit_state *state, void *user)
{
    const struct claim *claim = user;
    char key[ENDPOINT_KEY_SIZE];
    struct fact fact = {.kind = FACT_MESSAGE, .name = claim->token, .text = "", .number = true};
    const struct fact_span always = {INT64_MIN, INT64_MAX};
    struct number sent = {.known = false};

    if (!audit_state_facts(state, &fact, &always, take_number, &sent)) {
        return false;
    }
    fact.time = sent.time;
    fact.endpoint = endpoint_key(claim->endpoint, key);
    return audit_state_put(state, &fact);
}

bool carry_over_refuse_message(struct carry_over *memory, const struct endpoint *endpoint,
                               const char *token, char error[CARRY_OVER_ERROR_SIZE])
{
    struct claim claim = {.endpoint = endpoint, .token = token};

    return change(memory, refuse_message, &claim, error);
}

struct tokens {
    char (*out)[MESSAGE_TOKEN_SIZE];
    size_t count;
};

static bool take_token(const struct fact *fact, void *user)
{
    struct tokens *tokens = user;

    if (tokens->count < CARRY_OVER_MESSAGES_MAX && fact->number == 0 &&
        message_is_token(fact->name, strlen(fact->name))) {
        memcpy(tokens->out[tokens->count++], fact->name, MESSAGE_TOKEN_SIZE);
    }
    return true;
}

size_t carry_over_messages(struct carry_over *memory, const struct endpoint *endpoint, time_t now,
                           char out[CARRY_OVER_MESSAGES_MAX][MESSAGE_TOKEN_SIZE])
{
    const struct search search = {FACT_MESSAGE, endpoint, around(now, CARRY_OVER_MESSAGE_SPAN)};
    struct tokens tokens = {out, 0};

    each_fact(memory, &search, take_token, &tokens);
    return tokens.count;
}

bool carry_over_knows_token(struct carry_over *memory, const char *token, time_t now)
{
    const struct fact like = {.kind = FACT_MESSAGE, .name = token};
    const struct fact_span span = around(now, CARRY_OVER_TOKEN_SPAN);
    struct number sent = {.known = false};

    if (memory->state != NULL) {
        (void)audit_state_facts(memory->state, &like, &span, take_number, &sent);
    }
    return sent.known;
}

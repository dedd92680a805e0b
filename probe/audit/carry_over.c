#include "probe/audit/carry_over.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/smtp/retry.h"
#include "probe/state_file.h"

#define VERSION  1
#define KEY_SIZE (ENDPOINT_TEXT_SIZE + RESULT_HOST_SIZE + 16)

struct memory {
    struct state_file file;
    json_t *root; /* {"version": 1, "endpoints": {KEY: {"put_off": [...], "messages": [...]}}} */
};

/* ---- the file --------------------------------------------------------------------------- */

/* A change of the endpoints' object. */
struct change {
    bool (*make)(json_t *endpoints, void *user);
    void *user;
};

static bool change_endpoints(json_t *root, void *user)
{
    const struct change *change = user;

    return change->make(json_object_get(root, "endpoints"), change->user);
}

/* Changes what the file has by now, and then what is known here. `make` says whether anything is to
 * be written. */
static bool transact(struct memory *memory, bool (*make)(json_t *endpoints, void *user), void *user,
                     char error[MEMORY_ERROR_SIZE])
{
    struct change change = {make, user};
    json_t *root = state_file_change(&memory->file, change_endpoints, &change, error);

    if (root == NULL) {
        return false;
    }
    json_decref(memory->root);
    memory->root = root;
    return true;
}

struct memory *memory_open(const char *state_directory, char error[MEMORY_ERROR_SIZE])
{
    struct memory *memory = calloc(1, sizeof(*memory));

    if (memory == NULL) {
        snprintf(error, MEMORY_ERROR_SIZE, "out of memory");
        return NULL;
    }
    memory->file =
        (struct state_file){.name = "memory", .version = VERSION, .members = {"endpoints"}};
    state_file_place(&memory->file, state_directory);
    memory->root = state_file_read(&memory->file, error);
    if (memory->root == NULL) {
        memory_close(memory);
        return NULL;
    }
    return memory;
}

void memory_close(struct memory *memory)
{
    if (memory != NULL) {
        json_decref(memory->root);
        free(memory);
    }
}

/* ---- endpoints -------------------------------------------------------------------------- */

/* The question that is put at it, as the audit tells endpoints apart. */
static const char *key_of(const struct endpoint *endpoint, char out[KEY_SIZE])
{
    char where[ENDPOINT_TEXT_SIZE];

    snprintf(out, KEY_SIZE, "%s/%s %s",
             address_format_port(&endpoint->address, endpoint->port, where),
             tls_mode_name(endpoint->tls_asked), endpoint->own);
    return out;
}

/* A list, or another value, of what is known of the endpoint; NULL if there is none. */
static json_t *list_of(json_t *endpoints, const struct endpoint *endpoint, const char *name)
{
    char key[KEY_SIZE];

    return json_object_get(json_object_get(endpoints, key_of(endpoint, key)), name);
}

/* Whether `when` is within `span` of now; a clock that was set back is no reason to forget. */
static bool is_recent(const json_t *row, time_t now, long span)
{
    json_int_t age = (json_int_t)now - json_integer_value(json_object_get(row, "time"));

    return age < span && age > -span;
}

/* Removes the rows of a list that are older. */
static bool prune(json_t *list, time_t now, long span)
{
    bool changed = false;

    for (size_t i = json_array_size(list); i > 0; i--) {
        if (!is_recent(json_array_get(list, i - 1), now, span)) {
            json_array_remove(list, i - 1);
            changed = true;
        }
    }
    return changed;
}

/* ---- what was put off ------------------------------------------------------------------- */

size_t memory_put_off(const struct memory *memory, const struct endpoint *endpoint, time_t now,
                      struct battery_earlier *out, size_t room)
{
    json_t *list = list_of(json_object_get(memory->root, "endpoints"), endpoint, "put_off");
    size_t count = 0;
    size_t i;
    json_t *row;

    json_array_foreach(list, i, row)
    {
        const char *technique = json_string_value(json_object_get(row, "technique"));
        const char *sender = json_string_value(json_object_get(row, "sender"));
        if (technique != NULL && sender != NULL && count < room &&
            is_recent(row, now, MEMORY_QUESTION_SPAN)) {
            out[count++] = (struct battery_earlier){technique, sender};
        }
    }
    return count;
}

bool memory_has_answered(const struct memory *memory, const struct endpoint *endpoint, time_t now)
{
    const json_t *milter = list_of(json_object_get(memory->root, "endpoints"), endpoint, "milter");

    return milter != NULL && is_recent(milter, now, MEMORY_ANSWER_SPAN);
}

static json_t *put_off_by(const struct endpoint_result *result, time_t now)
{
    json_t *list = json_array();

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (patience_is_due(asked)) {
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:s, s:s, s:I}", "technique", asked->technique->id,
                                "sender", asked->sender, "recipient", asked->recipient, "outcome",
                                outcome_name(asked->outcome), "time", (json_int_t)now));
        }
    }
    return list;
}

struct keeping {
    const struct endpoint_result *const *results;
    size_t count;
    time_t now;
};

/* What is known of the endpoint, to be added to. */
static json_t *entry_of(json_t *endpoints, const struct endpoint *endpoint)
{
    char key[KEY_SIZE];
    json_t *known = json_object_get(endpoints, key_of(endpoint, key));

    if (known == NULL) {
        known = json_object();
        json_object_set_new(endpoints, key, known);
    }
    return known;
}

/* Written once a day: every audit finds the filter there. */
static bool keep_answer(json_t *endpoints, const struct endpoint_result *result, time_t now)
{
    if (!result->milter.observed ||
        is_recent(list_of(endpoints, &result->endpoint, "milter"), now, MEMORY_ANSWER_FRESH)) {
        return false;
    }
    json_object_set_new(entry_of(endpoints, &result->endpoint), "milter",
                        json_pack("{s:I}", "time", (json_int_t)now));
    return true;
}

static bool keep_one(json_t *endpoints, const struct endpoint_result *result, time_t now)
{
    bool changed = keep_answer(endpoints, result, now);
    json_t *list = put_off_by(result, now);

    if (json_array_size(list) == 0 &&
        json_array_size(list_of(endpoints, &result->endpoint, "put_off")) == 0) {
        json_decref(list);
        return changed;
    }
    json_object_set_new(entry_of(endpoints, &result->endpoint), "put_off", list);
    return true;
}

/* Forgets what is old, and endpoints of which nothing is left. */
static bool prune_all(json_t *endpoints, time_t now)
{
    bool changed = false;
    const char *key;
    void *next;
    json_t *known;

    json_object_foreach_safe(endpoints, next, key, known)
    {
        json_t *put_off = json_object_get(known, "put_off");
        json_t *messages = json_object_get(known, "messages");
        changed |= prune(put_off, now, MEMORY_QUESTION_SPAN);
        changed |= prune(messages, now, MEMORY_TOKEN_SPAN);
        json_t *milter = json_object_get(known, "milter");
        if (milter != NULL && !is_recent(milter, now, MEMORY_ANSWER_SPAN)) {
            json_object_del(known, "milter");
            milter = NULL;
            changed = true;
        }
        if (json_array_size(put_off) == 0 && json_array_size(messages) == 0 && milter == NULL) {
            json_object_del(endpoints, key);
            changed = true;
        }
    }
    return changed;
}

static bool keep(json_t *endpoints, void *user)
{
    const struct keeping *keeping = user;
    bool changed = false;

    for (size_t i = 0; i < keeping->count; i++) {
        const struct endpoint_result *result = keeping->results[i];
        if (result->endpoint.configured && result->reach == REACH_SESSION) {
            changed |= keep_one(endpoints, result, keeping->now);
        }
    }
    return prune_all(endpoints, keeping->now) || changed;
}

/* Whether there is anything to say or to forget: else not even a lock is made. */
static bool is_worth_keeping(struct memory *memory, const struct keeping *keeping)
{
    json_t *copy = json_deep_copy(json_object_get(memory->root, "endpoints"));
    struct keeping trial = *keeping;
    bool changed = copy == NULL || keep(copy, &trial);

    json_decref(copy);
    return changed;
}

bool memory_keep(struct memory *memory, const struct endpoint_result *const *results, size_t count,
                 time_t now, char error[MEMORY_ERROR_SIZE])
{
    struct keeping keeping = {results, count, now};

    return !is_worth_keeping(memory, &keeping) || transact(memory, keep, &keeping, error);
}

/* ---- messages --------------------------------------------------------------------------- */

struct claim {
    const struct endpoint *endpoint;
    const char *token;
    time_t now;
    bool enough;
};

static const char *token_of(const json_t *row)
{
    const char *token = json_string_value(json_object_get(row, "token"));

    return token != NULL && message_is_token(token, strlen(token)) ? token : "";
}

static bool claim_message(json_t *endpoints, void *user)
{
    struct claim *claim = user;
    json_t *known = entry_of(endpoints, claim->endpoint);
    json_t *list = json_object_get(known, "messages");
    size_t sent = 0;
    size_t i;
    json_t *row;

    json_array_foreach(list, i, row)
    {
        sent += is_recent(row, claim->now, MEMORY_MESSAGE_SPAN);
    }
    claim->enough = sent >= MEMORY_MESSAGES_MAX;
    if (claim->enough) {
        return false;
    }
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(known, "messages", list);
    }
    json_array_append_new(
        list, json_pack("{s:s, s:I}", "token", claim->token, "time", (json_int_t)claim->now));
    return true;
}

enum memory_claim memory_claim_message(struct memory *memory, const struct endpoint *endpoint,
                                       const char *token, time_t now, char error[MEMORY_ERROR_SIZE])
{
    struct claim claim = {.endpoint = endpoint, .token = token, .now = now};

    if (!transact(memory, claim_message, &claim, error)) {
        return MEMORY_FAILED;
    }
    if (claim.enough) {
        return MEMORY_ENOUGH;
    }
    /* It must be there: without memory in the middle of it, it is not. */
    if (!memory_knows_token(memory, token, now)) {
        snprintf(error, MEMORY_ERROR_SIZE, "out of memory");
        return MEMORY_FAILED;
    }
    return MEMORY_CLAIMED;
}

static bool refuse_message(json_t *endpoints, void *user)
{
    const struct claim *claim = user;
    json_t *list = list_of(endpoints, claim->endpoint, "messages");
    size_t i;
    json_t *row;

    json_array_foreach(list, i, row)
    {
        if (strcmp(token_of(row), claim->token) == 0) {
            return json_object_set_new(row, "refused", json_true()) == 0;
        }
    }
    return false;
}

bool memory_refuse_message(struct memory *memory, const struct endpoint *endpoint,
                           const char *token, char error[MEMORY_ERROR_SIZE])
{
    struct claim claim = {.endpoint = endpoint, .token = token};

    return transact(memory, refuse_message, &claim, error);
}

size_t memory_messages(const struct memory *memory, const struct endpoint *endpoint, time_t now,
                       char out[MEMORY_MESSAGES_MAX][MESSAGE_TOKEN_SIZE])
{
    json_t *list = list_of(json_object_get(memory->root, "endpoints"), endpoint, "messages");
    size_t count = 0;
    size_t i;
    json_t *row;

    json_array_foreach(list, i, row)
    {
        if (count < MEMORY_MESSAGES_MAX && token_of(row)[0] != '\0' &&
            !json_is_true(json_object_get(row, "refused")) &&
            is_recent(row, now, MEMORY_MESSAGE_SPAN)) {
            memcpy(out[count++], token_of(row), MESSAGE_TOKEN_SIZE);
        }
    }
    return count;
}

bool memory_knows_token(const struct memory *memory, const char *token, time_t now)
{
    json_t *known;
    const char *key;

    json_object_foreach(json_object_get(memory->root, "endpoints"), key, known)
    {
        size_t i;
        json_t *row;
        json_array_foreach(json_object_get(known, "messages"), i, row)
        {
            if (strcmp(token_of(row), token) == 0 && is_recent(row, now, MEMORY_TOKEN_SPAN)) {
                return true;
            }
        }
    }
    return false;
}

#include "probe/audit/former_state.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/state/audit_state.h"

#define VERSION 1 /* of both files */

struct former {
    const char *directory;
    json_t *memory; /* NULL: there is none */
    json_t *metrics;
};

static const char *name_file(const char *directory, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/probe/%s", PATH_MAX - 64, directory, name);
    return out;
}

/* ---- memory.json ------------------------------------------------------------------------ */

/* A member that is missing, or no text, makes a row that is not ours: it is passed over, as ever.
 */
static const char *text_of(const json_t *row, const char *member)
{
    return json_string_value(json_object_get(row, member));
}

static bool put(struct audit_state *state, struct fact fact, const json_t *time)
{
    if (fact.name == NULL || fact.text == NULL || !json_is_integer(time)) {
        return true;
    }
    fact.time = json_integer_value(time);
    return audit_state_put(state, &fact);
}

static bool take_list(struct audit_state *state, const char *key, const json_t *known)
{
    bool taken = true;
    size_t i;
    json_t *row;

    json_array_foreach(json_object_get(known, "put_off"), i, row)
    {
        const struct fact fact = {FACT_PUT_OFF,           key, text_of(row, "technique"),
                                  text_of(row, "sender"), 0,   0};
        taken = taken && put(state, fact, json_object_get(row, "time"));
    }
    json_array_foreach(json_object_get(known, "messages"), i, row)
    {
        const struct fact fact = {
            FACT_MESSAGE, key, text_of(row, "token"),
            "",           0,   json_is_true(json_object_get(row, "refused")),
        };
        taken = taken && put(state, fact, json_object_get(row, "time"));
    }
    return taken;
}

static bool take_turns(struct audit_state *state, const char *key, const json_t *turns)
{
    const struct fact cut_off = {
        FACT_CUT_OFF, key, "", "", 0, json_is_true(json_object_get(turns, "senders_first"))};
    bool taken = put(state, cut_off, json_object_get(turns, "time"));
    const char *technique;
    json_t *time;

    json_object_foreach(json_object_get(turns, "techniques"), technique, time)
    {
        taken = taken && put(state, (struct fact){FACT_TURN, key, technique, "", 0, 0}, time);
    }
    return taken;
}

static bool take_memory(struct audit_state *state, json_t *endpoints)
{
    bool taken = true;
    const char *key;
    json_t *known;

    json_object_foreach(endpoints, key, known)
    {
        const json_t *milter = json_object_get(known, "milter");
        const json_t *senders = json_object_get(known, "senders");
        const struct fact answered = {FACT_ANSWERED, key, "", "", 0, 0};
        const struct fact sender = {
            FACT_SENDER, key, "", "", 0, json_integer_value(json_object_get(senders, "next"))};
        taken = taken && take_list(state, key, known) &&
                take_turns(state, key, json_object_get(known, "turns")) &&
                put(state, answered, json_object_get(milter, "time")) &&
                put(state, sender, json_object_get(senders, "time"));
    }
    return taken;
}

/* ---- metrics.json ----------------------------------------------------------------------- */

static enum audit_fact fact_of(const json_t *entry, const char *member)
{
    const json_t *fact = json_object_get(entry, member);

    return !json_is_boolean(fact) ? AUDIT_FACT_UNKNOWN
           : json_is_true(fact)   ? AUDIT_FACT_YES
                                  : AUDIT_FACT_NO;
}

/* Its keys are "PLACE/TLS TARGET". */
static bool take_metrics(struct audit_state *state, json_t *endpoints)
{
    char beginning[512];
    bool taken = true;
    const char *key;
    json_t *entry;

    json_object_foreach(endpoints, key, entry)
    {
        snprintf(beginning, sizeof(beginning), "%.*s ", (int)strcspn(key, " "), key);
        const struct audited_endpoint endpoint = {
            .key = beginning,
            .target = text_of(entry, "target"),
            .session = text_of(entry, "session"),
            .ended = json_integer_value(json_object_get(entry, "time")),
            .seconds = json_number_value(json_object_get(entry, "seconds")),
            .answered = fact_of(entry, "milter"),
            .certificate = fact_of(entry, "certificate"),
        };
        if (endpoint.session != NULL) {
            taken = taken && audit_state_amend(state, &endpoint);
        }
    }
    return taken;
}

/* ---- both ------------------------------------------------------------------------------- */

/* False: it is there, and is damaged or cannot be read; `says` has a sentence. */
static bool load(const char *path, json_t **out, char says[FORMER_STATE_SAYS_SIZE])
{
    FILE *file = fopen(path, "re");

    if (file == NULL && errno == ENOENT) {
        return true;
    }
    if (file == NULL) {
        snprintf(says, FORMER_STATE_SAYS_SIZE,
                 "%.300s: %s (let this program's user read and write it and its directory)", path,
                 strerror(errno));
        return false;
    }
    json_t *root = json_loadf(file, 0, NULL);
    fclose(file);
    if (json_integer_value(json_object_get(root, "version")) != VERSION ||
        !json_is_object(json_object_get(root, "endpoints"))) {
        json_decref(root);
        snprintf(says, FORMER_STATE_SAYS_SIZE,
                 "%.300s is damaged, so what it holds is not taken over into the database (move it "
                 "away; audits then begin anew)",
                 path);
        return false;
    }
    *out = root;
    return true;
}

static bool take_all(struct audit_state *state, void *user)
{
    const struct former *former = user;

    return take_memory(state, json_object_get(former->memory, "endpoints")) &&
           take_metrics(state, json_object_get(former->metrics, "endpoints"));
}

static bool take(struct former *former, char says[FORMER_STATE_SAYS_SIZE])
{
    struct audit_state *state = audit_state_open(former->directory, true, says);
    bool taken = state != NULL && audit_state_change(state, take_all, former);

    if (state != NULL && !taken) {
        snprintf(says, FORMER_STATE_SAYS_SIZE, "%s", audit_state_why(state));
    }
    audit_state_close(state);
    return taken;
}

/* Another process may have done it meanwhile. */
static bool put_away(const char *path, char says[FORMER_STATE_SAYS_SIZE])
{
    char old[PATH_MAX + 8];

    snprintf(old, sizeof(old), "%s.old", path);
    if (rename(path, old) == 0 || errno == ENOENT) {
        return true;
    }
    snprintf(says, FORMER_STATE_SAYS_SIZE, "%.300s cannot be renamed: %s (move it away)", path,
             strerror(errno));
    return false;
}

enum former_state former_state_take_over(const char *state_directory,
                                         char says[FORMER_STATE_SAYS_SIZE])
{
    static const char *const locks[] = {"memory.lock", "metrics.lock", "run.lock"};
    struct former former = {.directory = state_directory};
    char memory[PATH_MAX];
    char metrics[PATH_MAX];
    char path[PATH_MAX];

    name_file(state_directory, "memory.json", memory);
    name_file(state_directory, "metrics.json", metrics);
    if (access(memory, F_OK) != 0 && access(metrics, F_OK) != 0) {
        return FORMER_STATE_NONE;
    }
    bool taken = load(memory, &former.memory, says);
    if (taken) {
        /* A damaged one held no more than the next audit tells. */
        (void)load(metrics, &former.metrics, says);
        taken = take(&former, says);
    }
    json_decref(former.memory);
    json_decref(former.metrics);
    if (!taken || !put_away(memory, says) || !put_away(metrics, says)) {
        return FORMER_STATE_STANDS;
    }
    for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
        (void)unlink(name_file(state_directory, locks[i], path));
    }
    snprintf(says, FORMER_STATE_SAYS_SIZE,
             "what memory.json and metrics.json in %.200s/probe held is in relaywarden.db now; the "
             "old files are renamed to *.old and may be removed",
             state_directory);
    return FORMER_STATE_TAKEN;
}

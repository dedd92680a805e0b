#include <stdlib.h>
#include <string.h>

#include "lib/name_index.h"
#include "lib/state/audit_state.h"
#include "probe/report/history.h"

#define RESULTS_AT_ONCE 256 /* in one transaction */

/* A configured target, as the audit left it. */
struct kept_target {
    bool asked;
    bool interrupted; /* at one of its endpoints at least */
};

struct keeping {
    const struct conf *conf;
    const struct audit_summary *summary;
    size_t next;              /* result that is not kept yet */
    bool holes;               /* endpoints were not asked, nobody knows which */
    struct name_index *names; /* of the configured targets */
    struct kept_target *targets;
    struct name_index *keys; /* of the endpoints that are kept */
    char **key;              /* one a result; NULL: it is not kept */
};

/* Whether it stands for endpoints, and is none. */
static bool is_hole(const struct endpoint_result *result)
{
    return result->lost && result->endpoint.address.family == ADDRESS_NONE;
}

/* An endpoint that the operator's interruption left open stands as before. One whose result was
 * lost does not: then what is left of it is kept. */
static bool is_kept(const struct endpoint_result *result)
{
    return result->endpoint.configured && !result->interrupted && !is_hole(result);
}

static enum audit_fact fact_of(bool known, bool fact)
{
    return !known ? AUDIT_FACT_UNKNOWN : fact ? AUDIT_FACT_YES : AUDIT_FACT_NO;
}

void history_describe(const struct endpoint_result *result, const struct audit_summary *summary,
                      struct audited_endpoint *out)
{
    *out = (struct audited_endpoint){
        .target = result->endpoint.target,
        .host = result->endpoint.host,
        .session = tls_mode_name(result_tls(result)),
        .verdict = result->verdict,
        .cause = result->cause,
        .started = summary->started,
        .ended = summary->started + (int64_t)summary->seconds,
        .seconds = result->seconds,
        .answered = fact_of(result->milter.asked, result->milter.observed),
        .certificate = fact_of(result->tls_protocol[0] != '\0', result->tls_certificate[0] == '\0'),
    };
}

static bool keep_result(struct audit_state *state, const struct endpoint_result *result,
                        const struct keeping *keeping, const char *key)
{
    char *detail = report_endpoint(result);
    struct audited_endpoint endpoint;

    history_describe(result, keeping->summary, &endpoint);
    endpoint.key = key;
    endpoint.detail = detail != NULL ? detail : "{}";
    bool kept = audit_state_keep(state, &endpoint);

    free(detail);
    return kept;
}

/* Whether all of the target's endpoints are known now: no other is left. */
static bool is_through(const struct keeping *keeping, const char *target)
{
    size_t number = name_index_find(keeping->names, target);

    return number != NAME_INDEX_NONE && keeping->targets[number].asked &&
           !keeping->targets[number].interrupted;
}

/* audit_state_judge */
static bool is_gone(const char *target, const char *key, const void *user)
{
    const struct keeping *keeping = user;

    return !keeping->holes && is_through(keeping, target) &&
           name_index_find(keeping->keys, key) == NAME_INDEX_NONE;
}

/* Some results: whoever else writes to the state, alerts above all, has a turn between two
 * transactions. */
static bool keep_some(struct audit_state *state, void *user)
{
    struct keeping *keeping = user;
    const struct audit_summary *summary = keeping->summary;
    bool kept = true;

    for (size_t i = 0; kept && i < RESULTS_AT_ONCE && keeping->next < summary->count; i++) {
        size_t at = keeping->next++;
        kept = keeping->key[at] == NULL ||
               keep_result(state, audit_summary_result(summary, at), keeping, keeping->key[at]);
    }
    return kept;
}

static bool settle(struct audit_state *state, void *user)
{
    const struct keeping *keeping = user;

    return audit_state_settle(state, is_gone, keeping) &&
           audit_state_prune(state,
                             keeping->summary->started - keeping->conf->probe.history_seconds);
}

/* False when memory is out. */
static bool look_at_result(struct keeping *keeping, size_t at)
{
    const struct endpoint_result *result = audit_summary_result(keeping->summary, at);
    char key[ENDPOINT_KEY_SIZE];
    size_t target = result->endpoint.configured
                        ? name_index_find(keeping->names, result->endpoint.target)
                        : NAME_INDEX_NONE;

    keeping->holes |= is_hole(result);
    if (target != NAME_INDEX_NONE) {
        keeping->targets[target].asked = true;
        keeping->targets[target].interrupted |= result->interrupted;
    }
    if (!is_kept(result)) {
        return true;
    }
    keeping->key[at] = strdup(endpoint_key(&result->endpoint, key));
    if (keeping->key[at] == NULL) {
        return false;
    }
    (void)name_index_add(keeping->keys, keeping->key[at], at);
    return true;
}

/* Which targets were asked, and which endpoints are to be kept. False when memory is out. */
static bool look_at_results(struct keeping *keeping)
{
    const struct conf_probe *probe = &keeping->conf->probe;
    size_t count = keeping->summary->count;
    bool made = true;

    keeping->names = name_index_new(probe->target_count);
    keeping->targets = calloc(probe->target_count + 1, sizeof(*keeping->targets));
    keeping->keys = name_index_new(count);
    keeping->key = calloc(count + 1, sizeof(*keeping->key));
    if (keeping->names == NULL || keeping->targets == NULL || keeping->keys == NULL ||
        keeping->key == NULL) {
        return false;
    }
    for (size_t i = 0; i < probe->target_count; i++) {
        (void)name_index_add(keeping->names, probe->targets[i].name, i);
    }
    for (size_t i = 0; made && i < count; i++) {
        made = look_at_result(keeping, i);
    }
    return made;
}

static void end_keeping(struct keeping *keeping)
{
    for (size_t i = 0; keeping->key != NULL && i < keeping->summary->count; i++) {
        free(keeping->key[i]);
    }
    free(keeping->key);
    free(keeping->targets);
    name_index_free(keeping->keys);
    name_index_free(keeping->names);
}

bool history_keep(const struct conf *conf, const struct audit_summary *summary,
                  char error[HISTORY_ERROR_SIZE])
{
    struct keeping keeping = {.conf = conf, .summary = summary};
    struct audit_state *state = NULL;
    bool kept = false;

    if (!look_at_results(&keeping)) {
        snprintf(error, HISTORY_ERROR_SIZE, "out of memory");
        goto out;
    }
    state = audit_state_open(conf->state_directory, true, error);
    if (state == NULL) {
        goto out;
    }
    kept = true;
    while (kept && keeping.next < summary->count) {
        kept = audit_state_change(state, keep_some, &keeping);
    }
    kept = kept && audit_state_change(state, settle, &keeping);
    if (!kept) {
        snprintf(error, HISTORY_ERROR_SIZE, "%s", audit_state_why(state));
    }
out:
    audit_state_close(state);
    end_keeping(&keeping);
    return kept;
}

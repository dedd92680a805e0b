#include "probe/fleet/batch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/finding_json.h"
#include "lib/printable.h"
#include "probe/judge/incidents_over.h"
#include "probe/report/history.h"
#include "probe/report/report.h"

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text != NULL ? text : "";
}

bool batch_read_finding(const json_t *object, struct finding *out)
{
    const char *kind = text_of(object, "kind");
    const char *severity = text_of(object, "severity");
    int i = 0;

    while (i < FINDING_KINDS && strcmp(finding_kind_name((enum finding_kind)i), kind) != 0) {
        i++;
    }
    if (i == FINDING_KINDS || strlen(text_of(object, "key")) >= sizeof(out->key) ||
        strlen(text_of(object, "fold")) >= sizeof(out->fold)) {
        return false;
    }
    finding_init(out, (enum finding_kind)i);
    for (i = SEVERITY_INFO; i <= SEVERITY_CRITICAL; i++) {
        if (strcmp(severity_name((enum severity)i), severity) == 0) {
            out->severity = (enum severity)i;
        }
    }
    if (!printable_is_shown(text_of(object, "key")) ||
        !printable_is_shown(text_of(object, "fold"))) {
        return false;
    }
    memcpy(out->key, text_of(object, "key"), strlen(text_of(object, "key")) + 1);
    memcpy(out->fold, text_of(object, "fold"), strlen(text_of(object, "fold")) + 1);
    return finding_json_read(out, text_of(object, "body"));
}

static json_t *fact(enum audit_fact fact)
{
    return fact == AUDIT_FACT_UNKNOWN ? json_null() : json_boolean(fact == AUDIT_FACT_YES);
}

static json_t *describe_result(const struct endpoint_result *result,
                               const struct audit_summary *summary)
{
    char key[ENDPOINT_KEY_SIZE];
    struct audited_endpoint row;
    char *detail = report_endpoint(result);

    history_describe(result, summary, &row);
    json_t *object =
        json_pack("{s:o, s:o, s:s, s:s, s:s, s:f, s:o, s:o, s:o}", "key",
                  finding_json_text(endpoint_key(&result->endpoint, key)), "host",
                  finding_json_text(row.host), "session", row.session, "verdict",
                  verdict_name(row.verdict), "cause", cause_name(row.cause), "seconds", row.seconds,
                  "answered", fact(row.answered), "certificate", fact(row.certificate), "detail",
                  finding_json_text(detail != NULL ? detail : "{}"));
    free(detail);
    return object;
}

static json_t *describe_finding(const struct finding *finding)
{
    char *body = finding_json_write(finding);
    json_t *object =
        body == NULL
            ? NULL
            : json_pack("{s:s, s:o, s:o, s:s, s:o}", "kind", finding_kind_name(finding->kind),
                        "key", finding_json_text(finding->key), "fold",
                        finding_json_text(finding->fold), "severity",
                        severity_name(finding->severity), "body", finding_json_text(body));

    free(body);
    return object;
}

/* Those that are over, of what this vantage saw there before; none of a claim that was made without
 * the database: another worker may have seen it since. */
static json_t *list_over(const struct claim *claim, const struct incidents_over *resolved)
{
    json_t *over = json_array();
    size_t i;
    json_t *seen;

    if (claim->epoch == 0) {
        return over;
    }
    json_array_foreach(claim->seen, i, seen)
    {
        struct finding finding;

        if (batch_read_finding(seen, &finding) && incidents_over_has(resolved, &finding)) {
            json_array_append_new(over,
                                  json_pack("{s:O, s:O}", "kind", json_object_get(seen, "kind"),
                                            "key", json_object_get(seen, "key")));
        }
    }
    return over;
}

/* False: out of memory. */
static bool add_result(json_t *entry, const struct endpoint_result *result,
                       const struct audit_summary *summary)
{
    bool added = json_array_append_new(json_object_get(entry, "results"),
                                       describe_result(result, summary)) == 0;

    for (size_t i = 0; i < result->finding_count; i++) {
        if (result->findings[i].severity != SEVERITY_INFO) {
            added = json_array_append_new(json_object_get(entry, "findings"),
                                          describe_finding(&result->findings[i])) == 0 &&
                    added;
        }
    }
    return added;
}

static size_t claim_of(const struct claims *claims, const struct endpoint_result *result)
{
    size_t i = 0;

    while (i < claims->count && strcmp(claims->targets[i].name, result->endpoint.target) != 0) {
        i++;
    }
    return i;
}

/* Puts each result into its target's entry. One that was lost, or that has no address, stands for
 * endpoints that nobody knows: of those that were there before none is gone. False: out of memory.
 */
static bool add_results(const struct claims *claims, const struct audit_summary *summary,
                        json_t *entries[CLAIMS_MAX], bool open_ends[CLAIMS_MAX])
{
    bool added = true;

    for (size_t i = 0; added && i < summary->count; i++) {
        const struct endpoint_result *result = audit_summary_result(summary, i);
        size_t at = claim_of(claims, result);

        if (at < claims->count) {
            open_ends[at] |= result->interrupted;
            added = add_result(entries[at], result, summary);
            if (result->lost || result->endpoint.address.family == ADDRESS_NONE) {
                json_object_set_new(entries[at], "through", json_false());
            }
        }
    }
    return added;
}

static json_t *begin_entry(const struct claims *claims, size_t at,
                           const struct incidents_over *resolved, double age)
{
    const struct claim *claim = &claims->claims[at];

    return json_pack("{s:I, s:o, s:s, s:f, s:b, s:[], s:[], s:o}", "id", claim->id, "epoch",
                     claim->epoch != 0 ? json_integer(claim->epoch) : json_null(), "name",
                     claims->configured[at].name, "age", age, "through", 1, "results", "findings",
                     "over", list_over(claim, resolved));
}

json_t *batch_new(const struct claims *claims, const struct audit_summary *summary, double age)
{
    const struct vantage_known vantage = {.declared = summary->declared, .site = claims->conf.site};
    struct incidents_over *resolved = incidents_over_new(&claims->conf.probe, summary, &vantage);
    json_t *entries[CLAIMS_MAX] = {NULL};
    bool open_ends[CLAIMS_MAX] = {false};
    json_t *batch = json_array();
    bool made = resolved != NULL && batch != NULL;

    for (size_t i = 0; made && i < claims->count; i++) {
        entries[i] = begin_entry(claims, i, resolved, age);
        made = entries[i] != NULL;
    }
    made = made && add_results(claims, summary, entries, open_ends);
    for (size_t i = 0; i < claims->count; i++) {
        /* The last result then stands for endpoints of any target. */
        const bool not_asked = summary->spare != NULL && made &&
                               json_array_size(json_object_get(entries[i], "results")) == 0;

        if (made && summary->spare != NULL) {
            json_object_set_new(entries[i], "through", json_false());
        }
        if (made && !open_ends[i] && !not_asked) {
            made = json_array_append(batch, entries[i]) == 0;
        }
        json_decref(entries[i]);
    }
    incidents_over_free(resolved);
    if (!made) {
        json_decref(batch);
        return NULL;
    }
    return batch;
}

#include <stdlib.h>
#include <string.h>

#include "lib/words.h"
#include "probe/report/metrics_state.h"

/* The worst first, as the exit code weighs them: where not all can be shown, these are. */
static const enum verdict verdicts[] = {VERDICT_OPEN, VERDICT_INCONCLUSIVE, VERDICT_UNREACHABLE,
                                        VERDICT_SUSPECTED, VERDICT_CLOSED};

#define VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

struct shown {
    const json_t *entries[STANDING_SHOWN_MAX];
    size_t count;
    uint64_t all[VERDICTS]; /* by verdict, shown or not */
};

static const char *text(const json_t *entry, const char *name)
{
    const char *value = json_string_value(json_object_get(entry, name));

    return value != NULL ? value : "";
}

static bool is_configured(const json_t *entry, const json_t *intervals)
{
    return json_object_get(intervals, text(entry, "target")) != NULL;
}

static void choose(struct shown *shown, json_t *endpoints, const json_t *intervals)
{
    const char *key;
    json_t *entry;

    for (size_t i = 0; i < VERDICTS; i++) {
        json_object_foreach(endpoints, key, entry)
        {
            if (strcmp(text(entry, "verdict"), verdict_name(verdicts[i])) != 0 ||
                !is_configured(entry, intervals)) {
                continue;
            }
            shown->all[i]++;
            if (shown->count < STANDING_SHOWN_MAX) {
                shown->entries[shown->count++] = entry;
            }
        }
    }
}

/* The labels that tell an endpoint apart. They do not change with what an audit finds. */
#define OF(entry)                                                                                  \
    "target", text(entry, "target"), "endpoint", text(entry, "endpoint"), "tls", text(entry, "tls")

static void show_verdicts(const struct shown *shown, struct metrics *metrics)
{
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoints",
                   "Endpoints of configured targets, by verdict of their last audit.");
    for (size_t i = 0; i < VERDICTS; i++) {
        metrics_count(metrics, shown->all[i], "verdict", verdict_name(verdicts[i]), (char *)NULL);
    }
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_verdict",
                   "Whether this was the verdict of an endpoint's last audit.");
    for (size_t i = 0; i < shown->count; i++) {
        const char *verdict = text(shown->entries[i], "verdict");
        for (size_t j = 0; j < VERDICTS; j++) {
            const char *name = verdict_name(verdicts[j]);
            metrics_count(metrics, strcmp(verdict, name) == 0, OF(shown->entries[i]), "verdict",
                          name, (char *)NULL);
        }
    }
}

static void show_info(const struct shown *shown, struct metrics *metrics)
{
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_info",
                   "An endpoint's host, the TLS that it was asked in, and the likely cause of what "
                   "was granted; always 1.");
    for (size_t i = 0; i < shown->count; i++) {
        const json_t *entry = shown->entries[i];
        metrics_count(metrics, 1, OF(entry), "host", text(entry, "host"), "session",
                      text(entry, "session"), "cause", text(entry, "cause"), (char *)NULL);
    }
}

static void show_times(const struct shown *shown, struct metrics *metrics)
{
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_last_audit_timestamp_seconds",
                   "When an endpoint's last audit ended.");
    for (size_t i = 0; i < shown->count; i++) {
        json_int_t time = json_integer_value(json_object_get(shown->entries[i], "time"));
        metrics_count(metrics, time > 0 ? (uint64_t)time : 0, OF(shown->entries[i]), (char *)NULL);
    }
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_audit_duration_seconds",
                   "How long an endpoint's last audit took.");
    for (size_t i = 0; i < shown->count; i++) {
        metrics_number(metrics, json_number_value(json_object_get(shown->entries[i], "seconds")),
                       OF(shown->entries[i]), (char *)NULL);
    }
}

/* Of those endpoints of which it is known. */
static void show_fact(const struct shown *shown, struct metrics *metrics, const char *member)
{
    for (size_t i = 0; i < shown->count; i++) {
        const json_t *fact = json_object_get(shown->entries[i], member);
        if (json_is_boolean(fact)) {
            metrics_count(metrics, json_is_true(fact), OF(shown->entries[i]), (char *)NULL);
        }
    }
}

void standing_show_endpoints(struct metrics *metrics, json_t *endpoints, const json_t *intervals)
{
    struct shown *shown = calloc(1, sizeof(*shown));

    if (shown == NULL) {
        return;
    }
    choose(shown, endpoints, intervals);
    show_verdicts(shown, metrics);
    show_info(shown, metrics);
    show_times(shown, metrics);
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_milter_answered",
                   "Whether the filter on the mail host answered in an endpoint's last audit.");
    show_fact(shown, metrics, "milter");
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_certificate_valid",
                   "Whether nothing is wrong with an endpoint's certificate.");
    show_fact(shown, metrics, "certificate");
    free(shown);
}

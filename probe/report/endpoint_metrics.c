#include "probe/report/endpoint_metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The worst first, as the exit code weighs them: where not all can be shown, these are. */
static const enum verdict verdicts[] = {VERDICT_OPEN, VERDICT_INCONCLUSIVE, VERDICT_UNREACHABLE,
                                        VERDICT_SUSPECTED, VERDICT_CLOSED};

#define VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

struct shown {
    const struct endpoint_metrics *entries[ENDPOINT_METRICS_MAX];
    size_t count;
    uint64_t all[VERDICTS]; /* by verdict, shown or not */
};

static size_t rank(enum verdict verdict)
{
    size_t i = 0;

    while (i < VERDICTS - 1 && verdicts[i] != verdict) {
        i++;
    }
    return i;
}

void endpoint_metrics_fill(struct endpoint_metrics *out, const char *key,
                           const struct audited_endpoint *endpoint)
{
    size_t length = strcspn(key, "/");
    const char *tls = key + length + (key[length] == '/');

    *out = (struct endpoint_metrics){
        .verdict = endpoint->verdict,
        .cause = endpoint->cause,
        .ended = endpoint->ended,
        .seconds = endpoint->seconds,
        .answered = endpoint->answered,
        .certificate = endpoint->certificate,
    };
    snprintf(out->target, sizeof(out->target), "%s", endpoint->target);
    snprintf(out->endpoint, sizeof(out->endpoint), "%.*s", (int)length, key);
    snprintf(out->tls, sizeof(out->tls), "%.*s", (int)strcspn(tls, " "), tls);
    snprintf(out->host, sizeof(out->host), "%s", endpoint->host);
    snprintf(out->session, sizeof(out->session), "%s", endpoint->session);
}

bool endpoint_metrics_are_one(const struct endpoint_metrics *a, const struct endpoint_metrics *b)
{
    return strcmp(a->endpoint, b->endpoint) == 0 && strcmp(a->tls, b->tls) == 0 &&
           strcmp(a->target, b->target) == 0;
}

bool endpoint_metrics_is_worse(const struct endpoint_metrics *a, const struct endpoint_metrics *b)
{
    return rank(a->verdict) < rank(b->verdict);
}

static void choose(struct shown *shown, const struct endpoint_metrics *endpoints, size_t count)
{
    for (size_t i = 0; i < VERDICTS; i++) {
        for (size_t j = 0; j < count; j++) {
            if (endpoints[j].verdict != verdicts[i]) {
                continue;
            }
            shown->all[i]++;
            if (shown->count < ENDPOINT_METRICS_MAX) {
                shown->entries[shown->count++] = &endpoints[j];
            }
        }
    }
}

/* The labels that tell an endpoint apart. They do not change with what an audit finds. */
#define OF(entry) "target", (entry)->target, "endpoint", (entry)->endpoint, "tls", (entry)->tls

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
        for (size_t j = 0; j < VERDICTS; j++) {
            metrics_count(metrics, shown->entries[i]->verdict == verdicts[j], OF(shown->entries[i]),
                          "verdict", verdict_name(verdicts[j]), (char *)NULL);
        }
    }
}

static void show_info(const struct shown *shown, struct metrics *metrics)
{
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_info",
                   "An endpoint's host, the TLS that it was asked in, and the likely cause of what "
                   "was granted; always 1.");
    for (size_t i = 0; i < shown->count; i++) {
        const struct endpoint_metrics *entry = shown->entries[i];
        metrics_count(metrics, 1, OF(entry), "host", entry->host, "session", entry->session,
                      "cause", entry->cause != CAUSE_NONE ? cause_name(entry->cause) : "",
                      (char *)NULL);
    }
}

static void show_times(const struct shown *shown, struct metrics *metrics)
{
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_last_audit_timestamp_seconds",
                   "When an endpoint's last audit ended.");
    for (size_t i = 0; i < shown->count; i++) {
        metrics_count(metrics, (uint64_t)shown->entries[i]->ended, OF(shown->entries[i]),
                      (char *)NULL);
    }
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_audit_duration_seconds",
                   "How long an endpoint's last audit took.");
    for (size_t i = 0; i < shown->count; i++) {
        metrics_number(metrics, shown->entries[i]->seconds, OF(shown->entries[i]), (char *)NULL);
    }
}

/* Of those endpoints of which it is known. */
static void show_fact(struct metrics *metrics, const struct endpoint_metrics *entry,
                      enum audit_fact fact)
{
    if (fact != AUDIT_FACT_UNKNOWN) {
        metrics_count(metrics, fact == AUDIT_FACT_YES, OF(entry), (char *)NULL);
    }
}

static void show_facts(const struct shown *shown, struct metrics *metrics)
{
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_milter_answered",
                   "Whether the filter on the mail host answered in an endpoint's last audit.");
    for (size_t i = 0; i < shown->count; i++) {
        show_fact(metrics, shown->entries[i], shown->entries[i]->answered);
    }
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_probe_endpoint_certificate_valid",
                   "Whether nothing is wrong with an endpoint's certificate.");
    for (size_t i = 0; i < shown->count; i++) {
        show_fact(metrics, shown->entries[i], shown->entries[i]->certificate);
    }
}

void endpoint_metrics_show(struct metrics *metrics, const struct endpoint_metrics *endpoints,
                           size_t count)
{
    struct shown *shown = calloc(1, sizeof(*shown));

    if (shown == NULL) {
        return;
    }
    choose(shown, endpoints, count);
    show_verdicts(shown, metrics);
    show_info(shown, metrics);
    show_times(shown, metrics);
    show_facts(shown, metrics);
    free(shown);
}

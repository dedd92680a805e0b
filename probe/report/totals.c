#include "probe/report/totals.h"

#include "lib/words.h"
#include "probe/judge/verdict.h"

/* As the status line has it, by exit code. */
static const char *result_name(size_t code)
{
    static const char *const names[] = {"ok", "warning", "critical", "unknown"};

    return names[code];
}

static const char *outcome_label(size_t outcome)
{
    return outcome_name((enum outcome)outcome);
}

static const struct family {
    const char *name;
    const char *help;
    enum totals_count first;
    unsigned int counts;
    const char *label; /* NULL: there is one count */
    const char *(*value)(size_t index);
    bool milli; /* counted in thousandths of its unit */
} families[] = {
    {"relaywarden_probe_audits_total", "Audits, by result.", TOTALS_AUDITS, 4, "result",
     result_name, false},
    {"relaywarden_probe_techniques_total",
     "Techniques that were answered, by what the answer meant.", TOTALS_TECHNIQUES,
     OUTCOME_CLOSING + 1, "outcome", outcome_label, false},
    {"relaywarden_probe_refusals_total", "Replies 4xx and 5xx to commands of audits.",
     TOTALS_REFUSALS, 1, NULL, NULL, false},
    {"relaywarden_probe_connections_total", "Connections that audits opened.", TOTALS_CONNECTIONS,
     1, NULL, NULL, false},
    {"relaywarden_probe_messages_total", "Messages that audits sent for a proof.", TOTALS_MESSAGES,
     1, NULL, NULL, false},
    {"relaywarden_probe_audit_seconds_total", "Time that audits took.", TOTALS_MILLISECONDS, 1,
     NULL, NULL, true},
};

#define FAMILIES (sizeof(families) / sizeof(families[0]))

/* ---- counting --------------------------------------------------------------------------- */

static void count_endpoint(struct totals *tally, const struct endpoint_result *result)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *technique = &result->techniques[i];
        tally->count[TOTALS_TECHNIQUES + (int)technique->outcome] += technique->asked;
    }
    tally->count[TOTALS_REFUSALS] += result->refusals;
    tally->count[TOTALS_CONNECTIONS] += result->connections;
    tally->count[TOTALS_MESSAGES] += result->message.sent;
}

void totals_audit(struct totals *tally, const struct audit_summary *summary)
{
    bool any = false;
    int code = 0;

    for (size_t i = 0; i < summary->count; i++) {
        const struct endpoint_result *result = audit_summary_result(summary, i);
        if (result->endpoint.configured) {
            any = true;
            code = verdict_exit_worse(code, verdict_exit_of(result));
            count_endpoint(tally, result);
        }
    }
    tally->count[TOTALS_AUDITS + (any ? code : 3)]++;
    tally->count[TOTALS_MILLISECONDS] += (uint64_t)(summary->seconds * 1000);
}

/* ---- showing ---------------------------------------------------------------------------- */

/* Without a label, its NULL ends the list of pairs. */
static void show_count(const struct family *family, uint64_t count, const char *value,
                       struct metrics *metrics)
{
    if (family->milli) {
        metrics_number(metrics, (double)count / 1000, family->label, value, (char *)NULL);
    } else {
        metrics_count(metrics, count, family->label, value, (char *)NULL);
    }
}

void totals_show(const struct totals *tally, struct metrics *metrics)
{
    for (size_t i = 0; i < FAMILIES; i++) {
        const struct family *family = &families[i];
        metrics_family(metrics, METRIC_COUNTER, family->name, family->help);
        for (size_t j = 0; j < family->counts; j++) {
            show_count(family, tally->count[(size_t)family->first + j],
                       family->label != NULL ? family->value(j) : NULL, metrics);
        }
    }
}

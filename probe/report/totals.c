#include "probe/report/totals.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/words.h"
#include "probe/judge/verdict.h"

#define MEMBER_SIZE 96

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
    enum tally_count first;
    unsigned int counts;
    const char *label; /* NULL: there is one count */
    const char *(*value)(size_t index);
    bool milli; /* counted in thousandths of its unit */
} families[] = {
    {"relaywarden_probe_audits_total", "Audits, by result.", TALLY_AUDITS, 4, "result", result_name,
     false},
    {"relaywarden_probe_techniques_total",
     "Techniques that were answered, by what the answer meant.", TALLY_TECHNIQUES,
     OUTCOME_CLOSING + 1, "outcome", outcome_label, false},
    {"relaywarden_probe_refusals_total", "Replies 4xx and 5xx to commands of audits.",
     TALLY_REFUSALS, 1, NULL, NULL, false},
    {"relaywarden_probe_connections_total", "Connections that audits opened.", TALLY_CONNECTIONS, 1,
     NULL, NULL, false},
    {"relaywarden_probe_messages_total", "Messages that audits sent for a proof.", TALLY_MESSAGES,
     1, NULL, NULL, false},
    {"relaywarden_probe_audit_seconds_total", "Time that audits took.", TALLY_MILLISECONDS, 1, NULL,
     NULL, true},
};

#define FAMILIES (sizeof(families) / sizeof(families[0]))

/* ---- counting --------------------------------------------------------------------------- */

static void count_endpoint(struct tally *tally, const struct endpoint_result *result)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *technique = &result->techniques[i];
        tally->count[TALLY_TECHNIQUES + (int)technique->outcome] += technique->asked;
    }
    tally->count[TALLY_REFUSALS] += result->refusals;
    tally->count[TALLY_CONNECTIONS] += result->connections;
    tally->count[TALLY_MESSAGES] += result->message.sent;
}

bool tally_audit(struct tally *tally, const struct audit_summary *summary)
{
    const struct endpoint_result **configured =
        calloc(summary->count + 1, sizeof(struct endpoint_result *));
    size_t count = 0;

    if (configured == NULL) {
        return false;
    }
    for (size_t i = 0; i < summary->count; i++) {
        if (summary->results[i]->endpoint.configured) {
            configured[count++] = summary->results[i];
            count_endpoint(tally, summary->results[i]);
        }
    }
    tally->count[TALLY_AUDITS + judgement_exit_code(configured, count)]++;
    tally->count[TALLY_MILLISECONDS] += (uint64_t)(summary->seconds * 1000);
    free(configured);
    return true;
}

/* ---- keeping ---------------------------------------------------------------------------- */

static const char *member_name(const struct family *family, size_t index, char out[MEMBER_SIZE])
{
    snprintf(out, MEMBER_SIZE, "%s%s%s", family->name, family->label != NULL ? " " : "",
             family->label != NULL ? family->value(index) : "");
    return out;
}

void tally_read(struct tally *tally, const json_t *object)
{
    char member[MEMBER_SIZE];

    for (size_t i = 0; i < FAMILIES; i++) {
        for (size_t j = 0; j < families[i].counts; j++) {
            json_int_t value =
                json_integer_value(json_object_get(object, member_name(&families[i], j, member)));
            tally->count[(size_t)families[i].first + j] += value > 0 ? (uint64_t)value : 0;
        }
    }
}

bool tally_write(const struct tally *tally, json_t *object)
{
    char member[MEMBER_SIZE];
    bool written = true;

    for (size_t i = 0; i < FAMILIES; i++) {
        for (size_t j = 0; j < families[i].counts; j++) {
            uint64_t value = tally->count[(size_t)families[i].first + j];
            written = written && json_object_set_new(object, member_name(&families[i], j, member),
                                                     json_integer((json_int_t)value)) == 0;
        }
    }
    return written;
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

void tally_show(const struct tally *tally, struct metrics *metrics)
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

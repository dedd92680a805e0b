#include "probe/report/history_text.h"

#include <string.h>

#include "lib/alert/sink/format.h"

#define INCIDENTS_TOLD 20
#define LEFT_TOLD      20

static const struct {
    enum verdict verdict;
    const char *sgr;
} order[] = {
    {VERDICT_OPEN, "\033[1;31m"},         {VERDICT_SUSPECTED, "\033[1;33m"},
    {VERDICT_INCONCLUSIVE, "\033[1;35m"}, {VERDICT_UNREACHABLE, "\033[1;35m"},
    {VERDICT_CLOSED, "\033[1;32m"},
};

/* "open: east, west; closed: north; late: west", on a line of its own. */
static void print_views(FILE *out, const struct history_endpoint *endpoint)
{
    size_t count;
    const struct history_endpoint *views = history_views(endpoint, &count);

    const char *before = "  seen: ";
    for (size_t i = 0; i < count; i++) {
        if (views[i].current) {
            fprintf(out, "%s%s from %s%s", before, verdict_name(history_state(&views[i])->verdict),
                    views[i].vantage,
                    views[i].silent ? " (silent)"
                    : views[i].late ? " (late)"
                                    : "");
            before = ", ";
        }
    }
    fputc('\n', out);
}

static void print_endpoint(FILE *out, const struct history_endpoint *endpoint, const char *sgr)
{
    const struct history_span *state = history_state(endpoint);
    struct remedies remedies;
    char where[HISTORY_WHERE_SIZE];
    char since[21];
    char last[21];

    fprintf(out, "\n%s  %s  %s\n  %s%s%s", history_text(endpoint, "target"),
            history_text(endpoint, "host"), history_where(endpoint, where), sgr,
            verdict_name(state->verdict), sgr[0] != '\0' ? "\033[0m" : "");
    if (state->cause != CAUSE_NONE) {
        fprintf(out, ", %s", cause_name(state->cause));
    }
    fprintf(out, ", since %s, last audit %s\n", format_time(since, state->first),
            format_time(last, endpoint->last));
    if (endpoint->history->many_views) {
        print_views(out, endpoint);
    }
    report_prose(out, "why", history_text(endpoint, "why"));
    history_remedies(endpoint, &remedies);
    report_remedies(out, "change", &remedies);
}

/* Else their incidents would be about nothing that the account names. */
static void print_left(FILE *out, const struct history *history)
{
    char where[HISTORY_WHERE_SIZE];
    char last[21];
    size_t left = 0;

    for (size_t i = 0; i < history->endpoint_count; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        if (endpoint->current || !endpoint->leads || left++ >= LEFT_TOLD) {
            continue;
        }
        fprintf(out, "%s%s  %s  %s\n  no target any more; %s when last asked, %s\n",
                left == 1 ? "\n" : "", history_text(endpoint, "target"),
                history_text(endpoint, "host"), history_where(endpoint, where),
                verdict_name(history_state(endpoint)->verdict), format_time(last, endpoint->last));
    }
    if (left > LEFT_TOLD) {
        fprintf(out, "and %zu more that are no target's\n", left - LEFT_TOLD);
    }
}

static void print_vantages(FILE *out, const struct history *history)
{
    char last[21];

    for (size_t i = 0; i < history->vantage_count && history->many_views; i++) {
        const struct history_vantage *vantage = &history->vantages[i];
        fprintf(out, "%svantage %s: %s, %lld workers, %lld targets, %lld late, last heard of %s\n",
                i == 0 ? "\n" : "", vantage->name,
                vantage->retired  ? "retired"
                : vantage->silent ? "SILENT"
                                  : "in service",
                vantage->workers, vantage->targets, vantage->late,
                vantage->last_seen != 0 ? format_time(last, vantage->last_seen) : "never");
    }
}

static void print_incidents(FILE *out, const struct history *history)
{
    char opened[21];
    char ended[21];

    fprintf(out, "\nincidents: %zu\n", history->incident_count);
    for (size_t i = 0; i < history->incident_count && i < INCIDENTS_TOLD; i++) {
        const struct history_incident *row = &history->incidents[i];
        const struct finding *finding = &row->incident.finding;
        fprintf(out, "  %s to %-20s  %s %s  %s%s%s\n", format_time(opened, row->incident.opened),
                row->ended != 0 ? format_time(ended, row->ended) : "now",
                severity_label(finding->severity), finding_kind_name(finding->kind), finding->key,
                history->many_views && row->vantages[0] != '\0' ? "  seen from " : "",
                history->many_views ? row->vantages : "");
    }
    if (history->incident_count > INCIDENTS_TOLD) {
        fprintf(out, "  and %zu earlier ones\n", history->incident_count - INCIDENTS_TOLD);
    }
}

void history_text_write(FILE *out, const struct history *history, bool colour)
{
    char begin[21];

    fprintf(out, "audits since %s\n", format_time(begin, history->begin));
    for (size_t i = 0; i < history->lack_count && i < HISTORY_LACKS_MAX; i++) {
        fprintf(out, "cannot be read: %s\n", history->lacks[i]);
    }
    if (history->lack_count > HISTORY_LACKS_MAX) {
        fprintf(out, "and %zu things more\n", history->lack_count - HISTORY_LACKS_MAX);
    }
    for (size_t v = 0; v < sizeof(order) / sizeof(order[0]); v++) {
        for (size_t i = 0; i < history->endpoint_count; i++) {
            const struct history_endpoint *endpoint = &history->endpoints[i];
            if (endpoint->current && endpoint->leads &&
                history_state(endpoint)->verdict == order[v].verdict) {
                print_endpoint(out, endpoint, colour ? order[v].sgr : "");
            }
        }
    }
    print_left(out, history);
    print_vantages(out, history);
    print_incidents(out, history);
}

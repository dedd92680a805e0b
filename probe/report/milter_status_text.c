#include <stdlib.h>
#include <string.h>

#include "lib/alert/sink/format.h"
#include "probe/report/milter_status.h"
#include "probe/report/report.h"

#define CLOCK_SECONDS 120 /* by how much the clocks of two hosts may differ */
#define SPAN_SIZE     32
#define TOLD_ENDS     10

/* ---- sentences ------------------------------------------------------------------------------ */

/* "3 days": of what matters little to the minute. */
static const char *span(time_t seconds, char out[SPAN_SIZE])
{
    static const struct {
        time_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t unit = 0;

    while (units[unit].seconds > 1 && seconds < 2 * units[unit].seconds) {
        unit++;
    }
    long long count = seconds / units[unit].seconds;
    snprintf(out, SPAN_SIZE, "%lld %s%s", count, units[unit].name, count == 1 ? "" : "s");
    return out;
}

const char *milter_status_doubt(const struct milter_status *snapshot, time_t now,
                                char out[MILTER_STATUS_DOUBT_SIZE])
{
    time_t age = now - snapshot->written;
    char text[SPAN_SIZE];

    out[0] = '\0';
    if (age < -CLOCK_SECONDS) {
        snprintf(out, MILTER_STATUS_DOUBT_SIZE,
                 "It was written %s from now: the clock of that host or of this one is wrong",
                 span(-age, text));
    } else if (!milter_status_is_running(snapshot)) {
        snprintf(out, MILTER_STATUS_DOUBT_SIZE,
                 "The filter was stopped %s ago: nobody looks at the mail server's decisions now, "
                 "unless it was started since and this is a copy",
                 span(age < 0 ? 0 : age, text));
    } else if (age > MILTER_STATUS_FRESH_SECONDS) {
        snprintf(out, MILTER_STATUS_DOUBT_SIZE,
                 "It is %s old, and a filter that runs writes one every five minutes: either the "
                 "filter does not run or cannot write (look at its log), or this is an old copy",
                 span(age, text));
    }
    return out;
}

const char *milter_status_visits(const struct milter_status *snapshot,
                                 char out[MILTER_STATUS_DOUBT_SIZE])
{
    const json_t *probe = json_object_get(snapshot->object, "probe");
    char when[21];
    char text[SPAN_SIZE];
    char within[21];
    /* A filter of before it told this has no such member: 0. */
    time_t inside = milter_status_time(probe, "inside_last_seen");
    bool meanwhile = inside > milter_status_time(probe, "last_seen");

    format_time(when, milter_status_time(probe, "last_seen"));
    if (milter_status_is_true(probe, "missing")) {
        snprintf(out, MILTER_STATUS_DOUBT_SIZE,
                 "none was recognised from outside since %s, and one is expected every %s: nobody "
                 "looks at this server from outside%s%s",
                 when, span((time_t)milter_status_count(probe, "expected_seconds"), text),
                 meanwhile ? ". One asked from inside, the last time at " : "",
                 meanwhile ? format_time(within, inside) : "");
    } else if (milter_status_is_true(probe, "seen_since_start")) {
        snprintf(out, MILTER_STATUS_DOUBT_SIZE, "last recognised %s", when);
    } else if (json_is_null(json_object_get(probe, "expected_seconds"))) {
        snprintf(out, MILTER_STATUS_DOUBT_SIZE, "none is expected");
    } else {
        snprintf(out, MILTER_STATUS_DOUBT_SIZE,
                 "none was recognised since the filter was started; one is awaited since %s", when);
    }
    return out;
}

/* "10 us": a bucket's bound, which has few digits. */
static const char *short_time(double seconds, char out[SPAN_SIZE])
{
    if (seconds < 1e-3) {
        snprintf(out, SPAN_SIZE, "%.3g us", seconds * 1e6);
    } else if (seconds < 1) {
        snprintf(out, SPAN_SIZE, "%.3g ms", seconds * 1e3);
    } else {
        snprintf(out, SPAN_SIZE, "%.3g s", seconds);
    }
    return out;
}

const char *milter_status_answers(const struct milter_status *snapshot,
                                  char out[MILTER_STATUS_ANSWERS_SIZE])
{
    const json_t *answers =
        json_object_get(json_object_get(snapshot->object, "counters"), "answers");
    const json_t *half = json_object_get(answers, "half_within_seconds");
    const json_t *almost = json_object_get(answers, "almost_all_within_seconds");
    char half_text[SPAN_SIZE];
    char almost_text[SPAN_SIZE];

    if (milter_status_count(answers, "count") == 0) {
        snprintf(out, MILTER_STATUS_ANSWERS_SIZE, "none yet");
    } else if (json_is_null(half) || json_is_null(almost)) {
        snprintf(out, MILTER_STATUS_ANSWERS_SIZE, "more than one of a hundred took over 10 s");
    } else {
        snprintf(out, MILTER_STATUS_ANSWERS_SIZE, "half of them within %s, 99 of 100 within %s",
                 short_time(json_number_value(half), half_text),
                 short_time(json_number_value(almost), almost_text));
    }
    return out;
}

char *milter_status_domains(const struct milter_status *snapshot)
{
    const json_t *domains = json_object_get(snapshot->object, "undeclared_domains");
    const json_t *domain;
    char *text = NULL;
    size_t size = 0;
    size_t i;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        return NULL;
    }
    json_array_foreach(domains, i, domain)
    {
        fprintf(out, "%s%s", i > 0 ? ", " : "", json_string_value(domain));
    }
    fputs(json_array_size(domains) == 0 ? "none" : "", out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- the readable account ---------------------------------------------------------------------
 */

static void print_masked(FILE *out, const struct milter_status *snapshot)
{
    const json_t *masked = json_object_get(snapshot->object, "masked");
    const json_t *address;
    char since[21];
    size_t i;

    fprintf(out, "  masked addresses: %lld\n", milter_status_count(masked, "count"));
    json_array_foreach(json_object_get(masked, "addresses"), i, address)
    {
        fprintf(out, "    %s at %s, since %s, by %lld route%s\n",
                milter_status_text(address, "address"), milter_status_text(address, "listener"),
                format_time(since, milter_status_time(address, "since")),
                milter_status_count(address, "routes"),
                milter_status_count(address, "routes") == 1 ? "" : "s");
    }
}

static void print_counters(FILE *out, const struct milter_status *snapshot)
{
    const json_t *counters = json_object_get(snapshot->object, "counters");
    char text[MILTER_STATUS_ANSWERS_SIZE];
    const json_t *row;
    size_t i;

    fprintf(out, "  connections: %lld; answers: %s\n", milter_status_count(counters, "connections"),
            milter_status_answers(snapshot, text));
    json_array_foreach(json_object_get(counters, "recipients"), i, row)
    {
        fprintf(out, "  recipients %s, of clients with permission %s, to %s: %lld\n",
                milter_status_text(row, "decision"), milter_status_text(row, "permission"),
                milter_status_text(row, "destination"), milter_status_count(row, "count"));
    }
}

static void print_incident(FILE *out, const json_t *incident)
{
    time_t ended_at = milter_status_time(incident, "ended");
    const json_t *value;
    const char *name;
    char opened[21];
    char ended[21];

    fprintf(out, "  %s to %-20s  %s %s",
            format_time(opened, milter_status_time(incident, "opened")),
            ended_at != 0 ? format_time(ended, ended_at) : "now",
            milter_status_text(incident, "severity"), milter_status_text(incident, "kind"));
    json_object_foreach(json_object_get(incident, "subject"), name, value)
    {
        fprintf(out, "  %s=%s", name, json_string_value(value));
    }
    fprintf(out, "  count=%lld\n", milter_status_count(incident, "count"));
    if (ended_at == 0) {
        report_prose(out, "why", milter_status_text(incident, "why"));
        if (milter_status_text(incident, "fix")[0] != '\0') {
            report_prose(out, "change", milter_status_text(incident, "fix"));
        }
    }
}

static void print_incidents(FILE *out, const struct milter_status *snapshot)
{
    const json_t *incidents = json_object_get(snapshot->object, "incidents");
    const json_t *ended = json_object_get(incidents, "ended");
    const json_t *incident;
    size_t i;

    if (json_is_null(incidents)) {
        fputs("  incidents: not known, since the filter cannot read its state database\n", out);
        return;
    }
    long long more = milter_status_count(incidents, "open_count") -
                     (long long)json_array_size(json_object_get(incidents, "open"));
    fprintf(out, "  open incidents: %lld\n", milter_status_count(incidents, "open_count"));
    json_array_foreach(json_object_get(incidents, "open"), i, incident)
    {
        print_incident(out, incident);
    }
    if (more > 0) {
        fprintf(out, "  and %lld more\n", more);
    }
    fputs(json_array_size(ended) > 0 ? "  over:\n" : "", out);
    for (i = 0; i < json_array_size(ended) && i < TOLD_ENDS; i++) {
        print_incident(out, json_array_get(ended, i));
    }
}

void milter_status_print(FILE *out, const struct milter_status *snapshot, time_t now, bool colour)
{
    const json_t *settings = json_object_get(snapshot->object, "settings");
    char doubt[MILTER_STATUS_DOUBT_SIZE];
    char visits[MILTER_STATUS_DOUBT_SIZE];
    char *domains = milter_status_domains(snapshot);
    char started[21];
    char written[21];

    fprintf(out, "\nthe filter on %s\n  relaywarden-milter %s, %s; started %s, as of %s\n",
            milter_status_text(snapshot->object, "host"),
            milter_status_text(snapshot->object, "version"),
            milter_status_text(snapshot->object, "state"), format_time(started, snapshot->started),
            format_time(written, snapshot->written));
    if (milter_status_doubt(snapshot, now, doubt)[0] != '\0') {
        fputs(colour ? "\033[1;33m" : "", out);
        report_prose(out, "warning", doubt);
        fputs(colour ? "\033[0m" : "", out);
    }
    fprintf(out, "  enforce: %s; of masked addresses: %s\n",
            milter_status_text(settings, "enforce"),
            milter_status_text(settings, "enforce_masked"));
    report_prose(out, "probe", milter_status_visits(snapshot, visits));
    fprintf(out, "  undeclared domains: %s\n", domains != NULL ? domains : "out of memory");
    free(domains);
    print_masked(out, snapshot);
    print_counters(out, snapshot);
    print_incidents(out, snapshot);
}

#include <string.h>

#include "probe/report/page/html.h"
#include "probe/report/page/page_sections.h"

#define COLUMNS    640 /* of a lane, each a unit wide */
#define LEFT       312 /* where lanes begin, after their names */
#define WIDTH      (LEFT + COLUMNS + 8)
#define LANE       22
#define TICKS      4
#define LANES_MAX  60 /* beyond, only endpoints that were not always closed are drawn */
#define TOLD_SPANS 1000
#define TOLD_ENDS  500

/* ---- the picture ------------------------------------------------------------------------ */

static bool was_always_closed(const struct history_endpoint *endpoint)
{
    return endpoint->span_count == 1 && endpoint->spans[0].verdict == VERDICT_CLOSED;
}

static bool is_drawn(const struct history *history, const struct history_endpoint *endpoint)
{
    return history->endpoint_count <= LANES_MAX || !was_always_closed(endpoint);
}

static size_t column_of(const struct history *history, time_t when)
{
    double span = (double)(history->now - history->begin);
    double place = span > 0 ? (double)(when - history->begin) / span * (COLUMNS - 1) : 0;

    return place < 0 ? 0 : place > COLUMNS - 1 ? COLUMNS - 1 : (size_t)place;
}

/* The worse one is seen where two share a column. */
static int weight(enum verdict verdict)
{
    static const int weights[] = {
        [VERDICT_CLOSED] = 1,    [VERDICT_UNREACHABLE] = 2, [VERDICT_INCONCLUSIVE] = 3,
        [VERDICT_SUSPECTED] = 4, [VERDICT_OPEN] = 5,
    };
    return weights[verdict];
}

#define NOTHING (-1)

/* A verdict holds until the next audit, and the last one until its own. */
static void fill_columns(const struct history *history, const struct history_endpoint *endpoint,
                         int columns[COLUMNS])
{
    for (size_t i = 0; i < COLUMNS; i++) {
        columns[i] = NOTHING;
    }
    for (size_t i = 0; i < endpoint->span_count; i++) {
        const struct history_span *span = &endpoint->spans[i];
        bool last = i + 1 == endpoint->span_count;
        size_t from = column_of(history, span->first);
        size_t end = last ? column_of(history, span->last) + 1
                          : column_of(history, endpoint->spans[i + 1].first);
        for (size_t column = from; column < end || column == from; column++) {
            if (columns[column] == NOTHING ||
                weight((enum verdict)columns[column]) < weight(span->verdict)) {
                columns[column] = (int)span->verdict;
            }
        }
    }
}

/* Height tells verdicts apart, too, for who does not see colours. */
static void print_bar(FILE *out, int verdict, size_t from, size_t length, size_t lane)
{
    static const int heights[] = {
        [VERDICT_CLOSED] = 4,     [VERDICT_UNREACHABLE] = 7, [VERDICT_INCONCLUSIVE] = 7,
        [VERDICT_SUSPECTED] = 10, [VERDICT_OPEN] = 14,
    };

    if (verdict != NOTHING) {
        fprintf(out, "<rect class=\"%s\" x=\"%zu\" y=\"%zu\" width=\"%zu\" height=\"%d\"/>",
                verdict_name((enum verdict)verdict), LEFT + from,
                lane * LANE + 16 - (size_t)heights[verdict], length, heights[verdict]);
    }
}

static void print_bars(FILE *out, const int columns[COLUMNS], size_t lane)
{
    size_t length;

    for (size_t from = 0; from < COLUMNS; from += length) {
        length = 1;
        while (from + length < COLUMNS && columns[from + length] == columns[from]) {
            length++;
        }
        print_bar(out, columns[from], from, length, lane);
    }
}

/* A line under the lane for each incident about its endpoint. */
static void print_incidents_of(FILE *out, const struct history *history,
                               const struct history_endpoint *endpoint, size_t lane)
{
    char place[HISTORY_PLACE_SIZE];

    history_place(endpoint, place);
    for (size_t i = 0; i < history->incident_count; i++) {
        const struct history_incident *row = &history->incidents[i];
        if (strcmp(row->incident.finding.fold, place) != 0) {
            continue;
        }
        size_t from = column_of(history, row->incident.opened);
        size_t end = column_of(history, row->ended != 0 ? row->ended : history->now);
        fprintf(out, "<rect class=\"incident\" x=\"%zu\" y=\"%zu\" width=\"%zu\" height=\"2\"/>",
                LEFT + from, lane * LANE + 18, end > from ? end - from : 1);
    }
}

static const char *from(const struct history_endpoint *endpoint)
{
    return endpoint->history->many_views ? " from " : "";
}

static const char *vantage_of(const struct history_endpoint *endpoint)
{
    return endpoint->history->many_views ? endpoint->vantage : "";
}

static void print_lane(FILE *out, const struct history *history,
                       const struct history_endpoint *endpoint, size_t lane)
{
    char where[HISTORY_WHERE_SIZE];
    int columns[COLUMNS];

    html_format(out, "<text x=\"0\" y=\"%zu\">%s%s%s%s</text>", lane * LANE + 15,
                history_where(endpoint, where), from(endpoint), vantage_of(endpoint),
                endpoint->current ? "" : " (no target now)");
    fill_columns(history, endpoint, columns);
    print_bars(out, columns, lane);
    print_incidents_of(out, history, endpoint, lane);
    fputc('\n', out);
}

static void print_axis(FILE *out, const struct history *history, size_t lanes)
{
    char before[32] = "";

    for (int tick = 0; tick <= TICKS; tick++) {
        time_t when = history->begin + (history->now - history->begin) / TICKS * tick;
        size_t x = LEFT + (size_t)(COLUMNS / TICKS * tick);
        struct tm parts;
        char text[32];
        bool short_time = history->now - history->begin < 4 * 86400L;

        gmtime_r(&when, &parts);
        strftime(text, sizeof(text), short_time ? "%m-%d %H:%M" : "%Y-%m-%d", &parts);
        fprintf(out,
                "<line x1=\"%zu\" y1=\"0\" x2=\"%zu\" y2=\"%zu\"/>"
                "<text class=\"axis\" x=\"%zu\" y=\"%zu\" text-anchor=\"%s\">%s</text>\n",
                x, x, lanes * LANE + 4, x, lanes * LANE + 18,
                tick == 0       ? "start"
                : tick == TICKS ? "end"
                                : "middle",
                strcmp(text, before) != 0 ? text : "");
        memcpy(before, text, sizeof(before));
    }
}

static void print_picture(FILE *out, const struct history *history)
{
    size_t lanes = 0;
    size_t lane = 0;

    for (size_t i = 0; i < history->endpoint_count; i++) {
        lanes += is_drawn(history, &history->endpoints[i]);
    }
    if (lanes < history->endpoint_count) {
        html_format(out, "<p>%zu endpoints that were closed in every audit are not drawn.</p>\n",
                    history->endpoint_count - lanes);
    }
    if (lanes == 0) {
        return;
    }
    fprintf(
        out,
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Time line\">"
        "<svg role=\"img\" aria-labelledby=\"chart-t chart-d\" viewBox=\"0 0 %d %zu\">"
        "<title id=\"chart-t\">Verdicts over time</title><desc id=\"chart-d\">One line for each "
        "endpoint; the higher a bar, the worse the verdict. The tables below say the same in "
        "words.</desc>\n",
        WIDTH, lanes * LANE + 24);
    print_axis(out, history, lanes);
    for (size_t i = 0; i < history->endpoint_count; i++) {
        if (is_drawn(history, &history->endpoints[i])) {
            print_lane(out, history, &history->endpoints[i], lane++);
        }
    }
    fputs("</svg></div>\n<p class=\"dim\">A thin bar is closed, a middling one unreachable, "
          "inconclusive or suspected, a high one open. The line under a bar is an incident.</p>\n",
          out);
}

/* ---- the same in words ------------------------------------------------------------------ */

static void print_span(FILE *out, const struct history_endpoint *endpoint,
                       const struct history_span *span)
{
    char where[HISTORY_WHERE_SIZE];

    html_format(out,
                "<tr><th scope=\"row\">%s%s%s%s</th><td><span class=\"v %s\">%s</span></td><td>%s"
                "</td><td>",
                history_where(endpoint, where), from(endpoint), vantage_of(endpoint),
                endpoint->current ? "" : " (no target any more)", verdict_name(span->verdict),
                verdict_name(span->verdict),
                span->cause == CAUSE_NONE ? "" : cause_name(span->cause));
    html_time(out, span->first);
    fputs("</td><td>", out);
    html_time(out, span->last);
    html_format(out, "</td><td>%zu</td></tr>\n", span->audits);
}

static void print_spans(FILE *out, const struct history *history)
{
    size_t told = 0;
    size_t all = 0;

    fputs(
        "<details><summary>Verdicts over time, as a table</summary><div class=\"scroll\" "
        "role=\"region\" tabindex=\"0\" aria-label=\"Verdicts over time\"><table><caption>"
        "Audits one after the other that came to the same</caption><thead><tr>"
        "<th scope=\"col\">Endpoint</th><th scope=\"col\">Verdict</th><th scope=\"col\">Cause</th>"
        "<th scope=\"col\">First audit</th><th scope=\"col\">Last audit</th>"
        "<th scope=\"col\">Audits</th></tr></thead><tbody>\n",
        out);
    for (size_t i = 0; i < history->endpoint_count; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        for (size_t j = endpoint->span_count; j > 0 && is_drawn(history, endpoint); j--) {
            all++;
            if (told < TOLD_SPANS) {
                print_span(out, endpoint, &endpoint->spans[j - 1]);
                told++;
            }
        }
    }
    fputs("</tbody></table></div></details>\n", out);
    if (told < all) {
        html_format(out, "<p>%zu more are left out.</p>\n", all - told);
    }
}

static void print_incident(FILE *out, const struct history_incident *row, bool many_views)
{
    const struct incident *incident = &row->incident;
    const struct finding *finding = &incident->finding;

    html_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>",
                finding_kind_name(finding->kind), severity_name(finding->severity), finding->key);
    html_time(out, incident->opened);
    fputs("</td><td>", out);
    if (row->ended != 0) {
        html_time(out, row->ended);
    } else {
        fputs("<strong>open</strong>", out);
    }
    if (many_views) {
        html_format(out, "</td><td>%s", row->vantages);
    }
    html_format(out, "</td><td>%lld</td><td>%s</td></tr>\n", (long long)finding->count,
                finding->why);
}

static void print_incidents(FILE *out, const struct history *history)
{
    fputs(
        "<h3>Incidents</h3><div class=\"scroll\" role=\"region\" tabindex=\"0\" "
        "aria-label=\"Incidents\"><table><caption>The latest first; times are UTC</caption><thead>"
        "<tr><th scope=\"col\">Kind</th><th scope=\"col\">Severity</th><th scope=\"col\">Subject"
        "</th><th scope=\"col\">Opened</th><th scope=\"col\">Ended</th>",
        out);
    fputs(history->many_views ? "<th scope=\"col\">Seen from</th>" : "", out);
    fputs("<th scope=\"col\">Count</th><th scope=\"col\">Why</th></tr></thead><tbody>\n", out);
    for (size_t i = 0; i < history->incident_count && i < TOLD_ENDS; i++) {
        print_incident(out, &history->incidents[i], history->many_views);
    }
    if (history->incident_count == 0) {
        fputs(history->many_views ? "<tr><td colspan=\"8\">" : "<tr><td colspan=\"7\">", out);
        fputs("There was none.</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    if (history->incident_count > TOLD_ENDS) {
        html_format(out, "<p>%zu earlier ones are left out.</p>\n",
                    history->incident_count - TOLD_ENDS);
    }
}

void page_timeline(FILE *out, const struct history *history)
{
    fputs("<section id=\"time\" aria-labelledby=\"time-h\"><h2 id=\"time-h\">Over time</h2>\n",
          out);
    print_picture(out, history);
    print_spans(out, history);
    print_incidents(out, history);
    fputs("</section>\n", out);
}

#include "probe/report/page/page_sections.h"

#include "probe/report/page/html.h"

/* ---- of one endpoint ---------------------------------------------------------------------- */

typedef bool (*view_test)(const struct history_endpoint *view, enum verdict verdict);

static bool has_verdict(const struct history_endpoint *view, enum verdict verdict)
{
    return view->current && history_state(view)->verdict == verdict;
}

static bool is_late(const struct history_endpoint *view, enum verdict verdict)
{
    (void)verdict;
    return view->current && view->late && !view->silent;
}

static bool is_silent(const struct history_endpoint *view, enum verdict verdict)
{
    (void)verdict;
    return view->current && view->silent;
}

struct clause {
    const char *words;
    view_test test;
    enum verdict verdict;
    bool marked; /* with its verdict, for the page's filter */
};

/* The most urgent first. */
static const struct clause clauses[] = {
    {"open from ", has_verdict, VERDICT_OPEN, true},
    {"suspected from ", has_verdict, VERDICT_SUSPECTED, true},
    {"inconclusive from ", has_verdict, VERDICT_INCONCLUSIVE, true},
    {"unreachable from ", has_verdict, VERDICT_UNREACHABLE, true},
    {"closed from ", has_verdict, VERDICT_CLOSED, true},
    {"late: ", is_late, VERDICT_CLOSED, false},
    {"silent: ", is_silent, VERDICT_CLOSED, false},
};

/* False: nothing is to be said. */
static bool print_clause(FILE *out, const struct history_endpoint *endpoint,
                         const struct clause *clause, bool first)
{
    size_t count;
    const struct history_endpoint *views = history_views(endpoint, &count);
    bool named = false;

    for (size_t i = 0; i < count; i++) {
        if (!clause->test(&views[i], clause->verdict)) {
            continue;
        }
        if (!named) {
            fprintf(out, "%s<span", first ? "" : "; ");
            if (clause->marked) {
                fprintf(out, " data-v=\"%s\"", verdict_name(clause->verdict));
            }
            fprintf(out, ">%s", clause->words);
        }
        html_format(out, "%s<b>%s</b>", named ? ", " : "", views[i].vantage);
        named = true;
    }
    fputs(named ? "</span>" : "", out);
    return named;
}

void page_views(FILE *out, const struct history_endpoint *endpoint)
{
    bool first = true;

    for (size_t i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++) {
        first = !print_clause(out, endpoint, &clauses[i], first) && first;
    }
}

/* ---- all of them -------------------------------------------------------------------------- */

void page_vantages(FILE *out, const struct history *history)
{
    fputs("<section id=\"vantages\" aria-labelledby=\"vantages-h\"><h2 id=\"vantages-h\">Vantages"
          "</h2>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table of "
          "vantages\"><table><caption>Places that are asked from; times are UTC</caption><thead>"
          "<tr><th scope=\"col\">Vantage</th><th scope=\"col\">State</th><th scope=\"col\">Workers"
          "</th><th scope=\"col\">Targets</th><th scope=\"col\">Late</th><th scope=\"col\">"
          "Last heard of</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < history->vantage_count; i++) {
        const struct history_vantage *vantage = &history->vantages[i];
        html_format(out,
                    "<tr><th scope=\"row\">%s</th><td>%s</td><td>%lld</td><td>%lld</td><td>%lld"
                    "</td><td>",
                    vantage->name,
                    vantage->retired  ? "retired"
                    : vantage->silent ? "silent"
                                      : "in service",
                    vantage->workers, vantage->targets, vantage->late);
        if (vantage->last_seen != 0) {
            html_time(out, vantage->last_seen);
        } else {
            fputs("never", out);
        }
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div></section>\n", out);
}

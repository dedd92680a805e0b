#include <stdlib.h>
#include <string.h>

#include "probe/report/page/html.h"
#include "probe/report/page/page_sections.h"
#include "probe/report/page/page_size.h"

#define NAMED_MAX 8 /* endpoints that a row names */

/* The result of one technique. */
struct totals {
    size_t count[OUTCOME_CLOSING + 1];
    size_t asked;
    size_t takers;
    const struct history_endpoint *taker[NAMED_MAX]; /* the first of them */
};

static struct totals *totals_of(struct totals *all, const char *id)
{
    for (size_t i = 0; id != NULL && i < technique_count; i++) {
        if (strcmp(techniques[i].id, id) == 0) {
            return &all[i];
        }
    }
    return NULL;
}

static void count_row(struct totals *tally, const struct history_endpoint *endpoint,
                      const char *name)
{
    for (int outcome = 0; name != NULL && outcome <= OUTCOME_CLOSING; outcome++) {
        if (strcmp(name, outcome_name((enum outcome)outcome)) != 0) {
            continue;
        }
        tally->count[outcome]++;
        tally->asked++;
        if (outcome == OUTCOME_ACCEPTED && tally->takers++ < NAMED_MAX) {
            tally->taker[tally->takers - 1] = endpoint;
        }
    }
}

/* Each endpoint is looked at once: there may be many, and their details are read from a file. A
 * technique that is there twice counts as the first says. */
static void count_endpoint(struct totals *all, const struct history_endpoint *endpoint,
                           bool *counted)
{
    const json_t *row;
    size_t i;

    memset(counted, 0, technique_count * sizeof(*counted));
    json_array_foreach(json_object_get(history_detail(endpoint), "techniques"), i, row)
    {
        struct totals *tally = totals_of(all, json_string_value(json_object_get(row, "id")));
        if (tally != NULL && !counted[tally - all]) {
            counted[tally - all] = true;
            count_row(tally, endpoint, json_string_value(json_object_get(row, "outcome")));
        }
    }
}

static void print_outcomes(FILE *out, const struct totals *tally)
{
    const char *before = "";

    for (int outcome = 0; outcome <= OUTCOME_CLOSING; outcome++) {
        if (tally->count[outcome] > 0) {
            html_format(out, "%s%zu %s", before, tally->count[outcome],
                        outcome_name((enum outcome)outcome));
            before = ", ";
        }
    }
    fputs(tally->asked == 0 ? "not asked" : "", out);
}

static void print_takers(FILE *out, const struct totals *tally)
{
    char where[HISTORY_WHERE_SIZE];

    for (size_t i = 0; i < tally->takers && i < NAMED_MAX; i++) {
        const struct history_endpoint *taker = tally->taker[i];
        fputs(i > 0 ? ", " : "", out);
        if (page_has_article(taker)) {
            html_format(out, "<a href=\"#e%lld\">%s</a>", taker->id, history_where(taker, where));
        } else {
            html_text(out, history_where(taker, where));
        }
    }
    if (tally->takers > NAMED_MAX) {
        html_format(out, " and %zu more", tally->takers - NAMED_MAX);
    }
}

bool page_techniques(FILE *out, const struct history *history)
{
    struct totals *all = calloc(technique_count, sizeof(*all));
    bool *counted = calloc(technique_count, sizeof(*counted));
    bool made = all != NULL && counted != NULL;

    for (size_t i = 0; made && i < history->endpoint_count; i++) {
        if (history->endpoints[i].current && history->endpoints[i].leads) {
            count_endpoint(all, &history->endpoints[i], counted);
        }
    }
    fputs("<section id=\"techniques\" aria-labelledby=\"techniques-h\"><h2 id=\"techniques-h\">"
          "Techniques</h2>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
          "aria-label=\"Table of techniques\"><table><caption>Ways of asking for relaying, and "
          "what became "
          "of them in the last audit of each endpoint</caption><thead><tr>"
          "<th scope=\"col\">Technique</th><th scope=\"col\">What it is</th>"
          "<th scope=\"col\">Outcomes</th><th scope=\"col\">Accepted by</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; made && i < technique_count; i++) {
        html_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>", techniques[i].id,
                    techniques[i].summary);
        print_outcomes(out, &all[i]);
        fputs("</td><td>", out);
        print_takers(out, &all[i]);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div></section>\n", out);
    free(counted);
    free(all);
    return made;
}

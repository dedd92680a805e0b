#include <string.h>

#include "probe/report/html.h"
#include "probe/report/page.h"

#define NAMED_MAX 8 /* endpoints that a row names */

struct tally {
    size_t count[OUTCOME_CLOSING + 1];
    size_t asked;
};

static const json_t *find_row(const struct history_endpoint *endpoint, const char *id)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(endpoint->detail, "techniques"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "id"));
        if (name != NULL && strcmp(name, id) == 0) {
            return row;
        }
    }
    return NULL;
}

static const char *outcome_of(const struct history_endpoint *endpoint, const char *id)
{
    const char *name = json_string_value(json_object_get(find_row(endpoint, id), "outcome"));

    return name != NULL ? name : "";
}

static void count_outcomes(const struct history *history, const char *id, struct tally *tally)
{
    for (size_t i = 0; i < history->endpoint_count; i++) {
        if (!history->endpoints[i].current) {
            continue;
        }
        const char *name = outcome_of(&history->endpoints[i], id);
        for (int outcome = 0; outcome <= OUTCOME_CLOSING; outcome++) {
            if (strcmp(name, outcome_name((enum outcome)outcome)) == 0) {
                tally->count[outcome]++;
                tally->asked++;
            }
        }
    }
}

static void print_outcomes(FILE *out, const struct tally *tally)
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

static void print_takers(FILE *out, const struct history *history, const char *id)
{
    size_t named = 0;

    for (size_t i = 0; i < history->endpoint_count; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        char where[HISTORY_WHERE_SIZE];
        if (!endpoint->current ||
            strcmp(outcome_of(endpoint, id), outcome_name(OUTCOME_ACCEPTED)) != 0) {
            continue;
        }
        if (named < NAMED_MAX) {
            html_format(out, "%s<a href=\"#e%lld\">%s</a>", named > 0 ? ", " : "", endpoint->id,
                        history_where(endpoint, where));
        }
        named++;
    }
    if (named > NAMED_MAX) {
        html_format(out, " and %zu more", named - NAMED_MAX);
    }
}

void page_techniques(FILE *out, const struct history *history)
{
    fputs("<section id=\"techniques\" aria-labelledby=\"techniques-h\"><h2 id=\"techniques-h\">"
          "Techniques</h2>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
          "aria-label=\"Table of techniques\"><table><caption>Ways of asking for relaying, and "
          "what became "
          "of them in the last audit of each endpoint</caption><thead><tr>"
          "<th scope=\"col\">Technique</th><th scope=\"col\">What it is</th>"
          "<th scope=\"col\">Outcomes</th><th scope=\"col\">Accepted by</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < technique_count; i++) {
        struct tally tally = {.asked = 0};
        count_outcomes(history, techniques[i].id, &tally);
        html_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>", techniques[i].id,
                    techniques[i].summary);
        print_outcomes(out, &tally);
        fputs("</td><td>", out);
        print_takers(out, history, techniques[i].id);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div></section>\n", out);
}

#include "probe/report/page/page_account.h"

#include <string.h>

#include "probe/judge/posture.h"
#include "probe/report/page/html.h"

static const char *const marks[] = {
    [VERDICT_CLOSED] = "\u2714",  [VERDICT_SUSPECTED] = "\u25B2",   [VERDICT_OPEN] = "\u2716",
    [VERDICT_INCONCLUSIVE] = "?", [VERDICT_UNREACHABLE] = "\u2013",
};

void page_verdict(FILE *out, enum verdict verdict)
{
    html_format(out, "<span class=\"v %s\"><span aria-hidden=\"true\">%s</span> %s</span>",
                verdict_name(verdict), marks[verdict], verdict_name(verdict));
}

void page_name(FILE *out, const struct history_endpoint *endpoint)
{
    char where[HISTORY_WHERE_SIZE];
    const char *host = history_text(endpoint, "host");

    history_where(endpoint, where);
    if (strcmp(host, history_text(endpoint, "address")) != 0) {
        html_format(out, "%s ", host);
    }
    html_text(out, where);
}

const json_t *page_list(const struct history_endpoint *endpoint, const char *name)
{
    return json_object_get(history_detail(endpoint), name);
}

const char *page_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

bool page_is_posture(const json_t *finding)
{
    const char *name = page_text(finding, "kind");

    for (int kind = 0; kind < FINDING_KINDS; kind++) {
        if (strcmp(finding_kind_name((enum finding_kind)kind), name) == 0) {
            return posture_has_kind((enum finding_kind)kind);
        }
    }
    return false;
}

static void print_findings(FILE *out, const struct history_endpoint *endpoint)
{
    const char *why = history_text(endpoint, "why");
    const char *fix = history_text(endpoint, "fix");
    const json_t *finding;
    size_t i;

    json_array_foreach(page_list(endpoint, "findings"), i, finding)
    {
        if (page_is_posture(finding) || strcmp(page_text(finding, "why"), why) == 0) {
            continue;
        }
        const char *remedy = page_text(finding, "fix");
        html_format(out, "<p><strong>%s</strong> (%s): %s %s</p>\n", page_text(finding, "kind"),
                    page_text(finding, "severity"), page_text(finding, "why"),
                    strcmp(remedy, fix) == 0 ? "" : remedy);
    }
}

/* Else a 550 beside "accepted" is a riddle. */
#define FILTERS_REPLIES                                                                            \
    ". Where there is rwo1 in it, the filter answered in the server's place: decision= is what "   \
    "the server had decided"

static bool is_observed(const struct history_endpoint *endpoint)
{
    return json_is_true(json_object_get(page_list(endpoint, "milter"), "observed"));
}

static void print_filter(FILE *out, const struct history_endpoint *endpoint)
{
    const json_t *milter = page_list(endpoint, "milter");

    if (is_observed(endpoint)) {
        html_format(out,
                    "<p>The filter on the mail host saw the probe as <code>%s</code>, permission "
                    "%s%s.</p>\n",
                    page_text(milter, "client"), page_text(milter, "permission"),
                    json_is_true(json_object_get(milter, "masked")) ? ", which is withheld" : "");
    }
}

static void print_notes(FILE *out, const struct history_endpoint *endpoint)
{
    const json_t *note;
    size_t i;

    json_array_foreach(page_list(endpoint, "notes"), i, note)
    {
        html_format(out, "<p class=\"dim\">Note: %s</p>\n", json_string_value(note));
    }
}

static void print_asked(FILE *out, const json_t *asked)
{
    const char *control = page_text(asked, "control");

    html_format(out,
                "<tr><th scope=\"row\">%s</th><td>%s%s%s</td><td><code>%s</code></td>"
                "<td><code>%s</code></td><td><code>%s</code></td><td><code>%lld %s %s</code></td>"
                "</tr>\n",
                page_text(asked, "id"), page_text(asked, "outcome"),
                control[0] != '\0' ? "; its control: " : "", control, page_text(asked, "helo"),
                page_text(asked, "sender"), page_text(asked, "recipient"),
                (long long)json_integer_value(json_object_get(asked, "code")),
                page_text(asked, "enhanced"), page_text(asked, "text"));
}

static size_t count_asked(const json_t *asked_all)
{
    const json_t *asked;
    size_t count = 0;
    size_t i;

    json_array_foreach(asked_all, i, asked)
    {
        count += json_is_integer(json_object_get(asked, "code"));
    }
    return count;
}

void page_dialogue(FILE *out, const struct history_endpoint *endpoint, bool unfolded)
{
    const json_t *asked_all = page_list(endpoint, "techniques");
    char where[HISTORY_WHERE_SIZE];
    size_t count = count_asked(asked_all);
    const json_t *asked;
    size_t i;

    if (count == 0) {
        return;
    }
    history_where(endpoint, where);
    html_format(out,
                "<details%s><summary>Dialogue: %zu techniques</summary><div class=\"scroll\" "
                "role=\"region\" tabindex=\"0\" aria-label=\"Dialogue with %s\"><table>"
                "<caption>The dialogue with %s%s</caption><thead><tr>",
                unfolded ? " open" : "", count, where, where,
                is_observed(endpoint) ? FILTERS_REPLIES : "");
    fputs("<th scope=\"col\">Technique</th><th scope=\"col\">Outcome</th><th scope=\"col\">EHLO"
          "</th><th scope=\"col\">MAIL FROM:</th><th scope=\"col\">RCPT TO:</th>"
          "<th scope=\"col\">Reply</th></tr></thead><tbody>\n",
          out);
    json_array_foreach(asked_all, i, asked)
    {
        if (json_is_integer(json_object_get(asked, "code"))) {
            print_asked(out, asked);
        }
    }
    fputs("</tbody></table></div></details>\n", out);
}

/* One a line: only one of them is the reader's server's. */
static void print_remedies(FILE *out, const struct remedies *remedies)
{
    if (remedies->count == 0) {
        return;
    }
    fputs("<p><strong>Change this:</strong></p>\n<ul>\n", out);
    for (size_t i = 0; i < remedies->count; i++) {
        const struct remedy_part *part = &remedies->part[i];
        fputs("<li>", out);
        html_part(out, remedies->text + part->shown,
                  (size_t)(part->begin - part->shown) + part->length);
        fputs("</li>\n", out);
    }
    fputs("</ul>\n", out);
}

void page_state(FILE *out, const struct history_endpoint *endpoint)
{
    const struct history_span *state = history_state(endpoint);
    struct remedies remedies;

    html_format(out,
                "<article class=\"%s\" id=\"e%lld\" aria-labelledby=\"h%lld\"><h3 id=\"h%lld\">",
                verdict_name(state->verdict), endpoint->id, endpoint->id, endpoint->id);
    page_name(out, endpoint);
    if (endpoint->history->many_views) {
        html_format(out, " from %s", endpoint->vantage);
    }
    fputs(": ", out);
    page_verdict(out, state->verdict);
    if (state->cause != CAUSE_NONE) {
        html_format(out, ", %s", cause_name(state->cause));
    }
    html_format(out, "</h3>\n<p>%s</p>\n", history_text(endpoint, "why"));
    history_remedies(endpoint, &remedies);
    print_remedies(out, &remedies);
    print_filter(out, endpoint);
    print_findings(out, endpoint);
    print_notes(out, endpoint);
}

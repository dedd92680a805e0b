#include "probe/report/page/page.h"

#include <string.h>

#include "probe/report/page/html.h"
#include "probe/report/page/page_account.h"
#include "probe/report/page/page_filter.h"
#include "probe/report/page/page_sections.h"
#include "probe/report/page/page_size.h"
#include "probe/report/page/page_style.h"

static const char *cause_word(const struct history_endpoint *endpoint)
{
    enum cause cause = history_state(endpoint)->cause;

    return cause == CAUSE_NONE ? "" : cause_name(cause);
}

static size_t count_current(const struct history *history, enum verdict verdict)
{
    size_t count = 0;

    for (size_t i = 0; i < history->endpoint_count; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        count +=
            endpoint->current && endpoint->leads && history_state(endpoint)->verdict == verdict;
    }
    return count;
}

/* ---- now -------------------------------------------------------------------------------- */

static void print_article(FILE *out, const struct history_endpoint *endpoint, bool served)
{
    if (!page_has_article(endpoint)) {
        return;
    }
    page_state(out, endpoint);
    if (page_has_dialogue(endpoint)) {
        page_dialogue(out, endpoint, false);
    }
    if (served) {
        fputs("<p><a href=\"endpoint/", out);
        html_path(out, endpoint->key);
        fputs("\">A page of ", out);
        page_name(out, endpoint);
        fputs(" alone</a></p>", out);
    }
    fputs("</article>\n", out);
}

static void print_row(FILE *out, const struct history_endpoint *endpoint, bool served)
{
    char where[HISTORY_WHERE_SIZE];

    fputs("<tr><th scope=\"row\">", out);
    if (page_has_article(endpoint)) {
        html_format(out, "<a href=\"#e%lld\">%s</a>", endpoint->id, history_where(endpoint, where));
    } else if (served) {
        fputs("<a href=\"endpoint/", out);
        html_path(out, endpoint->key);
        html_format(out, "\">%s</a>", history_where(endpoint, where));
    } else {
        html_text(out, history_where(endpoint, where));
    }
    fputs("</th><td>", out);
    page_verdict(out, history_state(endpoint)->verdict);
    html_format(out, "</td><td>%s</td><td>%s</td><td>%s</td><td>", cause_word(endpoint),
                history_text(endpoint, "host"), history_text(endpoint, "target"));
    if (endpoint->history->many_views) {
        page_views(out, endpoint);
        fputs("</td><td>", out);
    }
    html_time(out, history_state(endpoint)->first);
    fputs("</td><td>", out);
    html_time(out, endpoint->last);
    fputs("</td></tr>\n", out);
}

/* The most urgent first. */
static const enum verdict order[] = {VERDICT_OPEN, VERDICT_SUSPECTED, VERDICT_INCONCLUSIVE,
                                     VERDICT_UNREACHABLE, VERDICT_CLOSED};

static void each_current(FILE *out, const struct history *history, bool served,
                         void (*print)(FILE *out, const struct history_endpoint *endpoint,
                                       bool served))
{
    for (size_t v = 0; v < sizeof(order) / sizeof(order[0]); v++) {
        for (size_t i = 0; i < history->endpoint_count; i++) {
            const struct history_endpoint *endpoint = &history->endpoints[i];
            if (endpoint->current && endpoint->leads &&
                history_state(endpoint)->verdict == order[v]) {
                print(out, endpoint, served);
            }
        }
    }
}

static void print_now(FILE *out, const struct history *history, bool served)
{
    fputs(
        "<section id=\"now\" aria-labelledby=\"now-h\"><h2 id=\"now-h\">Now</h2>\n"
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Verdicts\"><table>"
        "<caption>Verdicts of the last audits, the worst first; times are UTC</caption><thead><tr>"
        "<th scope=\"col\">Endpoint</th><th scope=\"col\">Verdict</th><th scope=\"col\">Cause</th>"
        "<th scope=\"col\">Host</th><th scope=\"col\">Target</th>",
        out);
    fputs(history->many_views ? "<th scope=\"col\">Seen from</th>" : "", out);
    fputs("<th scope=\"col\">Since</th><th scope=\"col\">Last audit</th></tr></thead><tbody>\n",
          out);
    each_current(out, history, served, print_row);
    fputs("</tbody></table></div>\n", out);
    if (history->place_count > PAGE_WHOLE_MAX) {
        html_format(
            out,
            "<p>There are more than %zu endpoints: of those that are closed this page has no "
            "dialogue. <code>relaywarden-probe report --json</code> has it.</p>\n",
            (size_t)PAGE_WHOLE_MAX);
    }
    each_current(out, history, served, print_article);
    fputs("</section>\n", out);
}

/* ---- posture ---------------------------------------------------------------------------- */

/* Without a look at its detail. */
static bool has_findings(const struct history_endpoint *endpoint)
{
    return endpoint->current && endpoint->finding_count > 0;
}

/* Whether an earlier finding of the same address says the same: a host has several ports, whose
 * endpoints stand beside each other, since their keys begin with the address. */
static bool is_told(const struct history *history, size_t endpoint, size_t index,
                    const json_t *finding)
{
    const char *address = history->endpoints[endpoint].address;

    for (size_t i = endpoint + 1; i-- > 0;) {
        const json_t *other;
        size_t j;
        if (strcmp(history->endpoints[i].address, address) != 0) {
            return false;
        }
        if (!has_findings(&history->endpoints[i])) {
            continue;
        }
        json_array_foreach(page_list(&history->endpoints[i], "findings"), j, other)
        {
            if (i == endpoint && j >= index) {
                break;
            }
            if (strcmp(page_text(other, "kind"), page_text(finding, "kind")) == 0 &&
                strcmp(page_text(other, "why"), page_text(finding, "why")) == 0) {
                return true;
            }
        }
    }
    return false;
}

static size_t print_posture_of(FILE *out, const struct history *history, size_t endpoint)
{
    const struct history_endpoint *at = &history->endpoints[endpoint];
    json_t *findings =
        json_deep_copy(page_list(at, "findings")); /* others are looked at meanwhile */
    size_t count = 0;
    const json_t *finding;
    size_t i;

    json_array_foreach(findings, i, finding)
    {
        if (page_is_posture(finding) && !is_told(history, endpoint, i, finding)) {
            html_format(out,
                        "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td>"
                        "<td>%s %s</td></tr>\n",
                        history_text(at, "address"), history_text(at, "host"),
                        page_text(finding, "kind"), page_text(finding, "severity"),
                        page_text(finding, "why"), page_text(finding, "fix"));
            count++;
        }
    }
    json_decref(findings);
    return count;
}

static void print_posture(FILE *out, const struct history *history)
{
    size_t count = 0;

    fputs("<section id=\"posture\" aria-labelledby=\"posture-h\"><h2 id=\"posture-h\">Posture</h2>"
          "\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table of "
          "posture\"><table>"
          "<caption>Other things that the hosts show to strangers</caption><thead><tr>"
          "<th scope=\"col\">Address</th><th scope=\"col\">Host</th><th scope=\"col\">Finding</th>"
          "<th scope=\"col\">Severity</th><th scope=\"col\">What, and what to do</th></tr></thead>"
          "<tbody>\n",
          out);
    for (size_t i = 0; i < history->endpoint_count; i++) {
        count += has_findings(&history->endpoints[i]) ? print_posture_of(out, history, i) : 0;
    }
    if (count == 0) {
        fputs("<tr><td colspan=\"5\">Nothing to mend was found.</td></tr>\n", out);
    }
    fputs("</tbody></table></div></section>\n", out);
}

/* ---- all of it -------------------------------------------------------------------------- */

static void print_sum(FILE *out, const struct history *history)
{
    static const char *const answers[] = {
        [VERDICT_OPEN] = "Yes: ",
        [VERDICT_SUSPECTED] = "Perhaps: ",
        [VERDICT_INCONCLUSIVE] = "Not known: ",
        [VERDICT_UNREACHABLE] = "Not known: ",
        [VERDICT_CLOSED] = "No: ",
    };
    bool said = false;

    fputs("<p class=\"sum\">", out);
    for (size_t v = 0; v < sizeof(order) / sizeof(order[0]); v++) {
        size_t count = count_current(history, order[v]);
        if (count > 0) {
            html_format(out, "%s%zu ", said ? ", " : answers[order[v]], count);
            page_verdict(out, order[v]);
            said = true;
        }
    }
    fputs(said ? "</p>\n" : "No endpoint of a configured target was audited.</p>\n", out);
}

/* A page that lacks something says so before anything else. */
static void print_lacks(FILE *out, const struct history *history)
{
    if (history->lack_count == 0) {
        return;
    }
    fputs("<section aria-labelledby=\"lacks\"><h2 id=\"lacks\">This page is not complete</h2>\n<p>"
          "These could not be read from the database:</p>\n<ul>\n",
          out);
    for (size_t i = 0; i < history->lack_count && i < HISTORY_LACKS_MAX; i++) {
        html_format(out, "<li>%s</li>\n", history->lacks[i]);
    }
    if (history->lack_count > HISTORY_LACKS_MAX) {
        html_format(out, "<li>and %zu things more</li>\n", history->lack_count - HISTORY_LACKS_MAX);
    }
    fputs("</ul></section>\n", out);
}

/* `title` is of an endpoint; "": the page is of the whole site. */
static void print_top(FILE *out, const char *site, const char *title, const char *skip,
                      bool filtered)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
          "style-src 'unsafe-inline'",
          out);
    fputs(filtered ? ";script-src " PAGE_SCRIPT : "", out);
    fputs("\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n",
          out);
    html_format(out, "<title>relaywarden: %s%s%s</title>\n<style>\n", title,
                title[0] != '\0' ? ", " : "", site);
    fputs(page_style, out);
    html_format(out,
                "</style></head>\n<body>\n<a class=\"skip\" href=\"#now\">%s</a>\n"
                "<header><h1>Can a stranger send mail through %s?</h1>\n",
                skip, site);
}

static void print_written(FILE *out, const struct history *history)
{
    fputs("<p class=\"dim\">Written ", out);
    html_time(out, history->now);
    fputs(" UTC; the history begins ", out);
    html_time(out, history->begin);
    fputs(".</p></header>\n", out);
}

static void print_contents(FILE *out, const struct history *history, bool with_snapshot)
{
    fputs("<nav aria-label=\"Contents\"><ul><li><a href=\"#now\">Now</a></li>", out);
    fputs(history->many_views ? "<li><a href=\"#vantages\">Vantages</a></li>" : "", out);
    fputs("<li><a href=\"#posture\">Posture</a></li><li><a href=\"#time\">Over time</a></li>", out);
    fputs(with_snapshot ? "<li><a href=\"#milter\">The milter's view</a></li>" : "", out);
    fputs("<li><a href=\"#techniques\">Techniques</a></li></ul></nav>\n<main>\n", out);
}

static bool print_end(FILE *out, bool filtered)
{
    fputs("</main>\n<footer><p>relaywarden-probe " RELAYWARDEN_VERSION "</p></footer>\n", out);
    if (filtered) {
        fputs("<script>", out);
        fputs(page_filter, out);
        fputs("</script>\n", out);
    }
    fputs("</body></html>\n", out);
    return fflush(out) == 0 && ferror(out) == 0;
}

bool page_write(FILE *out, const struct history *history, const struct milter_status *snapshot,
                const struct page_look *look)
{
    const bool filtered = history->place_count >= PAGE_FILTER_LEAST;

    print_top(out, look->site, "", "To the verdicts", filtered);
    print_sum(out, history);
    print_written(out, history);
    print_contents(out, history, snapshot != NULL);
    print_lacks(out, history);
    print_now(out, history, look->served);
    if (history->many_views) {
        page_vantages(out, history);
    }
    print_posture(out, history);
    page_timeline(out, history);
    if (snapshot != NULL) {
        page_milter(out, snapshot, history->now);
    }
    bool whole = page_techniques(out, history);
    return print_end(out, filtered) && whole && !history->failed;
}

/* ---- one endpoint ------------------------------------------------------------------------ */

static void print_spans(FILE *out, const struct history_endpoint *endpoint)
{
    const bool many = endpoint->history->many_views;

    html_format(out,
                "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Verdicts over "
                "time%s%s\"><table><caption>Audits%s%s one after the other that came to the same, "
                "the latest first; times are UTC</caption>",
                many ? " from " : "", many ? endpoint->vantage : "", many ? " from " : "",
                many ? endpoint->vantage : "");
    fputs(
        "<thead><tr><th scope=\"col\">First</th><th scope=\"col\">Last</th><th scope=\"col\">"
        "Verdict</th><th scope=\"col\">Cause</th><th scope=\"col\">Audits</th></tr></thead><tbody>"
        "\n",
        out);
    for (size_t i = endpoint->span_count; i > 0; i--) {
        const struct history_span *span = &endpoint->spans[i - 1];
        fputs("<tr><th scope=\"row\">", out);
        html_time(out, span->first);
        fputs("</th><td>", out);
        html_time(out, span->last);
        fputs("</td><td>", out);
        page_verdict(out, span->verdict);
        html_format(out, "</td><td>%s</td><td>%zu</td></tr>\n",
                    span->cause == CAUSE_NONE ? "" : cause_name(span->cause), span->audits);
    }
    fputs("</tbody></table></div>\n", out);
}

static void print_view(FILE *out, const struct history_endpoint *endpoint)
{
    if (!endpoint->current) {
        fputs(
            "<p>This endpoint is not audited any more: its target is not configured so, or a later "
            "audit did not find it.</p>\n",
            out);
    }
    fputs("<p>Last audit: ", out);
    html_time(out, endpoint->last);
    html_format(out, " UTC%s</p>\n",
                endpoint->silent ? "; its vantage is silent"
                : endpoint->late ? "; the next one is late"
                                 : "");
    page_state(out, endpoint);
    page_dialogue(out, endpoint, true);
    fputs("</article>", out);
}

bool page_write_endpoint(FILE *out, const struct history *history,
                         const struct history_endpoint *endpoint, const struct page_look *look)
{
    char where[HISTORY_WHERE_SIZE];
    size_t count;
    const struct history_endpoint *views = history_views(endpoint, &count);

    print_top(out, look->site, history_where(endpoint, where), "To the verdict", false);
    html_format(out, "<p class=\"sum\">Target %s</p>\n", history_text(endpoint, "target"));
    print_written(out, history);
    fputs("<nav aria-label=\"Contents\"><ul><li><a href=\"../\">All endpoints</a></li><li><a "
          "href=\"#now\">Now</a></li><li><a href=\"#time\">Over time</a></li></ul></nav>\n<main>\n"
          "<section id=\"now\" aria-labelledby=\"now-h\"><h2 id=\"now-h\">Now</h2>\n",
          out);
    for (size_t i = 0; i < count; i++) {
        print_view(out, &views[i]);
    }
    fputs("</section>\n<section aria-labelledby=\"time\"><h2 id=\"time\">Over time</h2>\n", out);
    for (size_t i = 0; i < count; i++) {
        print_spans(out, &views[i]);
    }
    fputs("</section>\n", out);
    return print_end(out, false) && !history->failed;
}

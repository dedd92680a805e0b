#include <stdlib.h>
#include <string.h>

#include "probe/report/page/html.h"
#include "probe/report/page/page_sections.h"

/* ---- pieces ----------------------------------------------------------------------------- */

/* How a severity looks: the classes of verdicts that need somebody as much. */
static const struct {
    const char *severity;
    const char *class;
    const char *mark;
} looks[] = {
    {"critical", "open", "\u2716"},
    {"warning", "suspected", "\u25B2"},
    {"", "unreachable", "\u2013"}, /* any other */
};

static size_t look_of(const char *severity)
{
    size_t i = 0;

    while (looks[i].severity[0] != '\0' && strcmp(looks[i].severity, severity) != 0) {
        i++;
    }
    return i;
}

static void print_severity(FILE *out, const char *severity)
{
    size_t look = look_of(severity);

    html_format(out, "<span class=\"v %s\"><span aria-hidden=\"true\">%s</span> %s</span>",
                looks[look].class, looks[look].mark, severity);
}

static void print_time(FILE *out, time_t when)
{
    if (when == 0) {
        fputs("unknown", out);
    } else {
        html_time(out, when);
    }
}

static void print_row(FILE *out, const char *name, const char *text)
{
    html_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", name, text);
}

/* "client 198.51.100.9, helo pc.example.net" */
static void print_fields(FILE *out, json_t *fields)
{
    const char *before = "";
    const json_t *value;
    const char *name;

    json_object_foreach(fields, name, value)
    {
        html_format(out, "%s%s <code>%s</code>", before, name, json_string_value(value));
        before = ", ";
    }
}

/* ---- incidents -------------------------------------------------------------------------- */

static void print_open(FILE *out, const json_t *incident, size_t number)
{
    const char *severity = milter_status_text(incident, "severity");
    const char *fix = milter_status_text(incident, "fix");

    html_format(out, "<article class=\"%s\" aria-labelledby=\"m%zu\"><h4 id=\"m%zu\">%s: ",
                looks[look_of(severity)].class, number, number,
                milter_status_text(incident, "kind"));
    print_severity(out, severity);
    html_format(out, "</h4>\n<p>%s</p>\n", milter_status_text(incident, "why"));
    if (fix[0] != '\0') {
        html_format(out, "<p><strong>Change this:</strong> %s</p>\n", fix);
    }
    fputs("<p>Open since ", out);
    print_time(out, milter_status_time(incident, "opened"));
    fputs(", seen last ", out);
    print_time(out, milter_status_time(incident, "last_seen"));
    html_format(out, ", count %lld. Subject: ", milter_status_count(incident, "count"));
    print_fields(out, json_object_get(incident, "subject"));
    fputs(".</p>\n<p class=\"dim\">Evidence: ", out);
    print_fields(out, json_object_get(incident, "evidence"));
    fputs(".</p></article>\n", out);
}

static void print_ended(FILE *out, const json_t *incident)
{
    html_format(out, "<tr><th scope=\"row\">%s</th><td>", milter_status_text(incident, "kind"));
    print_severity(out, milter_status_text(incident, "severity"));
    fputs("</td><td>", out);
    print_fields(out, json_object_get(incident, "subject"));
    fputs("</td><td>", out);
    print_time(out, milter_status_time(incident, "opened"));
    fputs("</td><td>", out);
    print_time(out, milter_status_time(incident, "ended"));
    html_format(out, "</td><td>%lld</td><td>%s</td></tr>\n", milter_status_count(incident, "count"),
                milter_status_text(incident, "why"));
}

static void print_all_ended(FILE *out, const json_t *ended)
{
    const json_t *incident;
    size_t i;

    if (json_array_size(ended) == 0) {
        return;
    }
    fputs("<details><summary>Incidents that are over</summary><div class=\"scroll\" "
          "role=\"region\" tabindex=\"0\" aria-label=\"The milter's incidents that are over\">"
          "<table><caption>The last that ended first; times are UTC</caption><thead><tr>"
          "<th scope=\"col\">Kind</th><th scope=\"col\">Severity</th><th scope=\"col\">Subject</th>"
          "<th scope=\"col\">Opened</th><th scope=\"col\">Ended</th><th scope=\"col\">Count</th>"
          "<th scope=\"col\">Why</th></tr></thead><tbody>\n",
          out);
    json_array_foreach(ended, i, incident)
    {
        print_ended(out, incident);
    }
    fputs("</tbody></table></div></details>\n", out);
}

static void print_incidents(FILE *out, const struct milter_status *snapshot)
{
    const json_t *incidents = json_object_get(snapshot->object, "incidents");
    const json_t *open = json_object_get(incidents, "open");
    long long count = milter_status_count(incidents, "open_count");
    long long told = (long long)json_array_size(open);
    const json_t *incident;
    size_t i;

    fputs("<h3>Open incidents</h3>\n", out);
    if (json_is_null(incidents)) {
        fputs("<p>They are not known: the filter cannot read its state database.</p>\n", out);
        return;
    }
    fputs(count == 0 ? "<p>There is none.</p>\n" : "", out);
    json_array_foreach(open, i, incident)
    {
        print_open(out, incident, i + 1);
    }
    if (count > told) {
        html_format(out, "<p>%lld more are left out.</p>\n", count - told);
    }
    print_all_ended(out, json_object_get(incidents, "ended"));
}

/* ---- masked addresses ------------------------------------------------------------------- */

static void print_address(FILE *out, const json_t *address)
{
    html_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>",
                milter_status_text(address, "address"), milter_status_text(address, "listener"));
    print_time(out, milter_status_time(address, "since"));
    fputs("</td><td>", out);
    print_time(out, milter_status_time(address, "last_hidden"));
    html_format(out, "</td><td>%lld</td><td>%lld%s</td></tr>\n",
                milter_status_count(address, "routes"), milter_status_count(address, "healing"),
                milter_status_is_true(address, "again") ? ", and must for a day" : "");
}

static void print_masked(FILE *out, const struct milter_status *snapshot)
{
    const json_t *masked = json_object_get(snapshot->object, "masked");
    const json_t *addresses = json_object_get(masked, "addresses");
    long long more = milter_status_count(masked, "count") - (long long)json_array_size(addresses);
    const json_t *address;
    size_t i;

    if (json_array_size(addresses) == 0) {
        return;
    }
    fputs(
        "<h3>Masked addresses</h3>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
        "aria-label=\"Masked addresses\"><table><caption>Trusted addresses under which strangers "
        "reach the mail server; they count as trusted no longer. A route heals when it shows "
        "clients under their own addresses</caption><thead><tr>"
        "<th scope=\"col\">Address</th><th scope=\"col\">Listener</th><th scope=\"col\">Since</th>"
        "<th scope=\"col\">Seen last</th><th scope=\"col\">Routes</th>"
        "<th scope=\"col\">Healing</th></tr></thead><tbody>\n",
        out);
    json_array_foreach(addresses, i, address)
    {
        print_address(out, address);
    }
    fputs("</tbody></table></div>\n", out);
    if (more > 0) {
        html_format(out, "<p>%lld more are left out.</p>\n", more);
    }
}

/* ---- numbers ---------------------------------------------------------------------------- */

static void print_recipients(FILE *out, const json_t *counters)
{
    const json_t *rows = json_object_get(counters, "recipients");
    const json_t *row;
    size_t i;

    fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Recipients\"><table>"
          "<caption>Recipients of clients that were looked at</caption><thead><tr>"
          "<th scope=\"col\">Decision</th><th scope=\"col\">Permission of the client</th>"
          "<th scope=\"col\">Destination</th><th scope=\"col\">Count</th></tr></thead><tbody>\n",
          out);
    json_array_foreach(rows, i, row)
    {
        html_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%lld</td></tr>\n",
                    milter_status_text(row, "decision"), milter_status_text(row, "permission"),
                    milter_status_text(row, "destination"), milter_status_count(row, "count"));
    }
    if (json_array_size(rows) == 0) {
        fputs("<tr><td colspan=\"4\">There was none.</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void print_counts(FILE *out, const char *what, json_t *counts)
{
    const json_t *count;
    const char *name;

    json_object_foreach(counts, name, count)
    {
        html_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%lld</td></tr>\n", what, name,
                    (long long)json_integer_value(count));
    }
}

static void print_numbers(FILE *out, const struct milter_status *snapshot)
{
    const json_t *counters = json_object_get(snapshot->object, "counters");

    fputs("<h3>Since the filter was started</h3>\n", out);
    print_recipients(out, counters);
    fputs("<details><summary>All other counts</summary><div class=\"scroll\" role=\"region\" "
          "tabindex=\"0\" aria-label=\"Other counts\"><table><caption>Messages by the client's "
          "permission, what enforcement did, and the marks of probes by what became of them"
          "</caption><thead><tr><th scope=\"col\">Of</th><th scope=\"col\">Which</th>"
          "<th scope=\"col\">Count</th></tr></thead><tbody>\n",
          out);
    html_format(out, "<tr><th scope=\"row\">Connections</th><td></td><td>%lld</td></tr>\n",
                milter_status_count(counters, "connections"));
    print_counts(out, "Messages", json_object_get(counters, "messages"));
    print_counts(out, "Enforced", json_object_get(counters, "enforced"));
    print_counts(out, "Hellos", json_object_get(counters, "hellos"));
    print_counts(out, "Asks", json_object_get(counters, "asks"));
    fputs("</tbody></table></div></details>\n", out);
}

/* ---- all of it -------------------------------------------------------------------------- */

static void print_state(FILE *out, const struct milter_status *snapshot)
{
    const json_t *settings = json_object_get(snapshot->object, "settings");
    char visits[MILTER_STATUS_DOUBT_SIZE];
    char answers[MILTER_STATUS_ANSWERS_SIZE];
    char *domains = milter_status_domains(snapshot);
    const json_t *mailer;
    size_t i;

    fputs("<h3>The filter</h3>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
          "aria-label=\"State of the "
          "milter\"><table><caption>Its settings, and the probe's visits</caption>"
          "<tbody>\n",
          out);
    print_row(out, "Host", milter_status_text(snapshot->object, "host"));
    print_row(out, "Socket", milter_status_text(snapshot->object, "socket"));
    print_row(out, "Enforcement", milter_status_text(settings, "enforce"));
    print_row(out, "For masked addresses", milter_status_text(settings, "enforce_masked"));
    fputs("<tr><th scope=\"row\">Own mailers</th><td>", out);
    json_array_foreach(json_object_get(settings, "own_mailers"), i, mailer)
    {
        html_format(out, "%s%s", i > 0 ? ", " : "", json_string_value(mailer));
    }
    fputs("</td></tr>\n", out);
    print_row(out, "The probe", milter_status_visits(snapshot, visits));
    print_row(out, "Undeclared domains", domains);
    free(domains);
    print_row(out, "Answers to the MTA", milter_status_answers(snapshot, answers));
    fputs("</tbody></table></div>\n", out);
}

void page_milter(FILE *out, const struct milter_status *snapshot, time_t now)
{
    char doubt[MILTER_STATUS_DOUBT_SIZE];

    fputs("<section id=\"milter\" aria-labelledby=\"milter-h\"><h2 id=\"milter-h\">The milter's "
          "view</h2>\n",
          out);
    if (milter_status_doubt(snapshot, now, doubt)[0] != '\0') {
        html_format(out,
                    "<article class=\"suspected\" aria-labelledby=\"milter-d\"><h3 id=\"milter-d\">"
                    "<span class=\"v suspected\"><span aria-hidden=\"true\">\u25B2</span> Not what "
                    "is so now</span></h3>\n<p>%s.</p></article>\n",
                    doubt);
    }
    html_format(out, "<p>relaywarden-milter %s on %s, ",
                milter_status_text(snapshot->object, "version"),
                milter_status_text(snapshot->object, "host"));
    html_format(out, "%s; started ", milter_status_text(snapshot->object, "state"));
    html_time(out, snapshot->started);
    fputs(", as of ", out);
    html_time(out, snapshot->written);
    fputs(" UTC.</p>\n", out);
    print_incidents(out, snapshot);
    print_masked(out, snapshot);
    print_state(out, snapshot);
    print_numbers(out, snapshot);
    fputs("</section>\n", out);
}

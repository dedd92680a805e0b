/* The sink for whoever takes alerts by HTTP, in the forms of those that are common. Sources: Slack,
 * "Incoming webhooks" (Mattermost and Rocket.Chat take the same); Matrix Client-Server API v1.9,
 * 10.6.4; ntfy, "Publishing". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alert/sink/backlog.h"
#include "lib/alert/sink/format.h"
#include "lib/alert/sink/http.h"
#include "lib/alert/sink/sink.h"
#include "lib/printable.h"

#define TEXT_SIZE   3072 /* ntfy makes a file of more than 4096 octets */
#define HEADER_SIZE 160
#define HEADERS     5
#define URL_SIZE    2304

struct webhook {
    struct sink sink;
    const struct sink_identity *identity;
    struct http *http;
    char *url;
    enum webhook_format format;
    struct backlog backlog;
};

static struct webhook *from_sink(struct sink *sink)
{
    return (struct webhook *)((char *)sink - offsetof(struct webhook, sink));
}

/* ---- forms ----------------------------------------------------------------------------------- */

/* For a person: "CRITICAL open-relay opened: why", the remedy, and where it comes from. */
static void write_text(const struct webhook *self, const struct announcement *announcement,
                       char out[TEXT_SIZE])
{
    const struct finding *finding = &announcement->incident.finding;
    bool over = announcement->state == INCIDENT_RESOLVED;
    char why[FORMAT_WHY_SIZE];
    char page[FINDING_PAGE_SIZE];

    snprintf(
        out, TEXT_SIZE, "%s%s%s %s: %s%s%s\n%s on %s, incident %s, counted %" PRIu64 "\nMore: %s",
        announcement->test ? "TEST " : "", over ? "RESOLVED" : severity_label(finding->severity),
        announcement->state == INCIDENT_REPEATED ? " (still)" : "", format_kind(announcement),
        format_why(announcement, why),
        over || finding->fix.text[0] == '\0' ? "" : "\nDo this: ", over ? "" : finding->fix.text,
        self->identity->program, self->identity->host, announcement->incident.id, finding->count,
        format_page(announcement, page));
}

/* Slack reads < > & as markup; so do those that copy it. */
static void escape_slack(const char *text, char *out, size_t size)
{
    size_t length = 0;

    for (; *text != '\0' && length + 6 < size; text++) {
        const char *entity = *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : "&amp;";

        if (strchr("<>&", *text) == NULL) {
            out[length++] = *text;
        } else {
            length += (size_t)snprintf(out + length, size - length, "%s", entity);
        }
    }
    out[length] = '\0';
}

static char *dump(json_t *object)
{
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);

    json_decref(object);
    return text;
}

static char *make_json(const struct webhook *self, const struct announcement *announcement)
{
    return dump(format_json(announcement, self->identity));
}

static char *make_slack(const struct webhook *self, const struct announcement *announcement)
{
    char text[TEXT_SIZE];
    char escaped[TEXT_SIZE * 2];

    write_text(self, announcement, text);
    escape_slack(text, escaped, sizeof(escaped));
    return dump(json_pack("{s:s}", "text", escaped));
}

static char *make_matrix(const struct webhook *self, const struct announcement *announcement)
{
    char text[TEXT_SIZE];

    write_text(self, announcement, text);
    return dump(json_pack("{s:s, s:s}", "msgtype", "m.text", "body", text));
}

static char *make_ntfy(const struct webhook *self, const struct announcement *announcement)
{
    char text[TEXT_SIZE];

    write_text(self, announcement, text);
    return strdup(text);
}

static const struct {
    char *(*make)(const struct webhook *self, const struct announcement *announcement);
    const char *method;
    const char *type;
} forms[] = {
    [WEBHOOK_JSON] = {make_json, "POST", "Content-Type: application/json"},
    [WEBHOOK_SLACK] = {make_slack, "POST", "Content-Type: application/json"},
    [WEBHOOK_MATRIX] = {make_matrix, "PUT", "Content-Type: application/json"},
    [WEBHOOK_NTFY] = {make_ntfy, "POST", "Content-Type: text/plain; charset=utf-8"},
};

/* Words of ours alone: a header is no place for what a client said. */
static void head_ntfy(const struct announcement *announcement, char out[3][HEADER_SIZE])
{
    const struct finding *finding = &announcement->incident.finding;
    bool over = announcement->state == INCIDENT_RESOLVED;
    bool critical = finding->severity == SEVERITY_CRITICAL;

    snprintf(out[0], HEADER_SIZE, "Title: %s %s",
             over ? "RESOLVED" : severity_label(finding->severity), format_kind(announcement));
    snprintf(out[1], HEADER_SIZE, "Priority: %s", over ? "default" : critical ? "urgent" : "high");
    snprintf(out[2], HEADER_SIZE, "Tags: %s", over ? "white_check_mark" : "rotating_light");
}

/* ---- sending --------------------------------------------------------------------------------- */

static enum sink_fate post(struct sink *sink, const struct announcement *announcement,
                           char error[SINK_ERROR_SIZE])
{
    const struct webhook *self = from_sink(sink);
    char ntfy[3][HEADER_SIZE];
    const char *headers[HEADERS] = {forms[self->format].type, NULL};
    char url[URL_SIZE];
    char *body = forms[self->format].make(self, announcement);

    if (body == NULL) {
        snprintf(error, SINK_ERROR_SIZE, "out of memory");
        return SINK_FAILED;
    }
    snprintf(url, sizeof(url), "%s", self->url);
    if (self->format == WEBHOOK_NTFY) {
        head_ntfy(announcement, ntfy);
        for (size_t i = 0; i < 3; i++) {
            headers[i + 1] = ntfy[i];
        }
    } else if (self->format == WEBHOOK_MATRIX) {
        /* The number of a transaction: what is sent twice is one message. */
        snprintf(url, sizeof(url), "%s/%s.%s.%jd", self->url, announcement->incident.id,
                 incident_state_name(announcement->state), (intmax_t)announcement->time);
    }
    const struct http_request request = {
        .url = url, .method = forms[self->format].method, .body = body, .headers = headers};
    enum sink_fate fate = http_send(self->http, &request, error);
    free(body);
    return fate;
}

static int announce(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE])
{
    return backlog_announce(&from_sink(sink)->backlog, announcement, error);
}

static int retry(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    return backlog_retry(&from_sink(sink)->backlog, error);
}

static void succeed(struct sink *sink, struct sink *before)
{
    backlog_succeed(&from_sink(sink)->backlog, &from_sink(before)->backlog);
}

static int open_sink(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    return http_open(from_sink(sink)->http, error);
}

static void interrupt(struct sink *sink)
{
    http_interrupt(from_sink(sink)->http);
}

static void free_sink(struct sink *sink)
{
    struct webhook *self = from_sink(sink);

    backlog_free(&self->backlog);
    if (self->http != NULL) {
        http_free(self->http);
    }
    free(self->url);
    free(self);
}

struct sink *sink_webhook_new(const struct sink_source *source)
{
    const struct webhook_settings *settings = &source->settings->webhook;
    struct webhook *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->sink = (struct sink){.name = "webhook",
                               .announce = announce,
                               .retry = retry,
                               .open = open_sink,
                               .succeed = succeed,
                               .interrupt = interrupt,
                               .free = free_sink};
    backlog_init(&self->backlog, &self->sink, post);
    self->identity = source->identity;
    self->format = settings->format;
    self->url = strdup(settings->url);
    self->http = http_new(settings->header_file);
    if (self->url != NULL && self->http != NULL) {
        return &self->sink;
    }
    free_sink(&self->sink);
    return NULL;
}

/* The sink for Prometheus' Alertmanager, API v2. Source: its api/v2/openapi.yaml, postAlerts;
 * Prometheus, "Alerting rules" and notifier (every one of a cluster is told: they share silences
 * and what was notified, not alerts).
 *
 * Alertmanager takes an alert for over at its `endsAt`. So the sink keeps nothing: an incident that
 * lasts is told again (announcement.standing) long before that, whoever was restarted or away
 * meanwhile, and an end that did not arrive comes by itself. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alert/sink/format.h"
#include "lib/alert/sink/http.h"
#include "lib/alert/sink/sink.h"
#include "lib/finding_json.h"
#include "lib/sys/thread.h"

#define PATH       "/api/v2/alerts"
#define FIRST_MS   2000
#define LAST_MS    60000
#define LABEL_SIZE 64

struct receiver {
    char *url;
    int distance_ms; /* 0: it took the last one */
    struct timespec next;
    char error[SINK_ERROR_SIZE];
};

struct alertmanager {
    struct sink sink;
    const struct sink_identity *identity;
    struct http *http;
    long lasts_seconds;
    struct receiver *receivers;
    size_t count;
};

static struct alertmanager *from_sink(struct sink *sink)
{
    return (struct alertmanager *)((char *)sink - offsetof(struct alertmanager, sink));
}

/* ---- the alert ------------------------------------------------------------------------------- */

/* An empty one is as none to Alertmanager. */
static bool set(json_t *object, const char *name, const char *text)
{
    return text[0] == '\0' || json_object_set_new(object, name, finding_json_text(text)) == 0;
}

/* Labels are what an alert is known by: nothing may be in them that changes while it lasts. Names
 * are those of Prometheus' data model. */
static bool set_subject(json_t *labels, const struct finding *finding)
{
    for (size_t i = 0; i < finding->fields; i++) {
        const struct finding_field *field = &finding->field[i];
        char name[LABEL_SIZE];

        if ((field->places & FIELD_SUBJECT) == 0) {
            continue;
        }
        snprintf(name, sizeof(name), "%s", field->name);
        for (char *at = name; (at = strchr(at, '-')) != NULL;) {
            *at = '_';
        }
        if (json_object_get(labels, name) == NULL &&
            !set(labels, name, finding->arena + field->value)) {
            return false;
        }
    }
    return true;
}

static json_t *make_labels(const struct alertmanager *self, const struct announcement *announcement)
{
    const struct finding *finding = &announcement->incident.finding;
    json_t *labels = json_object();

    if (labels != NULL && set(labels, "alertname", format_kind(announcement)) &&
        set(labels, "severity", severity_name(finding->severity)) &&
        set(labels, "program", self->identity->program) &&
        set(labels, "instance", self->identity->host) && set_subject(labels, finding)) {
        return labels;
    }
    json_decref(labels);
    return NULL;
}

static json_t *make_annotations(const struct announcement *announcement)
{
    const struct finding *finding = &announcement->incident.finding;
    json_t *annotations = json_object();
    char why[FORMAT_WHY_SIZE];
    char page[FINDING_PAGE_SIZE];
    char count[24];

    format_page(announcement, page);
    snprintf(count, sizeof(count), "%" PRIu64, finding->count);
    if (annotations != NULL && set(annotations, "why", format_why(announcement, why)) &&
        set(annotations, "fix", finding->fix.text) &&
        set(annotations, "incident", announcement->incident.id) &&
        set(annotations, "count", count) &&
        set(annotations, finding_page_is_address(page) ? "runbook_url" : "page", page)) {
        return annotations;
    }
    json_decref(annotations);
    return NULL;
}

/* The request's body: a list of one. The caller frees it; NULL: memory is out. */
static char *make_body(const struct alertmanager *self, const struct announcement *announcement)
{
    bool over = announcement->state == INCIDENT_RESOLVED;
    time_t ends = announcement->time + (over ? 0 : self->lasts_seconds);
    time_t starts = announcement->incident.opened;
    char starts_at[FORMAT_TIME_SIZE];
    char ends_at[FORMAT_TIME_SIZE];

    /* It refuses an alert that ends before it starts, as after the clock was set. */
    if (starts > ends) {
        starts = ends;
    }
    json_t *list = json_pack("[{s:o, s:o, s:s, s:s}]", "labels", make_labels(self, announcement),
                             "annotations", make_annotations(announcement), "startsAt",
                             format_time(starts_at, starts), "endsAt", format_time(ends_at, ends));
    char *body = list == NULL ? NULL : json_dumps(list, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(list);
    return body;
}

/* ---- sending --------------------------------------------------------------------------------- */

static bool is_put_off(const struct receiver *receiver)
{
    return receiver->distance_ms > 0 && thread_moment_left(&receiver->next) > 0;
}

static bool post(const struct alertmanager *self, struct receiver *receiver, const char *body)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    const struct http_request request = {
        .url = receiver->url, .method = "POST", .body = body, .headers = headers};

    enum sink_fate fate = http_send(self->http, &request, receiver->error);
    if (fate != SINK_FAILED) {
        /* It answers; its word on this alert is none on the next, which must not end meanwhile. */
        receiver->distance_ms = 0;
        return fate == SINK_TAKEN;
    }
    receiver->distance_ms = receiver->distance_ms == 0            ? FIRST_MS
                            : receiver->distance_ms * 2 < LAST_MS ? receiver->distance_ms * 2
                                                                  : LAST_MS;
    receiver->next = thread_moment(receiver->distance_ms);
    return false;
}

/* Those that took the last one first: one that hangs does not keep them. Returns how many took it;
 * `error` is the first failure. */
static size_t post_to_all(struct alertmanager *self, const char *body, char error[SINK_ERROR_SIZE])
{
    size_t taken = 0;

    error[0] = '\0';
    for (int failing = 0; failing <= 1; failing++) {
        for (size_t i = 0; i < self->count; i++) {
            struct receiver *receiver = &self->receivers[i];

            if ((receiver->distance_ms > 0) != (failing == 1)) {
                continue;
            }
            if (!is_put_off(receiver) && post(self, receiver, body)) {
                taken++;
            } else if (error[0] == '\0') {
                snprintf(error, SINK_ERROR_SIZE, "%s", receiver->error);
            }
        }
    }
    return taken;
}

static int announce(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE])
{
    struct alertmanager *self = from_sink(sink);
    char *body = make_body(self, announcement);

    if (body == NULL) {
        snprintf(error, SINK_ERROR_SIZE, "out of memory");
        return -1;
    }
    size_t taken = post_to_all(self, body, error);
    free(body);
    return taken == self->count ? 0 : taken > 0 ? SINK_PARTLY : -1;
}

/* ---- the sink -------------------------------------------------------------------------------- */

static void interrupt(struct sink *sink)
{
    http_interrupt(from_sink(sink)->http);
}

static void free_sink(struct sink *sink)
{
    struct alertmanager *self = from_sink(sink);

    for (size_t i = 0; i < self->count; i++) {
        free(self->receivers[i].url);
    }
    free(self->receivers);
    if (self->http != NULL) {
        http_free(self->http);
    }
    free(self);
}

static bool copy_receivers(struct alertmanager *self, const struct alert_settings *settings)
{
    self->receivers = calloc(settings->alertmanager_count, sizeof(*self->receivers));
    for (size_t i = 0; self->receivers != NULL && i < settings->alertmanager_count; i++) {
        const char *base = settings->alertmanager[i];
        size_t length = strlen(base);

        while (length > 0 && base[length - 1] == '/') {
            length--;
        }
        if (asprintf(&self->receivers[i].url, "%.*s" PATH, (int)length, base) < 0) {
            return false;
        }
        self->count = i + 1;
    }
    return self->receivers != NULL;
}

struct sink *sink_alertmanager_new(const struct sink_source *source)
{
    struct alertmanager *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->sink = (struct sink){.name = "alertmanager",
                               .stands = true,
                               .announce = announce,
                               .interrupt = interrupt,
                               .free = free_sink};
    self->identity = source->identity;
    self->lasts_seconds =
        source->settings->lasts_seconds > 0 ? source->settings->lasts_seconds : ALERT_LASTS_SECONDS;
    self->http = http_new(NULL);
    if (self->http != NULL && copy_receivers(self, source->settings)) {
        return &self->sink;
    }
    free_sink(&self->sink);
    return NULL;
}

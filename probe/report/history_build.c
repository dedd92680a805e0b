#include "probe/report/history_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/name_index.h"
#include "lib/printable.h"
#include "probe/model/endpoint_text.h"
#include "probe/model/result.h"

struct history_build {
    const struct conf *conf;
    struct name_index *names; /* of the configured targets */
    struct history *history;
    uint64_t unread_audits;
    uint64_t lost_audits;
    size_t endpoint_room;
    size_t incident_room;
    size_t vantage_room;
    struct history_endpoint *at; /* whose runs are being read */
    size_t span_room;
    bool out_of_memory;
};

/* Room for one more at the end of an array; NULL when memory is out. */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return array;
    }
    size_t more = *room == 0 ? 16 : *room * 2;
    void *grown = reallocarray(array, more, size);
    if (grown != NULL) {
        *room = more;
    }
    return grown;
}

void history_build_lack(struct history_build *build, const char *format, ...)
{
    struct history *history = build->history;
    va_list arguments;

    if (history->lack_count < HISTORY_LACKS_MAX) {
        va_start(arguments, format);
        (void)vsnprintf(history->lacks[history->lack_count], HISTORY_LACK_SIZE, format, arguments);
        va_end(arguments);
    }
    history->lack_count++;
}

/* ---- an endpoint's detail ----------------------------------------------------------------- */

static json_t *shown_text(const char *text)
{
    char shown[2048];

    (void)printable_string(shown, sizeof(shown), text);
    return json_string(shown);
}

/* Escapes whatever a terminal would obey, and notes whether anything had to be: the file may have
 * been written by anybody. False: memory is out. Values that are nested deeper than jansson reads
 * do not get here. */
static bool make_printable(json_t *value, bool *changed)
{
    const char *key;
    json_t *member;
    void *next;
    size_t i;
    bool made = true;

    json_object_foreach_safe(value, next, key, member)
    {
        if (json_is_string(member) && !printable_is_shown(json_string_value(member))) {
            *changed = true;
            made =
                made && json_object_set_new(value, key, shown_text(json_string_value(member))) == 0;
        } else {
            made = made && make_printable(member, changed);
        }
    }
    json_array_foreach(value, i, member)
    {
        if (json_is_string(member) && !printable_is_shown(json_string_value(member))) {
            *changed = true;
            made = made && json_array_set_new(value, i, shown_text(json_string_value(member))) == 0;
        } else {
            made = made && make_printable(member, changed);
        }
    }
    return made;
}

/* Whether it has what tells the endpoint and what the report shows of it. */
static bool is_whole(const json_t *detail)
{
    static const char *const texts[] = {"target", "host", "tls", "why"};
    bool whole = json_is_object(detail) && json_is_integer(json_object_get(detail, "port"));
    const json_t *address = json_object_get(detail, "address");

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        whole = whole && json_is_string(json_object_get(detail, texts[i]));
    }
    return whole && (json_is_string(address) || json_is_null(address));
}

/* The detail, as the row's columns tell it. NULL when memory is out. */
static json_t *detail_from_row(const struct audited_endpoint *last)
{
    struct endpoint_key_parts parts;
    char shown[sizeof(parts.where) * 2];

    endpoint_key_read(last->key, &parts);
    (void)printable_string(shown, sizeof(shown), parts.where);
    json_t *detail =
        json_pack("{s:o, s:o, s:s, s:I, s:o, s:s, s:s}", "target", shown_text(last->target), "host",
                  shown_text(last->host), "address", shown, "port", (json_int_t)parts.port, "tls",
                  shown_text(parts.tls), "why",
                  "The stored result of its last audit cannot be read.", "fix", "");
    return detail;
}

/* NULL when memory is out. */
static json_t *read_detail(struct history_build *build, const struct audited_endpoint *last,
                           bool *unread, bool *changed)
{
    char shown[HISTORY_LACK_SIZE / 2];
    json_error_t mistake;
    json_t *detail = json_loads(last->detail, 0, &mistake);

    if (detail == NULL && json_error_code(&mistake) == json_error_out_of_memory) {
        return NULL;
    }
    *unread = detail == NULL || !is_whole(detail);
    if (*unread) {
        json_decref(detail);
        (void)printable_string(shown, sizeof(shown), last->key);
        history_build_lack(build, "what the last audit of %s found out cannot be read", shown);
        *changed = true;
        return detail_from_row(last);
    }
    if (!make_printable(detail, changed)) {
        json_decref(detail);
        return NULL;
    }
    return detail;
}

static void free_endpoint(struct history_endpoint *endpoint)
{
    free(endpoint->vantage);
    free(endpoint->target);
    free(endpoint->host);
    free(endpoint->address);
    free(endpoint->tls);
    free(endpoint->spans);
    free(endpoint->key);
}

/* NULL when memory is out. */
static char *shown_key(const char *key)
{
    char shown[2 * ENDPOINT_KEY_SIZE];

    (void)printable_string(shown, sizeof(shown), key);
    return strdup(shown);
}

static bool has_port(const struct conf_target *target, json_int_t port)
{
    for (size_t i = 0; i < target->port_count; i++) {
        if (target->ports[i] == port) {
            return true;
        }
    }
    return false;
}

/* Its addresses are DNS's to say, and so an audit's. */
static bool is_configured(const struct history_build *build,
                          const struct history_endpoint *endpoint)
{
    size_t number = name_index_find(build->names, endpoint->target);

    return number != NAME_INDEX_NONE &&
           (endpoint->port == 0 || has_port(&build->conf->probe.targets[number], endpoint->port));
}

static char *copy_text(const json_t *detail, const char *name)
{
    const char *text = json_string_value(json_object_get(detail, name));

    return strdup(text != NULL ? text : "");
}

/* False when memory is out. */
static bool keep_text(struct history_endpoint *endpoint, const char *text)
{
    return text != NULL &&
           spool_add(endpoint->history->details, text, strlen(text), &endpoint->place);
}

/* The same of a detail whose text is not the stored one. */
static bool keep_detail(struct history_endpoint *endpoint, const json_t *detail)
{
    char *text = json_dumps(detail, JSON_COMPACT);
    bool kept = keep_text(endpoint, text);

    free(text);
    return kept;
}

static bool has_warning(const json_t *findings)
{
    const json_t *finding;
    size_t i;

    json_array_foreach(findings, i, finding)
    {
        const char *severity = json_string_value(json_object_get(finding, "severity"));
        if (severity == NULL || strcmp(severity, severity_name(SEVERITY_INFO)) != 0) {
            return true;
        }
    }
    return false;
}

/* False when memory is out. */
static bool fill_endpoint(struct history_endpoint *endpoint, const struct audited_endpoint *last,
                          const struct history_view *view, const json_t *detail)
{
    endpoint->key = shown_key(last->key);
    endpoint->vantage = shown_key(view != NULL ? view->vantage : "");
    endpoint->target = copy_text(detail, "target");
    endpoint->host = copy_text(detail, "host");
    endpoint->address = copy_text(detail, "address");
    endpoint->tls = copy_text(detail, "tls");
    endpoint->port = (unsigned int)json_integer_value(json_object_get(detail, "port"));
    endpoint->finding_count = json_array_size(json_object_get(detail, "findings"));
    endpoint->warned = has_warning(json_object_get(detail, "findings"));
    endpoint->late = view != NULL && view->late;
    endpoint->silent = view != NULL && view->silent;
    return endpoint->key != NULL && endpoint->vantage != NULL && endpoint->target != NULL &&
           endpoint->host != NULL && endpoint->address != NULL && endpoint->tls != NULL;
}

bool history_build_endpoint(struct history_build *build, int64_t id,
                            const struct audited_endpoint *last, const struct history_view *view)
{
    struct history *history = build->history;
    struct history_endpoint *grown =
        grow(history->endpoints, history->endpoint_count, &build->endpoint_room, sizeof(*grown));
    struct history_endpoint endpoint = {.id = id, .history = history, .last = last->started};
    json_t *detail = NULL;
    bool changed = false;

    if (grown != NULL) {
        history->endpoints = grown;
        build->at = NULL;
        detail = read_detail(build, last, &endpoint.unread, &changed);
    }
    if (detail == NULL || !fill_endpoint(&endpoint, last, view, detail) ||
        !(changed ? keep_detail(&endpoint, detail) : keep_text(&endpoint, last->detail))) {
        free_endpoint(&endpoint);
        json_decref(detail);
        build->out_of_memory = true;
        return false;
    }
    json_decref(detail);
    /* One that cannot be told is better shown than left out. */
    endpoint.current =
        !last->gone &&
        (view != NULL ? view->current : endpoint.unread || is_configured(build, &endpoint));
    history->endpoints[history->endpoint_count++] = endpoint;
    return true;
}

/* ---- the rest ----------------------------------------------------------------------------- */

/* Runs come in the order of the endpoints, or nearly so. */
static struct history_endpoint *find(const struct history_build *build, int64_t id)
{
    const struct history *history = build->history;
    const size_t begin = build->at != NULL ? (size_t)(build->at - history->endpoints) : 0;

    for (size_t i = 0; i < history->endpoint_count; i++) {
        struct history_endpoint *endpoint =
            &history->endpoints[(begin + i) % history->endpoint_count];
        if (endpoint->id == id) {
            return endpoint;
        }
    }
    return NULL;
}

bool history_build_run(struct history_build *build, int64_t id, const struct verdict_run *run)
{
    if (build->at == NULL || build->at->id != id) {
        struct history_endpoint *found = find(build, id);
        if (found == NULL) {
            build->lost_audits += run->audits;
            return true;
        }
        build->at = found;
        build->span_room = found->span_count;
    }
    struct history_endpoint *endpoint = build->at;
    build->unread_audits += run->unread ? run->audits : 0;
    struct history_span *grown =
        grow(endpoint->spans, endpoint->span_count, &build->span_room, sizeof(*grown));
    if (grown == NULL) {
        build->out_of_memory = true;
        return false;
    }
    endpoint->spans = grown;
    endpoint->spans[endpoint->span_count++] =
        (struct history_span){run->verdict, run->cause, run->first, run->last, run->audits};
    return true;
}

bool history_build_incident(struct history_build *build, const struct incident_record *row,
                            const char *vantages)
{
    struct history *history = build->history;
    struct history_incident *grown =
        grow(history->incidents, history->incident_count, &build->incident_room, sizeof(*grown));
    char *seen_from = shown_key(vantages);

    if (grown != NULL) {
        history->incidents = grown;
    }
    if (grown == NULL || seen_from == NULL) {
        free(seen_from);
        build->out_of_memory = true;
        return false;
    }
    if (row->unread) {
        history_build_lack(build, "what was found of the incident %s", row->incident.id);
    }
    history->incidents[history->incident_count++] =
        (struct history_incident){row->incident, row->ended, seen_from};
    return true;
}

bool history_build_vantage(struct history_build *build, const struct history_vantage *vantage)
{
    struct history *history = build->history;
    struct history_vantage *grown =
        grow(history->vantages, history->vantage_count, &build->vantage_room, sizeof(*grown));
    char *name = shown_key(vantage->name);

    if (grown != NULL) {
        history->vantages = grown;
    }
    if (grown == NULL || name == NULL) {
        free(name);
        build->out_of_memory = true;
        return false;
    }
    history->vantages[history->vantage_count] = *vantage;
    history->vantages[history->vantage_count++].name = name;
    return true;
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* An endpoint has a run at least: both are written and read in one transaction. */
static void drop_empty(struct history_build *build)
{
    struct history *history = build->history;
    char where[HISTORY_WHERE_SIZE];
    size_t left = 0;

    for (size_t i = 0; i < history->endpoint_count; i++) {
        if (history->endpoints[i].span_count > 0) {
            history->endpoints[left++] = history->endpoints[i];
        } else {
            history_build_lack(build, "all audits of %s %s",
                               history_text(&history->endpoints[i], "host"),
                               history_where(&history->endpoints[i], where));
            free_endpoint(&history->endpoints[i]);
        }
    }
    history->endpoint_count = left;
}

/* A run that has lasted for longer than the history goes back began before it. */
static void mark_begin(struct history *history, const struct conf *conf)
{
    time_t oldest = history->now - conf->probe.history_seconds;

    for (size_t i = 0; i < history->endpoint_count; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        /* Those that were freed are beyond the count: drop_empty moved the others.
         * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        time_t first = endpoint->spans[0].first > oldest ? endpoint->spans[0].first : oldest;

        if (history->begin == 0 || first < history->begin) {
            history->begin = first;
        }
    }
}

static int weight(const struct history_endpoint *endpoint)
{
    static const int weights[] = {
        [VERDICT_CLOSED] = 1,    [VERDICT_UNREACHABLE] = 2, [VERDICT_INCONCLUSIVE] = 3,
        [VERDICT_SUSPECTED] = 4, [VERDICT_OPEN] = 5,
    };

    return endpoint->current ? weights[history_state(endpoint)->verdict] : 0;
}

/* Of the views of one endpoint the worst stands for all. */
static void mark_leaders(struct history *history)
{
    size_t count;

    for (size_t i = 0; i < history->endpoint_count; i += count) {
        struct history_endpoint *worst = &history->endpoints[i];

        (void)history_views(worst, &count);
        for (size_t j = i; j < i + count; j++) {
            history->endpoints[j].id = (long long)j + 1;
            if (weight(&history->endpoints[j]) > weight(worst)) {
                worst = &history->endpoints[j];
            }
        }
        worst->leads = true;
        history->place_count++;
    }
}

/* A fleet of one vantage in good order looks as one machine does. */
static bool has_many_views(const struct history *history)
{
    bool many = history->vantage_count > 1;

    for (size_t i = 0; i < history->vantage_count; i++) {
        many = many || history->vantages[i].silent || history->vantages[i].late > 0;
    }
    return many;
}

static void finish(struct history_build *build)
{
    if (build->unread_audits > 0) {
        history_build_lack(build, "the verdict of %ju audit%s, damaged or of a later version",
                           (uintmax_t)build->unread_audits, build->unread_audits == 1 ? "" : "s");
    }
    if (build->lost_audits > 0) {
        history_build_lack(build, "whose %ju audit%s were", (uintmax_t)build->lost_audits,
                           build->lost_audits == 1 ? "" : "s");
    }
    drop_empty(build);
    mark_begin(build->history, build->conf);
    mark_leaders(build->history);
    build->history->many_views = has_many_views(build->history);
}

struct history_build *history_build_new(const struct conf *conf, time_t now)
{
    const struct conf_probe *probe = &conf->probe;
    struct history_build *build = calloc(1, sizeof(*build));

    if (build == NULL) {
        return NULL;
    }
    build->conf = conf;
    build->names = name_index_new(probe->target_count);
    build->history = calloc(1, sizeof(*build->history));
    if (build->history != NULL) {
        build->history->now = now;
        build->history->details = spool_new();
    }
    if (build->history == NULL || build->history->details == NULL || build->names == NULL) {
        history_free(history_build_end(build, false));
        return NULL;
    }
    for (size_t i = 0; i < probe->target_count; i++) {
        (void)name_index_add(build->names, probe->targets[i].name, i);
    }
    return build;
}

bool history_build_is_out_of_memory(const struct history_build *build)
{
    return build->out_of_memory;
}

struct history *history_build_end(struct history_build *build, bool whole)
{
    struct history *history = build->history;

    if (whole) {
        finish(build);
    } else {
        history_free(history);
        history = NULL;
    }
    name_index_free(build->names);
    free(build);
    return history;
}

void history_free(struct history *history)
{
    if (history == NULL) {
        return;
    }
    for (size_t i = 0; i < history->endpoint_count; i++) {
        free_endpoint(&history->endpoints[i]);
    }
    for (size_t i = 0; i < history->incident_count; i++) {
        free(history->incidents[i].vantages);
    }
    for (size_t i = 0; i < history->vantage_count; i++) {
        free(history->vantages[i].name);
    }
    json_decref(history->detail);
    spool_free(history->details);
    free(history->endpoints);
    free(history->incidents);
    free(history->vantages);
    free(history);
}

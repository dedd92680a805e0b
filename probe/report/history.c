#include "probe/report/history.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alert/sink/format.h"
#include "lib/finding_json.h"
#include "lib/name_index.h"
#include "lib/printable.h"
#include "lib/state/audit_state.h"
#include "lib/state/incident_records.h"
#include "probe/model/endpoint_text.h"

/* ---- reading ---------------------------------------------------------------------------- */

struct reading {
    const struct conf *conf;
    struct name_index *names; /* of the configured targets */
    struct history *history;
    uint64_t unread_audits;
    uint64_t lost_audits;
    size_t endpoint_room;
    size_t incident_room;
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

static void lack(struct history *history, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void lack(struct history *history, const char *format, ...)
{
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
static json_t *read_detail(struct history *history, const struct audited_endpoint *last,
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
        lack(history, "what the last audit of %s found out cannot be read", shown);
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
static bool is_configured(const struct reading *reading, const struct history_endpoint *endpoint)
{
    size_t number = name_index_find(reading->names, endpoint->target);

    return number != NAME_INDEX_NONE &&
           (endpoint->port == 0 || has_port(&reading->conf->probe.targets[number], endpoint->port));
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
                          const json_t *detail)
{
    endpoint->key = shown_key(last->key);
    endpoint->target = copy_text(detail, "target");
    endpoint->host = copy_text(detail, "host");
    endpoint->address = copy_text(detail, "address");
    endpoint->tls = copy_text(detail, "tls");
    endpoint->port = (unsigned int)json_integer_value(json_object_get(detail, "port"));
    endpoint->finding_count = json_array_size(json_object_get(detail, "findings"));
    endpoint->warned = has_warning(json_object_get(detail, "findings"));
    return endpoint->key != NULL && endpoint->target != NULL && endpoint->host != NULL &&
           endpoint->address != NULL && endpoint->tls != NULL;
}

static bool add_endpoint(int64_t id, const struct audited_endpoint *last, void *user)
{
    struct reading *reading = user;
    struct history *history = reading->history;
    struct history_endpoint *grown =
        grow(history->endpoints, history->endpoint_count, &reading->endpoint_room, sizeof(*grown));
    struct history_endpoint endpoint = {.id = id, .history = history, .last = last->started};
    json_t *detail = NULL;
    bool changed = false;

    if (grown != NULL) {
        history->endpoints = grown;
        detail = read_detail(history, last, &endpoint.unread, &changed);
    }
    if (detail == NULL || !fill_endpoint(&endpoint, last, detail) ||
        !(changed ? keep_detail(&endpoint, detail) : keep_text(&endpoint, last->detail))) {
        free_endpoint(&endpoint);
        json_decref(detail);
        reading->out_of_memory = true;
        return false;
    }
    json_decref(detail);
    /* One that cannot be told is better shown than left out. */
    endpoint.current = !last->gone && (endpoint.unread || is_configured(reading, &endpoint));
    history->endpoints[history->endpoint_count++] = endpoint;
    return true;
}

static struct history_endpoint *find(const struct history *history, int64_t id)
{
    for (size_t i = 0; i < history->endpoint_count; i++) {
        if (history->endpoints[i].id == id) {
            return &history->endpoints[i];
        }
    }
    return NULL;
}

static bool add_run(int64_t id, const struct verdict_run *run, void *user)
{
    struct reading *reading = user;

    if (reading->at == NULL || reading->at->id != id) {
        reading->at = find(reading->history, id);
        reading->span_room = 0;
    }
    struct history_endpoint *endpoint = reading->at;
    if (endpoint == NULL) {
        reading->lost_audits += run->audits;
        return true;
    }
    reading->unread_audits += run->unread ? run->audits : 0;
    struct history_span *grown =
        grow(endpoint->spans, endpoint->span_count, &reading->span_room, sizeof(*grown));
    if (grown == NULL) {
        reading->out_of_memory = true;
        return false;
    }
    endpoint->spans = grown;
    endpoint->spans[endpoint->span_count++] =
        (struct history_span){run->verdict, run->cause, run->first, run->last, run->audits};
    return true;
}

static bool add_incident(const struct incident_record *row, void *user)
{
    struct reading *reading = user;
    struct history *history = reading->history;
    struct history_incident *grown =
        grow(history->incidents, history->incident_count, &reading->incident_room, sizeof(*grown));

    if (grown == NULL) {
        reading->out_of_memory = true;
        return false;
    }
    history->incidents = grown;
    if (row->unread) {
        lack(history, "what was found of the incident %s", row->incident.id);
    }
    history->incidents[history->incident_count++] =
        (struct history_incident){row->incident, row->ended};
    return true;
}

static bool read_incidents(struct sqlite3 *database, struct reading *reading)
{
    struct incident_records *table = incident_records_new(database);
    bool read = table != NULL && incident_records_list(table, add_incident, reading);

    if (read && incident_records_left_out(table) > 0) {
        lack(reading->history, "%zu incident%s, damaged or of a later version",
             incident_records_left_out(table), incident_records_left_out(table) == 1 ? "" : "s");
    }
    incident_records_free(table);
    return read;
}

/* ---- what is current ---------------------------------------------------------------------- */

/* An endpoint has a run at least: both are written and read in one transaction. */
static void drop_empty(struct history *history)
{
    char where[HISTORY_WHERE_SIZE];
    size_t left = 0;

    for (size_t i = 0; i < history->endpoint_count; i++) {
        if (history->endpoints[i].span_count > 0) {
            history->endpoints[left++] = history->endpoints[i];
        } else {
            lack(history, "all audits of %s %s", history_text(&history->endpoints[i], "host"),
                 history_where(&history->endpoints[i], where));
            free_endpoint(&history->endpoints[i]);
        }
    }
    history->endpoint_count = left;
}

/* A run that has lasted for longer than the history goes back began before it. */
static void mark_current(struct history *history, const struct conf *conf)
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

/* ---- all of it -------------------------------------------------------------------------- */

void history_free(struct history *history)
{
    if (history == NULL) {
        return;
    }
    for (size_t i = 0; i < history->endpoint_count; i++) {
        free_endpoint(&history->endpoints[i]);
    }
    json_decref(history->detail);
    spool_free(history->details);
    free(history->endpoints);
    free(history->incidents);
    free(history);
}

static bool read_all(struct audit_state *state, void *user)
{
    struct reading *reading = user;

    return audit_state_endpoints(state, true, add_endpoint, reading) &&
           audit_state_runs(state, add_run, reading) &&
           read_incidents(audit_state_database(state), reading);
}

static bool read_state(struct audit_state *state, struct reading *reading,
                       char error[HISTORY_ERROR_SIZE])
{
    if (!audit_state_view(state, read_all, reading)) {
        snprintf(error, HISTORY_ERROR_SIZE, "%s",
                 reading->out_of_memory ? "out of memory" : audit_state_why(state));
        return false;
    }
    if (reading->unread_audits > 0) {
        lack(reading->history, "the verdict of %ju audit%s, damaged or of a later version",
             (uintmax_t)reading->unread_audits, reading->unread_audits == 1 ? "" : "s");
    }
    if (reading->lost_audits > 0) {
        lack(reading->history, "whose %ju audit%s were", (uintmax_t)reading->lost_audits,
             reading->lost_audits == 1 ? "" : "s");
    }
    drop_empty(reading->history);
    return true;
}

/* False when memory is out. */
static bool prepare(struct reading *reading)
{
    const struct conf_probe *probe = &reading->conf->probe;

    reading->history->details = spool_new();
    reading->names = name_index_new(probe->target_count);
    for (size_t i = 0; reading->names != NULL && i < probe->target_count; i++) {
        (void)name_index_add(reading->names, probe->targets[i].name, i);
    }
    return reading->history->details != NULL && reading->names != NULL;
}

struct history *history_read(const struct conf *conf, time_t now, char error[HISTORY_ERROR_SIZE])
{
    char path[PATH_MAX];
    struct reading reading = {.conf = conf, .history = calloc(1, sizeof(*reading.history))};

    if (reading.history == NULL || !prepare(&reading)) {
        snprintf(error, HISTORY_ERROR_SIZE, "out of memory");
        history_free(reading.history);
        name_index_free(reading.names);
        return NULL;
    }
    reading.history->now = now;
    audit_state_path(conf->state_directory, path);
    struct audit_state *state = audit_state_open(conf->state_directory, false, error);
    bool read = state != NULL && read_state(state, &reading, error);
    audit_state_close(state);
    name_index_free(reading.names);
    if (read && reading.history->endpoint_count == 0 && reading.history->lack_count > 0) {
        snprintf(error, HISTORY_ERROR_SIZE, "%.280s: it cannot be read: %.300s", path,
                 reading.history->lacks[0]);
        read = false;
    } else if (read && reading.history->endpoint_count == 0) {
        snprintf(error, HISTORY_ERROR_SIZE,
                 "no audit of a configured target was kept in %.300s yet; run relaywarden-probe "
                 "check without a TARGET first",
                 path);
        read = false;
    }
    if (!read) {
        history_free(reading.history);
        return NULL;
    }
    mark_current(reading.history, conf);
    return reading.history;
}

/* ---- looking at it ---------------------------------------------------------------------- */

const struct history_endpoint *history_find(const struct history *history, const char *key)
{
    const size_t length = strlen(key);
    const struct history_endpoint *found = NULL;

    for (size_t i = 0; i < history->endpoint_count && length > 0; i++) {
        const struct history_endpoint *endpoint = &history->endpoints[i];
        if (strncmp(endpoint->key, key, length) != 0) {
            continue;
        }
        if (endpoint->key[length] == '\0') {
            return endpoint;
        }
        if (found == NULL && strchr("/ ", endpoint->key[length]) != NULL) {
            found = endpoint;
        }
    }
    return found;
}

const struct history_span *history_state(const struct history_endpoint *endpoint)
{
    return &endpoint->spans[endpoint->span_count - 1];
}

const json_t *history_detail(const struct history_endpoint *endpoint)
{
    struct history *history = endpoint->history;

    if (history->detail != NULL && history->detail_of == endpoint->id) {
        return history->detail;
    }
    char *text = malloc((size_t)endpoint->place.length + 1);
    json_decref(history->detail);
    history->detail = text != NULL && spool_read(history->details, &endpoint->place, text)
                          ? json_loadb(text, endpoint->place.length, 0, NULL)
                          : NULL;
    history->detail_of = endpoint->id;
    history->failed |= history->detail == NULL;
    free(text);
    return history->detail;
}

const char *history_text(const struct history_endpoint *endpoint, const char *name)
{
    const struct {
        const char *name;
        const char *text;
    } known[] = {
        {"target", endpoint->target},
        {"host", endpoint->host},
        {"address", endpoint->address},
        {"tls", endpoint->tls},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].text;
        }
    }
    const char *text = json_string_value(json_object_get(history_detail(endpoint), name));
    return text != NULL ? text : "";
}

void history_remedies(const struct history_endpoint *endpoint, struct remedies *out)
{
    const char *fix = history_text(endpoint, "fix");

    if (!finding_json_read_remedies(out, json_object_get(history_detail(endpoint), "remedies"))) {
        remedies_clear(out);
        if (fix[0] != '\0') {
            remedies_add(out, MTA_UNKNOWN, "%s", fix);
        }
    }
}

const char *history_where(const struct history_endpoint *endpoint, char out[HISTORY_WHERE_SIZE])
{
    const char *address = history_text(endpoint, "address");
    bool six = strchr(address, ':') != NULL;

    if (address[0] == '\0') {
        snprintf(out, HISTORY_WHERE_SIZE, "no address");
    } else {
        snprintf(out, HISTORY_WHERE_SIZE, "%s%.64s%s:%u%s", six ? "[" : "", address, six ? "]" : "",
                 endpoint->port, endpoint_tls_words(history_text(endpoint, "tls")));
    }
    return out;
}

const char *history_place(const struct history_endpoint *endpoint, char out[HISTORY_PLACE_SIZE])
{
    const char *address = history_text(endpoint, "address");
    bool six = strchr(address, ':') != NULL;

    snprintf(out, HISTORY_PLACE_SIZE, "%s%.300s%s:%u/%.12s", six ? "[" : "",
             address[0] != '\0' ? address : history_text(endpoint, "host"), six ? "]" : "",
             endpoint->port, history_text(endpoint, "tls"));
    return out;
}

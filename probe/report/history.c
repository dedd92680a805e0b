#include "probe/report/history.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/state/audit_state.h"
#include "lib/state/database.h"
#include "lib/state/incident_records.h"

#define NAME_SIZE (ENDPOINT_TEXT_SIZE + 2 * RESULT_HOST_SIZE + 16)

static const char *database_path(const struct conf *conf, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/probe/relaywarden.db", PATH_MAX - 64, conf->state_directory);
    return out;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* The question, as audits tell endpoints apart: what the answer was is no part of it. */
static const char *name_of(const struct endpoint *endpoint, char out[NAME_SIZE])
{
    char where[ENDPOINT_TEXT_SIZE];

    snprintf(out, NAME_SIZE, "%s %s/%s %s", endpoint->host,
             address_format_port(&endpoint->address, endpoint->port, where),
             tls_mode_name(endpoint->tls_asked), endpoint->own);
    return out;
}

static bool keep_result(sqlite3 *database, const struct endpoint_result *result, time_t started)
{
    char name[NAME_SIZE];
    char *detail = report_endpoint(result);
    const struct audit_row row = {
        .endpoint = name_of(&result->endpoint, name),
        .time = started,
        .verdict = result->verdict,
        .cause = result->cause,
        .detail = detail != NULL ? detail : "{}",
    };
    bool kept = audit_table_keep(database, &row);

    free(detail);
    return kept;
}

static bool keep_all(sqlite3 *database, const struct conf *conf,
                     const struct audit_summary *summary)
{
    bool kept = true;

    for (size_t i = 0; kept && i < summary->count; i++) {
        if (summary->results[i]->endpoint.configured) {
            kept = keep_result(database, summary->results[i], summary->started);
        }
    }
    return kept && audit_table_prune(database, summary->started - conf->probe.history_seconds);
}

bool history_keep(const struct conf *conf, const struct audit_summary *summary,
                  char error[HISTORY_ERROR_SIZE])
{
    char path[PATH_MAX];
    char why[DATABASE_ERROR_SIZE] = "";
    sqlite3 *database = NULL;

    if (database_open(database_path(conf, path), &database, why) != DATABASE_OK) {
        snprintf(error, HISTORY_ERROR_SIZE, "%s", why);
        return false;
    }
    bool begun = audit_table_begin(database);
    bool kept = begun && keep_all(database, conf, summary) && audit_table_commit(database);
    if (!kept) {
        (void)database_failure(database, path, why);
        snprintf(error, HISTORY_ERROR_SIZE, "%s", why);
    }
    if (begun && !kept) {
        audit_table_rollback(database);
    }
    database_close(database);
    return kept;
}

/* ---- reading ---------------------------------------------------------------------------- */

struct reading {
    struct history *history;
    size_t endpoint_room;
    size_t incident_room;
    struct history_endpoint *at; /* whose audits are being read */
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

static bool add_endpoint(int64_t id, const struct audit_row *last, void *user)
{
    struct reading *reading = user;
    struct history *history = reading->history;
    struct history_endpoint *grown =
        grow(history->endpoints, history->endpoint_count, &reading->endpoint_room, sizeof(*grown));
    json_t *detail = json_loads(last->detail, 0, NULL);

    if (grown != NULL) {
        history->endpoints = grown;
    }
    if (detail == NULL) {
        detail = json_object();
    }
    if (grown == NULL || detail == NULL) {
        json_decref(detail);
        reading->out_of_memory = true;
        return false;
    }
    history->endpoints[history->endpoint_count++] =
        (struct history_endpoint){.id = id, .detail = detail, .last = last->time};
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

static bool add_audit(int64_t id, const struct audit_row *row, void *user)
{
    struct reading *reading = user;

    if (reading->at == NULL || reading->at->id != id) {
        reading->at = find(reading->history, id);
        reading->span_room = 0;
    }
    struct history_endpoint *endpoint = reading->at;
    if (endpoint == NULL) { /* its last row is of a later version */
        return true;
    }
    if (endpoint->span_count > 0) {
        struct history_span *before = &endpoint->spans[endpoint->span_count - 1];
        if (before->verdict == row->verdict && before->cause == row->cause) {
            before->last = row->time;
            before->audits++;
            return true;
        }
    }
    struct history_span *grown =
        grow(endpoint->spans, endpoint->span_count, &reading->span_room, sizeof(*grown));
    if (grown == NULL) {
        reading->out_of_memory = true;
        return false;
    }
    endpoint->spans = grown;
    endpoint->spans[endpoint->span_count++] =
        (struct history_span){row->verdict, row->cause, row->time, row->time, 1};
    return true;
}

static bool add_incident(const struct state_row *row, void *user)
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
    history->incidents[history->incident_count++] =
        (struct history_incident){row->incident, row->ended};
    return true;
}

static bool read_incidents(sqlite3 *database, struct reading *reading)
{
    struct state_table *table = state_table_new(database);
    bool read = table != NULL && state_table_list(table, add_incident, reading);

    state_table_free(table);
    return read;
}

/* ---- what is current ---------------------------------------------------------------------- */

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
static bool is_configured(const struct conf *conf, const struct history_endpoint *endpoint)
{
    const char *name = history_text(endpoint, "target");
    json_int_t port = json_integer_value(json_object_get(endpoint->detail, "port"));

    for (size_t i = 0; i < conf->probe.target_count; i++) {
        if (strcmp(conf->probe.targets[i].name, name) == 0) {
            return port == 0 || has_port(&conf->probe.targets[i], port);
        }
    }
    return false;
}

/* The endpoint and its audits are not read at one moment: another process may have pruned. */
static void drop_empty(struct history *history)
{
    size_t left = 0;

    for (size_t i = 0; i < history->endpoint_count; i++) {
        if (history->endpoints[i].span_count > 0) {
            history->endpoints[left++] = history->endpoints[i];
        } else {
            json_decref(history->endpoints[i].detail);
        }
    }
    history->endpoint_count = left;
}

static void mark_current(struct history *history, const struct conf *conf)
{
    for (size_t i = 0; i < history->endpoint_count; i++) {
        struct history_endpoint *endpoint = &history->endpoints[i];
        const char *target = history_text(endpoint, "target");

        endpoint->current = is_configured(conf, endpoint);
        for (size_t j = 0; endpoint->current && j < history->endpoint_count; j++) {
            const struct history_endpoint *other = &history->endpoints[j];
            endpoint->current =
                other->last <= endpoint->last || strcmp(history_text(other, "target"), target) != 0;
        }
        if (history->begin == 0 || endpoint->spans[0].first < history->begin) {
            history->begin = endpoint->spans[0].first;
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
        json_decref(history->endpoints[i].detail);
        free(history->endpoints[i].spans);
    }
    free(history->endpoints);
    free(history->incidents);
    free(history);
}

static bool read_tables(sqlite3 *database, const char *path, struct reading *reading,
                        char error[HISTORY_ERROR_SIZE])
{
    char why[DATABASE_ERROR_SIZE] = "";

    if (audit_table_endpoints(database, add_endpoint, reading) &&
        audit_table_audits(database, add_audit, reading) && read_incidents(database, reading)) {
        return true;
    }
    if (reading->out_of_memory) {
        snprintf(error, HISTORY_ERROR_SIZE, "out of memory");
    } else {
        (void)database_failure(database, path, why);
        snprintf(error, HISTORY_ERROR_SIZE, "%s", why);
    }
    return false;
}

struct history *history_read(const struct conf *conf, time_t now, char error[HISTORY_ERROR_SIZE])
{
    char path[PATH_MAX];
    char why[DATABASE_ERROR_SIZE] = "";
    struct reading reading = {.history = calloc(1, sizeof(*reading.history))};
    sqlite3 *database = NULL;
    bool read = false;

    snprintf(error, HISTORY_ERROR_SIZE, "out of memory");
    if (reading.history == NULL) {
        return NULL;
    }
    reading.history->now = now;
    if (access(database_path(conf, path), F_OK) != 0 && errno == ENOENT) {
        snprintf(error, HISTORY_ERROR_SIZE,
                 "no audit was kept in %.300s yet; run relaywarden-probe check first", path);
    } else if (database_open(path, &database, why) != DATABASE_OK) {
        snprintf(error, HISTORY_ERROR_SIZE, "%s", why);
    } else {
        read = read_tables(database, path, &reading, error);
        database_close(database);
        drop_empty(reading.history);
    }
    if (read && reading.history->endpoint_count == 0) {
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

const struct history_span *history_state(const struct history_endpoint *endpoint)
{
    return &endpoint->spans[endpoint->span_count - 1];
}

const char *history_text(const struct history_endpoint *endpoint, const char *name)
{
    const char *text = json_string_value(json_object_get(endpoint->detail, name));

    return text != NULL ? text : "";
}

const char *history_where(const struct history_endpoint *endpoint, char out[HISTORY_WHERE_SIZE])
{
    const char *address = history_text(endpoint, "address");
    bool six = strchr(address, ':') != NULL;

    if (address[0] == '\0') {
        snprintf(out, HISTORY_WHERE_SIZE, "no address");
    } else {
        snprintf(out, HISTORY_WHERE_SIZE, "%s%.64s%s:%lld/%.12s", six ? "[" : "", address,
                 six ? "]" : "",
                 (long long)json_integer_value(json_object_get(endpoint->detail, "port")),
                 history_text(endpoint, "tls"));
    }
    return out;
}

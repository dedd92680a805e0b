#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/finding_json.h"
#include "lib/state/audit_state.h"
#include "lib/state/incident_records.h"
#include "probe/fleet/fleet_server.h"
#include "probe/fleet/roster.h"

#define AT_ONCE 128 /* rows in one transaction */

struct importing {
    struct postgresql *server;
    const char *vantage;
    json_t *runs; /* of each endpoint, by its number in SQLite */
    json_t *list; /* that goes with the next call */
    const char *sql;
    long long taken;
    long long left_out;
    bool out_of_memory;
    struct postgresql_trouble *trouble;
};

static json_t *words(const char *text)
{
    return finding_json_text(text != NULL ? text : "");
}

/* Hands over what is listed. */
static bool send_list(struct importing *importing)
{
    char *text = json_dumps(importing->list, JSON_COMPACT);
    const char *const values[] = {importing->vantage, text};
    const struct postgresql_question question = {importing->sql, values, 2, FLEET_ASK_MS};
    long long taken = 0;
    bool sent = false;

    if (text == NULL) {
        importing->out_of_memory = true;
    } else {
        sent = fleet_ask_number(importing->server, &question, &taken, importing->trouble);
    }
    importing->taken += taken;
    json_array_clear(importing->list);
    free(text);
    return sent;
}

static bool add(struct importing *importing, json_t *row)
{
    if (json_array_append_new(importing->list, row) != 0) {
        importing->out_of_memory = true;
        return false;
    }
    return json_array_size(importing->list) < AT_ONCE || send_list(importing);
}

/* ---- audits ------------------------------------------------------------------------------ */

/* audit_state_run_visit */
static bool gather_run(int64_t endpoint, const struct verdict_run *run, void *user)
{
    struct importing *importing = user;
    char number[32];

    if (run->unread) {
        importing->left_out++;
        return true;
    }
    snprintf(number, sizeof(number), "%lld", (long long)endpoint);
    json_t *runs = json_object_get(importing->runs, number);
    if (runs == NULL) {
        runs = json_array();
        importing->out_of_memory |= json_object_set_new(importing->runs, number, runs) != 0;
    }
    json_t *row = json_pack("{s:s, s:s, s:I, s:I, s:I}", "verdict", verdict_name(run->verdict),
                            "cause", cause_name(run->cause), "first", (json_int_t)run->first,
                            "last", (json_int_t)run->last, "audits", (json_int_t)run->audits);
    importing->out_of_memory = importing->out_of_memory || json_array_append_new(runs, row) != 0;
    return !importing->out_of_memory;
}

static json_t *fact(enum audit_fact fact)
{
    return fact == AUDIT_FACT_UNKNOWN ? json_null() : json_boolean(fact == AUDIT_FACT_YES);
}

/* audit_state_endpoint_visit */
static bool give_endpoint(int64_t id, const struct audited_endpoint *endpoint, void *user)
{
    struct importing *importing = user;
    char number[32];

    snprintf(number, sizeof(number), "%lld", (long long)id);
    json_t *runs = json_object_get(importing->runs, number);
    if (runs == NULL) {
        importing->left_out++;
        return true;
    }
    return add(importing,
               json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:I, s:f, s:o, s:o, s:b, s:o, s:O}", "key",
                         words(endpoint->key), "target", words(endpoint->target), "host",
                         words(endpoint->host), "session", words(endpoint->session), "verdict",
                         verdict_name(endpoint->verdict), "cause", cause_name(endpoint->cause),
                         "last", (json_int_t)endpoint->started, "seconds", endpoint->seconds,
                         "answered", fact(endpoint->answered), "certificate",
                         fact(endpoint->certificate), "gone", (int)endpoint->gone, "detail",
                         words(endpoint->detail), "runs", runs));
}

/* ---- incidents --------------------------------------------------------------------------- */

/* incident_records_visit */
static bool give_incident(const struct incident_record *row, void *user)
{
    struct importing *importing = user;
    const struct finding *finding = &row->incident.finding;
    char *body = finding_json_write(finding);
    bool given = false;

    if (row->unread) {
        importing->left_out++;
        given = true;
    } else if (body == NULL) {
        importing->out_of_memory = true;
    } else {
        given = add(importing,
                    json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:I, s:o, s:I, s:I, s:o}", "id",
                              row->incident.id, "kind", finding_kind_name(finding->kind), "key",
                              words(finding->key), "fold", words(finding->fold), "severity",
                              severity_name(finding->severity), "body", words(body), "count",
                              (json_int_t)finding->count, "target",
                              words(finding_get(finding, "target")), "opened",
                              (json_int_t)row->incident.opened, "last_seen",
                              (json_int_t)row->incident.last_seen, "ended",
                              row->ended != 0 ? json_integer(row->ended) : json_null()));
    }
    free(body);
    return given;
}

static bool give_incidents(struct audit_state *state, struct importing *importing)
{
    struct incident_records *records = incident_records_new(audit_state_database(state));
    bool given = records != NULL && incident_records_list(records, give_incident, importing) &&
                 send_list(importing);

    if (given) {
        importing->left_out += (long long)incident_records_left_out(records);
    }
    incident_records_free(records);
    return given;
}

/* ---- all of it --------------------------------------------------------------------------- */

struct import_call {
    struct importing importing;
    struct roster_import *out;
};

/* audit_state_act */
static bool give_all(struct audit_state *state, void *user)
{
    struct import_call *call = user;
    struct importing *importing = &call->importing;

    importing->sql = "SELECT relaywarden.import($1, $2::jsonb)";
    if (!audit_state_runs(state, gather_run, importing) ||
        !audit_state_endpoints(state, true, give_endpoint, importing) || !send_list(importing)) {
        return false;
    }
    call->out->endpoints = importing->taken;
    importing->taken = 0;
    importing->sql = "SELECT relaywarden.import_incidents($1, $2::jsonb)";
    if (!give_incidents(state, importing)) {
        return false;
    }
    call->out->incidents = importing->taken;
    call->out->left_out = importing->left_out;
    return true;
}

bool roster_import(struct postgresql *server, const struct conf *conf, struct roster_import *out,
                   struct postgresql_trouble *trouble)
{
    char vantage[FLEET_VANTAGE_SIZE];
    char error[AUDIT_STATE_ERROR_SIZE];
    struct import_call call = {{.server = server, .trouble = trouble}, out};
    struct audit_state *state = audit_state_open(conf->state_directory, false, error);
    bool done = false;

    *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_FINE};
    call.importing.vantage = fleet_vantage(conf, vantage);
    call.importing.runs = json_object();
    call.importing.list = json_array();
    if (state == NULL) {
        trouble->fault = POSTGRESQL_STATEMENT;
        snprintf(trouble->why, sizeof(trouble->why), "%s", error);
    } else {
        done = audit_state_view(state, give_all, &call);
    }
    if (!done && call.importing.out_of_memory) {
        *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_MEMORY, .why = "out of memory"};
    } else if (!done && trouble->fault == POSTGRESQL_FINE) {
        trouble->fault = POSTGRESQL_STATEMENT;
        snprintf(trouble->why, sizeof(trouble->why), "%s", audit_state_why(state));
    }
    json_decref(call.importing.runs);
    json_decref(call.importing.list);
    audit_state_close(state);
    return done;
}

#include "probe/fleet/fleet_status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "probe/fleet/fleet_server.h"

#define SHOWN_SIZE 320

/* A member of the object for each column of a row; all of them texts. */
struct reading {
    json_t *list;
    const char *const *members; /* ended by NULL; '#' before the name: a number, '?': a truth */
};

/* The database's texts are a stranger's as far as a terminal goes. */
static json_t *value_of(char kind, const char *text)
{
    char shown[SHOWN_SIZE];

    if (text == NULL) {
        return json_null();
    }
    if (kind == '#') {
        return json_integer(strtoll(text, NULL, 10));
    }
    if (kind == '?') {
        return json_boolean(text[0] == 't');
    }
    printable_string(shown, sizeof(shown), text);
    return json_string(shown);
}

static bool read_row(const char *const *columns, size_t count, void *user)
{
    const struct reading *reading = user;
    json_t *row = json_object();
    bool kept = row != NULL;

    for (size_t i = 0; kept && i < count && reading->members[i] != NULL; i++) {
        const char *member = reading->members[i];
        const char kind = member[0] == '#' || member[0] == '?' ? member[0] : ' ';

        kept = json_object_set_new(row, kind == ' ' ? member : member + 1,
                                   value_of(kind, columns[i])) == 0;
    }
    return json_array_append_new(reading->list, row) == 0 && kept;
}

static bool read_list(struct postgresql *server, const char *sql, struct reading *reading,
                      struct postgresql_trouble *trouble)
{
    const struct postgresql_question question = {.sql = sql, .wait_ms = FLEET_ASK_MS};

    return reading->list != NULL && postgresql_ask(server, &question, read_row, reading, trouble);
}

json_t *fleet_status_rows(struct postgresql *server, const char *sql, const char *const *members,
                          struct postgresql_trouble *trouble)
{
    struct reading reading = {json_array(), members};

    *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_MEMORY, .why = "out of memory"};
    if (!read_list(server, sql, &reading, trouble)) {
        json_decref(reading.list);
        reading.list = NULL;
    }
    return reading.list;
}

static long long number_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

static long long sum(const json_t *vantages, const char *member)
{
    long long total = 0;
    size_t i;
    json_t *vantage;

    json_array_foreach(vantages, i, vantage)
    {
        const json_t *value = json_object_get(vantage, member);

        total += json_is_true(value) ? 1 : json_integer_value(value);
    }
    return total;
}

static bool add_lists(json_t *status, json_t *vantages, json_t *incidents)
{
    static const char *const sums[] = {"late", "workers", "silent"};
    bool added = true;

    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        added &= json_object_set_new(status, sums[i], json_integer(sum(vantages, sums[i]))) == 0;
    }
    added &= json_object_set(status, "vantages", vantages) == 0;
    return json_object_set(status, "incidents", incidents) == 0 && added;
}

json_t *fleet_status_read(struct postgresql *server, struct postgresql_trouble *trouble)
{
    static const char *const vantage_members[] = {"name",    "#workers", "#targets",  "#late",
                                                  "?silent", "?retired", "last_seen", NULL};
    static const char *const incident_members[] = {
        "id",       "kind",       "severity",         "key", "opened",
        "vantages", "#seen_from", "#vantages_in_all", NULL};
    static const char utc[] = "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'";
    static const char *const count_members[] = {
        "#targets", "#unasked", "#in_service", "#incidents_open", "#critical", "#warnings", NULL};
    char sql[1024];
    struct reading counts = {json_array(), count_members};
    struct reading vantages = {json_array(), vantage_members};
    struct reading incidents = {json_array(), incident_members};

    snprintf(sql, sizeof(sql),
             "SELECT name, workers, targets, late, silent, retired IS NOT NULL,"
             " to_char(last_seen AT TIME ZONE 'UTC', %s) FROM relaywarden.vantage_now"
             " ORDER BY name",
             utc);
    bool read = read_list(server, sql, &vantages, trouble);
    snprintf(sql, sizeof(sql),
             "SELECT id, kind, severity, key, to_char(opened AT TIME ZONE 'UTC', %s),"
             " array_to_string(vantages, ', '), cardinality(vantages), vantages_in_all"
             " FROM relaywarden.incident_now WHERE ended IS NULL"
             " ORDER BY severity = 'critical' DESC, severity = 'warning' DESC, opened DESC, id"
             " LIMIT %d",
             utc, FLEET_STATUS_INCIDENTS);
    read = read && read_list(server, sql, &incidents, trouble);
    read = read && read_list(server,
                             "SELECT targets, unasked, in_service, incidents, critical, warnings"
                             " FROM relaywarden.fleet_now",
                             &counts, trouble);
    json_t *status = read ? json_incref(json_array_get(counts.list, 0)) : NULL;
    if (status == NULL || !add_lists(status, vantages.list, incidents.list)) {
        *trouble =
            read ? (struct postgresql_trouble){POSTGRESQL_MEMORY, "out of memory"} : *trouble;
        json_decref(status);
        status = NULL;
    }
    json_decref(counts.list);
    json_decref(vantages.list);
    json_decref(incidents.list);
    return status;
}

enum fleet_grade fleet_status_grade(const json_t *status)
{
    if (number_of(status, "critical") > 0) {
        return FLEET_CRITICAL;
    }
    return number_of(status, "warnings") > 0 || number_of(status, "late") > 0 ||
                   number_of(status, "silent") > 0 || number_of(status, "unasked") > 0 ||
                   number_of(status, "targets") == 0 || number_of(status, "in_service") == 0
               ? FLEET_WARNING
               : FLEET_OK;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text != NULL ? text : "";
}

void fleet_status_print(FILE *out, const json_t *status)
{
    static const char *const grades[] = {"OK", "WARNING", "CRITICAL"};
    const json_t *vantages = json_object_get(status, "vantages");
    const json_t *incidents = json_object_get(status, "incidents");
    size_t i;
    json_t *row;

    fprintf(out,
            "FLEET %s - %zu vantages, %lld workers, %lld late, %lld silent, %lld open incidents"
            " (%lld critical) | vantages=%zu workers=%lld targets=%lld unasked=%lld late=%lld"
            " silent=%lld incidents=%lld critical=%lld\n",
            grades[fleet_status_grade(status)], json_array_size(vantages),
            number_of(status, "workers"), number_of(status, "late"), number_of(status, "silent"),
            number_of(status, "incidents_open"), number_of(status, "critical"),
            json_array_size(vantages), number_of(status, "workers"), number_of(status, "targets"),
            number_of(status, "unasked"), number_of(status, "late"), number_of(status, "silent"),
            number_of(status, "incidents_open"), number_of(status, "critical"));
    if (number_of(status, "targets") == 0) {
        fputs("the roster is empty: run fleet sync where the targets are\n", out);
    } else if (number_of(status, "in_service") == 0) {
        fputs("no vantage is in service: nothing is asked\n", out);
    } else if (number_of(status, "unasked") > 0) {
        fprintf(out, "%lld targets are asked from no vantage: run fleet sync again\n",
                number_of(status, "unasked"));
    }
    json_array_foreach(vantages, i, row)
    {
        const char *last = text_of(row, "last_seen");

        fprintf(out, "vantage %s: %lld workers, %lld targets, %lld late, last heard of %s%s\n",
                text_of(row, "name"), number_of(row, "workers"), number_of(row, "targets"),
                number_of(row, "late"), last[0] != '\0' ? last : "never",
                json_is_true(json_object_get(row, "retired"))  ? ", retired"
                : json_is_true(json_object_get(row, "silent")) ? ", SILENT"
                                                               : "");
    }
    json_array_foreach(incidents, i, row)
    {
        fprintf(out, "%s %s %s: seen from %lld of %lld vantages (%s) since %s, incident %s\n",
                text_of(row, "severity"), text_of(row, "kind"), text_of(row, "key"),
                number_of(row, "seen_from"), number_of(row, "vantages_in_all"),
                text_of(row, "vantages"), text_of(row, "opened"), text_of(row, "id"));
    }
}

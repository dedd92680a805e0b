#include "probe/fleet/outbox.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <syslog.h>

#include "lib/alert/sink/sinks.h"
#include "lib/printable.h"
#include "probe/fleet/batch.h"
#include "probe/fleet/fleet_server.h"
#include "probe/model/program.h"
#include "probe/report/alerts.h"

/* Nobody tells an alert again that lasts: Alertmanager keeps it so long, or until it is over. */
#define LASTS_SECONDS (30L * 86400)

static const char *const columns_named[] = {
    "number", "sink",  "state",  "id",   "kind",     "key",  "fold", "severity",
    "body",   "count", "opened", "seen", "vantages", "from", "of",   "tries"};

#define COLUMNS (sizeof(columns_named) / sizeof(columns_named[0]))

static bool is_wanted(const struct sink_kind *kind, const struct sink_source *source)
{
    return kind->make != sink_metrics_new && kind->wanted(source);
}

static struct alert_settings settings_of(const struct conf *conf)
{
    struct alert_settings settings = alerts_settings(conf, NULL, ALERTS_OF_DAEMON);

    settings.lasts_seconds = LASTS_SECONDS;
    return settings;
}

const char *outbox_sinks(const struct conf *conf, char out[OUTBOX_SINKS_SIZE])
{
    const struct sink_identity identity = {.program = PROBE_PROGRAM, .host = ""};
    const struct alert_settings settings = settings_of(conf);
    const struct sink_source source = {.identity = &identity, .settings = &settings};
    int used = 0;

    out[0] = '\0';
    for (const struct sink_kind *kind = sink_kinds; kind->name != NULL; kind++) {
        if (is_wanted(kind, &source) && used < OUTBOX_SINKS_SIZE - 32) {
            used += snprintf(out + used, OUTBOX_SINKS_SIZE - (size_t)used, "%c%s",
                             used == 0 ? '{' : ',', kind->name);
        }
    }
    snprintf(out + used, OUTBOX_SINKS_SIZE - (size_t)used, "%s", used == 0 ? "{}" : "}");
    return out;
}

static bool read_row(const char *const *columns, size_t count, void *user)
{
    json_t *row = json_object();
    bool kept = row != NULL && count == COLUMNS;

    for (size_t i = 0; kept && i < COLUMNS; i++) {
        kept = json_object_set_new(row, columns_named[i],
                                   json_string(columns[i] != NULL ? columns[i] : "")) == 0;
    }
    return json_array_append_new(user, row) == 0 && kept;
}

static const char *text_of(const json_t *row, const char *member)
{
    const char *text = json_string_value(json_object_get(row, member));

    return text != NULL ? text : "";
}

static long long number_of(const json_t *row, const char *member)
{
    return strtoll(text_of(row, member), NULL, 10);
}

static enum incident_state state_of(const json_t *row)
{
    int i = INCIDENT_OPENED;

    while (i < INCIDENT_RESOLVED &&
           strcmp(incident_state_name((enum incident_state)i), text_of(row, "state")) != 0) {
        i++;
    }
    return (enum incident_state)i;
}

/* False: this version does not know such a finding, or it is damaged. */
static bool read_announcement(const json_t *row, struct announcement *out)
{
    struct incident *incident = &out->incident;
    struct finding *finding = &incident->finding;
    char why[FINDING_WHY_SIZE];

    memset(out, 0, sizeof(*out));
    if (!batch_read_finding(row, finding)) {
        return false;
    }
    out->state = state_of(row);
    out->time = time(NULL);
    snprintf(incident->id, sizeof(incident->id), "%s", text_of(row, "id"));
    incident->state = out->state;
    incident->opened = (time_t)number_of(row, "opened");
    incident->last_seen = (time_t)number_of(row, "seen");
    incident->last_announced = out->time;
    finding->count = (uint64_t)number_of(row, "count");
    incident->announced_count = finding->count;
    if (finding->kind == FINDING_VANTAGE_SILENT) {
        return true;
    }
    (void)finding_add(finding, "vantages", FIELD_EVIDENCE | FIELD_LOGGED | FIELD_QUOTED,
                      text_of(row, "vantages"));
    memcpy(why, finding->why, sizeof(why));
    finding_why(finding, "%.380s; seen from %lld of %lld vantages", why, number_of(row, "from"),
                number_of(row, "of"));
    return true;
}

/* One that cannot be read stays: a worker of a newer version may know it. */
static bool send_row(const struct outbox *outbox, const struct sink_source *source,
                     const json_t *row)
{
    char error[SINK_ERROR_SIZE] = "";
    struct announcement announcement;
    const struct sink_kind *kind = sink_kinds;
    char shown[INCIDENT_ID_SIZE * 4];

    printable_string(shown, sizeof(shown), text_of(row, "id"));
    while (kind->name != NULL && strcmp(kind->name, text_of(row, "sink")) != 0) {
        kind++;
    }
    if (kind->name == NULL || !read_announcement(row, &announcement)) {
        if (number_of(row, "tries") <= 1) {
            reporter_say(
                outbox->reporter, LOG_ERR,
                "incident %s of the database is of a kind that this version does not know, "
                "or damaged; it waits for a worker that can tell it: install the newest "
                "version of relaywarden here",
                shown);
        }
        return false;
    }
    if (sink_send(kind, source, &announcement, error)) {
        return true;
    }
    /* Not at each try: a sink that is away for long would fill the log. */
    if (number_of(row, "tries") > 1) {
        return false;
    }
    reporter_say(outbox->reporter, LOG_ERR, "%s did not take incident %s: %s; it is tried again",
                 kind->name, announcement.incident.id, error);
    return false;
}

int outbox_send(const struct outbox *outbox, struct postgresql *server,
                struct postgresql_trouble *trouble)
{
    struct utsname names = {.nodename = ""};
    char sinks[OUTBOX_SINKS_SIZE];
    char most[16];
    const char *const values[] = {outbox->worker, outbox_sinks(outbox->conf, sinks), most};
    const struct postgresql_question question = {
        "SELECT * FROM relaywarden.outbox_take($1, $2::text[], $3::integer)", values, 3,
        FLEET_ASK_MS};
    const struct alert_settings settings = settings_of(outbox->conf);
    json_t *rows = json_array();
    snprintf(most, sizeof(most), "%d", OUTBOX_AT_ONCE);
    bool fine = rows != NULL && postgresql_ask(server, &question, read_row, rows, trouble);
    int sent = 0;
    size_t i;
    json_t *row;

    (void)uname(&names);
    const struct sink_identity identity = {.program = PROBE_PROGRAM, .host = names.nodename};
    const struct sink_source source = {.identity = &identity, .settings = &settings};
    json_array_foreach(rows, i, row)
    {
        const bool taken = fine && send_row(outbox, &source, row);
        const char *const done[] = {outbox->worker, text_of(row, "number"), taken ? "t" : "f"};

        fine =
            fine && fleet_ask(server, "SELECT relaywarden.outbox_done($1, $2::bigint, $3::boolean)",
                              done, 3, trouble);
        sent += taken;
    }
    json_decref(rows);
    return fine ? sent : -1;
}

#include "milter/status/status_incidents.h"

#include "lib/alert/sink/format.h"
#include "lib/finding_json.h"
#include "lib/state/incident_records.h"
#include "milter/status/status_values.h"

static json_t *incident_json(const struct incident_record *row)
{
    const struct incident *incident = &row->incident;
    const struct finding *finding = &incident->finding;

    /* "o" takes values over, also when it fails. */
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "incident",
                     incident->id, "state", incident_state_name(incident->state), "kind",
                     finding_kind_name(finding->kind), "severity", severity_name(finding->severity),
                     "count", status_count_json(finding->count), "opened",
                     status_time_json(incident->opened), "last_seen",
                     status_time_json(incident->last_seen), "ended", status_time_json(row->ended),
                     "subject", format_json_fields(finding, FIELD_SUBJECT), "evidence",
                     format_json_fields(finding, FIELD_EVIDENCE), "why",
                     finding_json_text(finding->why), "fix", finding_json_text(finding->fix.text));
}

struct listing {
    json_t *list;
    bool out_of_memory;
};

/* incident_records_visit */
static bool append(const struct incident_record *row, void *user)
{
    struct listing *listing = user;

    listing->out_of_memory = json_array_append_new(listing->list, incident_json(row)) != 0;
    return !listing->out_of_memory;
}

/* NULL when memory is out, or else null. */
static json_t *pack_incidents(long long open_count, struct listing *open, struct listing *ended)
{
    bool out_of_memory =
        open->list == NULL || ended->list == NULL || open->out_of_memory || ended->out_of_memory;

    if (open_count >= 0 && !out_of_memory) {
        return json_pack("{s:I, s:o, s:o}", "open_count", (json_int_t)open_count, "open",
                         open->list, "ended", ended->list);
    }
    json_decref(open->list);
    json_decref(ended->list);
    return out_of_memory ? NULL : json_null();
}

json_t *status_incidents_json(sqlite3 *database)
{
    struct listing open = {.list = json_array()};
    struct listing ended = {.list = json_array()};
    long long count = -1;

    struct incident_records *table = database == NULL ? NULL : incident_records_new(database);
    if (table != NULL && incident_records_open(table, SNAPSHOT_OPEN_MAX, append, &open) &&
        incident_records_ended(table, SNAPSHOT_ENDED_MAX, append, &ended)) {
        count = incident_records_open_count(table);
    }
    incident_records_free(table);
    return pack_incidents(count, &open, &ended);
}

#include "probe/report/history_json.h"

#include "lib/alert/sink/format.h"
#include "probe/model/program.h"

static json_t *time_json(time_t when)
{
    char text[21];

    return when == 0 ? json_null() : json_string(format_time(text, when));
}

/* The list, if it has so many: jansson leaves out what there was no memory for. */
static json_t *whole_list(json_t *list, size_t count)
{
    if (json_array_size(list) == count) {
        return list;
    }
    json_decref(list);
    return NULL;
}

static json_t *lacks_json(const struct history *history)
{
    json_t *list = json_array();
    size_t count = 0;

    for (; count < history->lack_count && count < HISTORY_LACKS_MAX; count++) {
        json_array_append_new(list, json_string(history->lacks[count]));
    }
    return whole_list(list, count);
}

static json_t *spans_json(const struct history_endpoint *endpoint)
{
    json_t *list = json_array();

    for (size_t i = 0; i < endpoint->span_count; i++) {
        const struct history_span *span = &endpoint->spans[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s?, s:o, s:o, s:I}", "verdict", verdict_name(span->verdict),
                            "cause", span->cause == CAUSE_NONE ? NULL : cause_name(span->cause),
                            "first", time_json(span->first), "last", time_json(span->last),
                            "audits", (json_int_t)span->audits));
    }
    return whole_list(list, endpoint->span_count);
}

static json_t *endpoint_json(const struct history_endpoint *endpoint)
{
    return json_pack("{s:s?, s:b, s:b, s:b, s:o, s:O}", "vantage",
                     endpoint->vantage[0] != '\0' ? endpoint->vantage : NULL, "current",
                     (int)endpoint->current, "late", (int)endpoint->late, "silent",
                     (int)endpoint->silent, "history", spans_json(endpoint), "last",
                     history_detail(endpoint));
}

static json_t *incidents_json(const struct history *history)
{
    json_t *list = json_array();

    for (size_t i = 0; i < history->incident_count; i++) {
        const struct history_incident *row = &history->incidents[i];
        const struct finding *finding = &row->incident.finding;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:s, s:s?}", "incident",
                            row->incident.id, "kind", finding_kind_name(finding->kind), "severity",
                            severity_name(finding->severity), "subject", finding->key, "opened",
                            time_json(row->incident.opened), "ended", time_json(row->ended),
                            "count", (json_int_t)finding->count, "why", finding->why, "vantages",
                            history->vantage_count > 0 ? row->vantages : NULL));
    }
    return whole_list(list, history->incident_count);
}

/* Takes the reference over. False: memory is out, or the stream failed. */
static bool write_value(FILE *out, json_t *value, size_t flags)
{
    const bool written = value != NULL && json_dumpf(value, out, JSON_COMPACT | flags) == 0;

    json_decref(value);
    return written;
}

static json_t *vantages_json(const struct history *history)
{
    json_t *list = json_array();

    for (size_t i = 0; i < history->vantage_count; i++) {
        const struct history_vantage *vantage = &history->vantages[i];
        json_array_append_new(
            list,
            json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:o}", "name", vantage->name, "silent",
                      (int)vantage->silent, "retired", (int)vantage->retired, "workers",
                      (json_int_t)vantage->workers, "targets", (json_int_t)vantage->targets, "late",
                      (json_int_t)vantage->late, "last_seen", time_json(vantage->last_seen)));
    }
    return whole_list(list, history->vantage_count);
}

/* The members that come first, without the object's end. */
static bool begin_object(FILE *out, const struct history *history)
{
    json_t *head = json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:o}", "program", PROBE_PROGRAM,
                             "version", RELAYWARDEN_VERSION, "schema", PROBE_SCHEMA, "written",
                             time_json(history->now), "begin", time_json(history->begin), "unread",
                             lacks_json(history), "vantages", vantages_json(history));

    fputc('{', out);
    return write_value(out, head, JSON_EMBED);
}

/* Endpoint by endpoint: as one value, those of a thousand take more memory than all else. */
static bool write_endpoints(FILE *out, const struct history *history)
{
    bool written = true;

    fputs(",\"endpoints\":[", out);
    for (size_t i = 0; written && i < history->endpoint_count; i++) {
        fputs(i > 0 ? "," : "", out);
        written = write_value(out, endpoint_json(&history->endpoints[i]), 0);
    }
    fputc(']', out);
    return written;
}

static bool write_incidents(FILE *out, const struct history *history)
{
    fputs(",\"incidents\":", out);
    return write_value(out, incidents_json(history), 0);
}

static bool end_object(FILE *out)
{
    fputs("}\n", out);
    return ferror(out) == 0;
}

bool history_json_write(FILE *out, const struct history *history,
                        const struct milter_status *snapshot)
{
    bool written = begin_object(out, history) && write_endpoints(out, history) &&
                   write_incidents(out, history);

    fputs(",\"milter\":", out);
    written =
        written && write_value(out, snapshot != NULL ? json_incref(snapshot->object) : json_null(),
                               JSON_ENCODE_ANY);
    return end_object(out) && written;
}

bool history_json_endpoints(FILE *out, const struct history *history)
{
    bool written = begin_object(out, history) && write_endpoints(out, history);

    return end_object(out) && written;
}

bool history_json_incidents(FILE *out, const struct history *history)
{
    bool written = begin_object(out, history) && write_incidents(out, history);

    return end_object(out) && written;
}

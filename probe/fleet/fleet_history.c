#include "probe/fleet/fleet_history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fleet/batch.h"
#include "probe/fleet/fleet_server.h"
#include "probe/report/history_build.h"

#define AT_ONCE 500   /* endpoints of one answer, which libpq has in memory as a whole */
#define READ_MS 10000 /* that each answer is awaited */
#define OF_NONE " "   /* no key begins so */

struct reading {
    struct history_build *build;
    struct postgresql *server;
    struct postgresql_trouble *trouble;
    int64_t count; /* of endpoints so far; the number of the last one is its id */
    char *key[2];  /* of the first endpoint of an answer, and of the last */
    char *vantage[2];
    json_t *numbers; /* of the endpoints of an answer, by "key\nvantage" */
    size_t left_out;
    const char *only; /* the endpoints whose key begins so; "": all */
};

static bool ask(struct reading *reading, const char *sql, const char *const *values, size_t count,
                postgresql_row read)
{
    const struct postgresql_question question = {sql, values, count, READ_MS};

    return postgresql_ask(reading->server, &question, read, reading, reading->trouble);
}

static const char *text_of(const char *column)
{
    return column != NULL ? column : "";
}

static int64_t time_of(const char *column)
{
    return strtoll(text_of(column), NULL, 10);
}

static bool is_true(const char *column)
{
    return text_of(column)[0] == 't';
}

static enum audit_fact fact_of(const char *column)
{
    return column == NULL ? AUDIT_FACT_UNKNOWN : is_true(column) ? AUDIT_FACT_YES : AUDIT_FACT_NO;
}

/* ---- endpoints --------------------------------------------------------------------------- */

/* False when memory is out. */
static bool keep_place(struct reading *reading, const char *key, const char *vantage)
{
    char name[1024];

    for (int i = reading->key[0] == NULL ? 0 : 1; i < 2; i++) {
        free(reading->key[i]);
        free(reading->vantage[i]);
        reading->key[i] = strdup(key);
        reading->vantage[i] = strdup(vantage);
        if (reading->key[i] == NULL || reading->vantage[i] == NULL) {
            return false;
        }
    }
    snprintf(name, sizeof(name), "%.700s\n%.300s", key, vantage);
    return json_object_set_new(reading->numbers, name, json_integer(reading->count)) == 0;
}

/* postgresql_row */
static bool read_endpoint(const char *const *columns, size_t count, void *user)
{
    struct reading *reading = user;

    if (count != 15) {
        return false;
    }
    struct audited_endpoint last = {
        .key = text_of(columns[0]),
        .target = text_of(columns[2]),
        .host = text_of(columns[3]),
        .session = text_of(columns[4]),
        .started = time_of(columns[7]),
        .seconds = strtod(text_of(columns[8]), NULL),
        .answered = fact_of(columns[9]),
        .certificate = fact_of(columns[10]),
        .detail = text_of(columns[11]),
    };
    const struct history_view view = {.vantage = text_of(columns[1]),
                                      .current = is_true(columns[12]),
                                      .late = is_true(columns[13]),
                                      .silent = is_true(columns[14])};
    const char *const words[] = {text_of(columns[5]), text_of(columns[6])};
    (void)audit_state_read_words(words, &last.verdict, &last.cause);
    last.ended = last.started + (int64_t)last.seconds;
    reading->count++;
    return keep_place(reading, last.key, view.vantage) &&
           history_build_endpoint(reading->build, reading->count, &last, &view);
}

/* postgresql_row */
static bool read_run(const char *const *columns, size_t count, void *user)
{
    const struct reading *reading = user;
    char name[1024];

    if (count != 7) {
        return false;
    }
    struct verdict_run run = {.first = time_of(columns[4]),
                              .last = time_of(columns[5]),
                              .audits = strtoull(text_of(columns[6]), NULL, 10)};
    const char *const words[] = {text_of(columns[2]), text_of(columns[3])};
    run.unread = !audit_state_read_words(words, &run.verdict, &run.cause);
    snprintf(name, sizeof(name), "%.700s\n%.300s", text_of(columns[0]), text_of(columns[1]));
    return history_build_run(reading->build,
                             json_integer_value(json_object_get(reading->numbers, name)), &run);
}

/* Up to AT_ONCE endpoints behind the last one, with their runs. How many; -1: the trouble. */
static int64_t read_some(struct reading *reading)
{
    const int64_t before = reading->count;
    char most[16];
    const char *const after[] = {reading->key[1] != NULL ? reading->key[1] : reading->only,
                                 reading->vantage[1] != NULL ? reading->vantage[1] : "", most,
                                 reading->only};

    free(reading->key[0]);
    free(reading->vantage[0]);
    reading->key[0] = NULL;
    reading->vantage[0] = NULL;
    json_object_clear(reading->numbers);
    snprintf(most, sizeof(most), "%d", AT_ONCE);
    if (!ask(reading,
             "SELECT key, vantage, target, host, session, verdict, cause,"
             " floor(extract(epoch FROM last))::bigint, seconds, answered, certificate, detail, "
             "current,"
             " late, silent FROM relaywarden.endpoint_now"
             " WHERE (key COLLATE \"C\", vantage COLLATE \"C\") > ($1, $2)"
             /* '0' is what follows '/' and ' ': of a key and of what it goes on with */
             " AND ($4 = '' OR key COLLATE \"C\" < $4 || '0')"
             " ORDER BY key COLLATE \"C\", vantage COLLATE \"C\" LIMIT $3::integer",
             after, 4, read_endpoint)) {
        return -1;
    }
    if (reading->count == before) {
        return 0;
    }
    const char *const span[] = {reading->key[0], reading->vantage[0], reading->key[1],
                                reading->vantage[1]};
    if (!ask(reading,
             "SELECT key, vantage, verdict, cause, floor(extract(epoch FROM first))::bigint,"
             " floor(extract(epoch FROM last))::bigint, audits FROM relaywarden.audit_history"
             " WHERE (key COLLATE \"C\", vantage COLLATE \"C\") >= ($1, $2)"
             " AND (key COLLATE \"C\", vantage COLLATE \"C\") <= ($3, $4)"
             " ORDER BY key COLLATE \"C\", vantage COLLATE \"C\", first, number",
             span, 4, read_run)) {
        return -1;
    }
    return reading->count - before;
}

static bool read_endpoints(struct reading *reading)
{
    int64_t some = 0;

    do {
        some = read_some(reading);
    } while (some == AT_ONCE);
    return some >= 0;
}

/* ---- the rest ---------------------------------------------------------------------------- */

/* postgresql_row */
static bool read_incident(const char *const *columns, size_t count, void *user)
{
    struct reading *reading = user;
    struct incident_record record = {.announced = true};
    struct incident *incident = &record.incident;

    if (count != 11) {
        return false;
    }
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", text_of(columns[1]), "severity",
                            text_of(columns[2]), "key", text_of(columns[3]), "fold",
                            text_of(columns[4]), "body", text_of(columns[5]));
    const bool known = row != NULL && batch_read_finding(row, &incident->finding);
    json_decref(row);
    if (!known) {
        reading->left_out++;
        return true;
    }
    snprintf(incident->id, sizeof(incident->id), "%s", text_of(columns[0]));
    incident->finding.count = strtoull(text_of(columns[6]), NULL, 10);
    incident->opened = time_of(columns[7]);
    incident->last_seen = time_of(columns[8]);
    incident->state = columns[9] != NULL ? INCIDENT_RESOLVED : INCIDENT_OPENED;
    record.ended = time_of(columns[9]);
    return history_build_incident(reading->build, &record, text_of(columns[10]));
}

static bool read_incidents(struct reading *reading)
{
    if (!ask(reading,
             "SELECT id, kind, severity, key, fold, body, count,"
             " floor(extract(epoch FROM opened))::bigint, floor(extract(epoch FROM "
             "last_seen))::bigint,"
             " floor(extract(epoch FROM ended))::bigint, array_to_string(seen_from, ', ')"
             " FROM relaywarden.incident_now ORDER BY date_trunc('second', opened) DESC,"
             " kind COLLATE \"C\", key COLLATE \"C\", id",
             NULL, 0, read_incident)) {
        return false;
    }
    if (reading->left_out > 0) {
        history_build_lack(reading->build, "%zu incident%s, damaged or of a later version",
                           reading->left_out, reading->left_out == 1 ? "" : "s");
    }
    return true;
}

/* postgresql_row */
static bool read_vantage(const char *const *columns, size_t count, void *user)
{
    const struct reading *reading = user;
    char name[FLEET_VANTAGE_SIZE];

    if (count != 7) {
        return false;
    }
    snprintf(name, sizeof(name), "%s", text_of(columns[0]));
    const struct history_vantage vantage = {
        .name = name,
        .last_seen = time_of(columns[1]),
        .workers = time_of(columns[2]),
        .targets = time_of(columns[3]),
        .late = time_of(columns[4]),
        .silent = is_true(columns[5]),
        .retired = is_true(columns[6]),
    };
    return history_build_vantage(reading->build, &vantage);
}

static bool read_all(struct reading *reading)
{
    return ask(reading, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, 0, NULL) &&
           read_endpoints(reading) && (reading->only[0] != '\0' || read_incidents(reading)) &&
           ask(reading,
               "SELECT name, floor(extract(epoch FROM last_seen))::bigint, workers, targets, late, "
               "silent,"
               " retired IS NOT NULL FROM relaywarden.vantage_now ORDER BY name COLLATE \"C\"",
               NULL, 0, read_vantage) &&
           ask(reading, "COMMIT", NULL, 0, NULL);
}

static void free_places(struct reading *reading)
{
    for (int i = 0; i < 2; i++) {
        free(reading->key[i]);
        free(reading->vantage[i]);
    }
    json_decref(reading->numbers);
}

static struct history *read_history(const struct conf *conf, time_t now, const char *only,
                                    char error[HISTORY_ERROR_SIZE])
{
    struct postgresql_trouble trouble = {.fault = POSTGRESQL_FINE};
    struct reading reading = {.trouble = &trouble, .only = only};
    struct history *history = NULL;

    reading.numbers = json_object();
    reading.build = history_build_new(conf, now);
    if (reading.build == NULL) {
        snprintf(error, HISTORY_ERROR_SIZE, "out of memory");
    } else if (reading.numbers == NULL ||
               (reading.server = fleet_server_open(conf, &trouble)) == NULL ||
               !read_all(&reading)) {
        snprintf(error, HISTORY_ERROR_SIZE, "%s",
                 reading.numbers == NULL || history_build_is_out_of_memory(reading.build)
                     ? "out of memory"
                     : trouble.why);
        (void)history_build_end(reading.build, false);
    } else {
        history = history_build_end(reading.build, true);
    }
    postgresql_close(reading.server);
    free_places(&reading);
    return history;
}

struct history *fleet_history_read_one(const struct conf *conf, time_t now, const char *key,
                                       char error[HISTORY_ERROR_SIZE])
{
    json_t *text = json_string(key); /* NULL: no UTF-8, which the database would refuse */
    struct history *history =
        read_history(conf, now, text != NULL && key[0] != '\0' ? key : OF_NONE, error);

    json_decref(text);
    return history;
}

struct history *fleet_history_read(const struct conf *conf, time_t now,
                                   char error[HISTORY_ERROR_SIZE])
{
    struct history *history = read_history(conf, now, "", error);

    if (history != NULL && history->endpoint_count == 0) {
        snprintf(error, HISTORY_ERROR_SIZE,
                 "the fleet has no audit yet; start a worker: relaywarden-probe run");
        history_free(history);
        history = NULL;
    }
    return history;
}

#include "probe/fleet/fleet_metrics.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/fleet/fleet_server.h"
#include "probe/fleet/fleet_status.h"
#include "probe/model/result.h"

#define LEAST_MS 5000 /* between two looks */
#define PART     20   /* of the time goes by between two, for each that one takes */

/* Each with the rows of its question. */
enum list {
    FLEET,
    VANTAGES,
    VERDICTS,
    NOT_CLOSED,
    INCIDENTS,
    LISTS,
};

struct fleet_metrics {
    int64_t next_ms; /* of the monotonic clock */

    pthread_mutex_t mutex; /* guards what follows */
    json_t *lists[LISTS];  /* NULL: nothing was read yet */
    int64_t read;          /* Unix seconds */
};

/* A question that takes longer is given up by the server, so that the worker goes on and the
 * connection stays. */
#define WITHIN "SET LOCAL statement_timeout = '5s'; "

/* Of 200 endpoints all views: who sees one open that others see closed is what it is about. */
static const struct question {
    const char *sql;
    const char *members[8];
} questions[LISTS] = {
    [FLEET] = {WITHIN "SELECT targets, unasked FROM relaywarden.fleet_now",
               {"#targets", "#unasked"}},
    [VANTAGES] = {WITHIN "SELECT name, workers, targets, late, silent,"
                         " coalesce(extract(epoch FROM last_seen)::bigint, 0)"
                         " FROM relaywarden.vantage_now WHERE retired IS NULL ORDER BY name",
                  {"name", "#workers", "#targets", "#late", "?silent", "#last_seen"}},
    [VERDICTS] = {WITHIN
                  "SELECT vantage, verdict, count(*) FROM relaywarden.endpoint_now WHERE current"
                  " GROUP BY 1, 2 ORDER BY 1, 2",
                  {"vantage", "verdict", "#count"}},
    [NOT_CLOSED] = {WITHIN
                    "SELECT target, key, vantage, verdict FROM relaywarden.endpoint_now"
                    " WHERE current AND key IN (SELECT key FROM relaywarden.endpoint_now"
                    " WHERE current AND verdict <> 'closed' ORDER BY verdict = 'open' DESC, key"
                    " LIMIT 200) ORDER BY verdict = 'open' DESC, key, vantage LIMIT 1000",
                    {"target", "key", "vantage", "verdict"}},
    [INCIDENTS] = {WITHIN "SELECT kind, severity, count(*) FROM relaywarden.incident_now"
                          " WHERE ended IS NULL GROUP BY 1, 2 ORDER BY 1, 2",
                   {"kind", "severity", "#count"}},
};

struct fleet_metrics *fleet_metrics_new(void)
{
    struct fleet_metrics *fleet = calloc(1, sizeof(*fleet));

    if (fleet != NULL) {
        pthread_mutex_init(&fleet->mutex, NULL);
    }
    return fleet;
}

void fleet_metrics_free(struct fleet_metrics *fleet)
{
    if (fleet == NULL) {
        return;
    }
    for (size_t i = 0; i < LISTS; i++) {
        json_decref(fleet->lists[i]);
    }
    pthread_mutex_destroy(&fleet->mutex);
    free(fleet);
}

/* ---- reading ----------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* It was the question alone that took too long. */
static bool is_there(struct postgresql *server)
{
    struct postgresql_trouble trouble;

    return fleet_ask(server, "SELECT 1", NULL, 0, &trouble);
}

bool fleet_metrics_follow(struct fleet_metrics *fleet, struct postgresql *server,
                          struct postgresql_trouble *trouble)
{
    const int64_t began = now_ms();
    json_t *lists[LISTS] = {NULL};
    bool read = true;

    if (began < fleet->next_ms) {
        return true;
    }
    for (size_t i = 0; read && i < LISTS; i++) {
        lists[i] = fleet_status_rows(server, questions[i].sql, questions[i].members, trouble);
        read = lists[i] != NULL;
    }
    if (!read && trouble->fault == POSTGRESQL_ABSENT && is_there(server)) {
        trouble->fault = POSTGRESQL_STATEMENT;
    }
    const int64_t rest = (now_ms() - began) * PART;
    fleet->next_ms = now_ms() + (rest > LEAST_MS ? rest : LEAST_MS);
    pthread_mutex_lock(&fleet->mutex);
    for (size_t i = 0; i < LISTS; i++) {
        json_decref(read ? fleet->lists[i] : lists[i]);
        fleet->lists[i] = read ? lists[i] : fleet->lists[i];
    }
    fleet->read = read ? time(NULL) : fleet->read;
    pthread_mutex_unlock(&fleet->mutex);
    return read;
}

/* ---- showing ----------------------------------------------------------------------------- */

static const char *text_of(const json_t *row, const char *member)
{
    const char *text = json_string_value(json_object_get(row, member));

    return text != NULL ? text : "";
}

static uint64_t number_of(const json_t *row, const char *member)
{
    const json_t *value = json_object_get(row, member);
    const json_int_t number = json_is_true(value) ? 1 : json_integer_value(value);

    return number > 0 ? (uint64_t)number : 0;
}

static void show_vantages(struct metrics *metrics, const json_t *vantages)
{
    static const struct {
        const char *member;
        const char *name;
        const char *help;
    } families[] = {
        {"workers", "relaywarden_fleet_vantage_workers",
         "Workers of a vantage that were heard within 5 minutes."},
        {"silent", "relaywarden_fleet_vantage_silent",
         "Whether no worker of a vantage was heard for 5 minutes."},
        {"targets", "relaywarden_fleet_vantage_targets", "Targets that a vantage asks."},
        {"late", "relaywarden_fleet_vantage_late_targets",
         "Targets that a vantage was to ask before now."},
        {"last_seen", "relaywarden_fleet_vantage_last_seen_timestamp_seconds",
         "When a worker of a vantage was heard last; 0: never."},
    };

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const json_t *row;
        size_t j;

        metrics_family(metrics, METRIC_GAUGE, families[i].name, families[i].help);
        json_array_foreach(vantages, j, row)
        {
            metrics_count(metrics, number_of(row, families[i].member), "vantage",
                          text_of(row, "name"), (char *)NULL);
        }
    }
}

static void show_verdicts(struct metrics *metrics, const json_t *verdicts, const json_t *not_closed)
{
    const json_t *row;
    size_t i;

    metrics_family(metrics, METRIC_GAUGE, "relaywarden_fleet_endpoints",
                   "Endpoints by the verdict that a vantage's last audit of them came to.");
    json_array_foreach(verdicts, i, row)
    {
        metrics_count(metrics, number_of(row, "count"), "vantage", text_of(row, "vantage"),
                      "verdict", text_of(row, "verdict"), (char *)NULL);
    }
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_fleet_endpoint_verdict",
                   "The verdict by vantage of an endpoint that is not closed from everywhere; "
                   "always 1.");
    json_array_foreach(not_closed, i, row)
    {
        char place[ENDPOINT_KEY_SIZE];

        /* Up to the domain that it is asked for, which would be another label. */
        snprintf(place, sizeof(place), "%s", text_of(row, "key"));
        place[strcspn(place, " ")] = '\0';
        metrics_count(metrics, 1, "target", text_of(row, "target"), "endpoint", place, "vantage",
                      text_of(row, "vantage"), "verdict", text_of(row, "verdict"), (char *)NULL);
    }
}

static void show_rest(struct metrics *metrics, const struct fleet_metrics *fleet)
{
    const json_t *counts = json_array_get(fleet->lists[FLEET], 0);
    const json_t *row;
    size_t i;

    metrics_family(metrics, METRIC_GAUGE, "relaywarden_fleet_targets", "Targets of the roster.");
    metrics_count(metrics, number_of(counts, "targets"), (char *)NULL);
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_fleet_unasked_targets",
                   "Targets of the roster that no vantage asks.");
    metrics_count(metrics, number_of(counts, "unasked"), (char *)NULL);
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_fleet_incidents_open",
                   "Open incidents of the whole fleet.");
    json_array_foreach(fleet->lists[INCIDENTS], i, row)
    {
        metrics_count(metrics, number_of(row, "count"), "kind", text_of(row, "kind"), "severity",
                      text_of(row, "severity"), (char *)NULL);
    }
}

void fleet_metrics_show(struct metrics *metrics, void *user)
{
    struct fleet_metrics *fleet = user;

    pthread_mutex_lock(&fleet->mutex);
    if (fleet->lists[FLEET] != NULL) {
        show_vantages(metrics, fleet->lists[VANTAGES]);
        show_verdicts(metrics, fleet->lists[VERDICTS], fleet->lists[NOT_CLOSED]);
        show_rest(metrics, fleet);
    }
    metrics_family(metrics, METRIC_GAUGE, "relaywarden_fleet_read_timestamp_seconds",
                   "When a worker read these numbers of the fleet from the database; 0: never.");
    metrics_count(metrics, (uint64_t)fleet->read, (char *)NULL);
    pthread_mutex_unlock(&fleet->mutex);
}

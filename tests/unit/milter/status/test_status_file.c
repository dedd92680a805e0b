/* The filter's record of what it saw, and when it writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/state/incident_records.h"
#include "milter/status/status_file.h"
#include "milter/status/status_incidents.h"
#include "probe/report/milter_status.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/milter_sample.h"
#include "tests/unit/recorder.h"

#define NOW     1800000000
#define STEADY  5000
#define WAIT_MS 60000

static struct probe_dialogue_desk desk = PROBE_DIALOGUE_DESK;
static struct counters counters;
static struct reporter *reporter;
static struct live_conf *configuration;
static struct status_file *file;
static sqlite3 *database;
static char *folder;
static char path[256];
static struct snapshot_moment moment;

static const struct snapshot_source source = {
    .host = "mx.example.org",
    .socket = "unix:/run/relaywarden/\033socket",
    .started = NOW - 100,
    .counters = &counters,
    .desk = &desk,
};

static int set_up(void **state)
{
    char database_path[256];
    char error[DATABASE_ERROR_SIZE];
    const struct reporter_settings settings = {
        .identity = &sample_identity,
        .alert = &sample_settings,
        .quiet_terminal = true,
        .kinds = recorder_kinds,
    };

    (void)state;
    memset(&counters, 0, sizeof(counters));
    memset(desk.hellos, 0, sizeof(desk.hellos));
    memset(desk.asks, 0, sizeof(desk.asks));
    memset(desk.roles, 0, sizeof(desk.roles));
    recorder_clear();
    folder = sample_folder();
    sample_path(folder, "snapshot.json", path);
    configuration = live_conf_new(milter_sample_conf(), NULL);
    reporter = reporter_start(&settings, error);
    database = NULL;
    if (database_open(sample_path(folder, "milter.db", database_path), &database, error) !=
        DATABASE_OK) {
        return -1;
    }
    file = status_file_new(folder, &source, reporter, NULL);
    moment = (struct snapshot_moment){
        .configuration = configuration,
        .database = database,
        .now = {.wall = NOW, .steady = STEADY},
        .last_ask = NOW - 50,
    };
    return configuration == NULL || reporter == NULL || file == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    status_file_free(file);
    database_close(database);
    reporter_stop(reporter, WAIT_MS);
    live_conf_release(configuration);
    sample_folder_remove(folder);
    return 0;
}

static void pass(int64_t seconds)
{
    moment.now.wall += seconds;
    moment.now.steady += seconds;
}

/* The file, as the probe reads it. */
static struct milter_status *written(void)
{
    char error[MILTER_STATUS_ERROR_SIZE] = "";
    struct milter_status *snapshot = milter_status_read(path, error);

    assert_string_equal(error, "");
    assert_non_null(snapshot);
    return snapshot;
}

static time_t time_written(void)
{
    struct milter_status *snapshot = written();
    time_t time = snapshot->written;

    milter_status_free(snapshot);
    return time;
}

static const json_t *at(const json_t *object, const char *first, const char *second)
{
    return json_object_get(json_object_get(object, first), second);
}

static void save_incident(const char *rest, enum severity severity, enum incident_state state)
{
    struct incident_records *table = incident_records_new(database);
    struct incident incident = {.state = state, .opened = NOW - 90, .last_seen = NOW - 10};
    static unsigned int ids;

    assert_non_null(table);
    incident.finding = sample_finding(FINDING_OPEN_RELAY, "203.0.113.25:25", rest);
    incident.finding.severity = severity;
    incident.finding.count = 7;
    incident.last_announced = NOW - 5;
    snprintf(incident.id, sizeof(incident.id), "%016x", ++ids);
    assert_true(incident_records_save(table, &incident));
    incident_records_free(table);
}

/* ---- what is in it ---- */

static void the_counters_are_in_it(void **state)
{
    (void)state;
    counters_add(&counters.connections);
    counters_add(&counters.messages[PERMISSION_AUTHENTICATED]);
    counters_recipient(&counters, PERMISSION_NONE, DESTINATION_EXTERNAL, DECISION_REFUSED);
    counters_recipient(&counters, PERMISSION_NONE, DESTINATION_EXTERNAL, DECISION_REFUSED);
    counters_add(&counters.enforced[ENFORCE_HOLD]);
    desk.hellos[HELLO_FORGED] = 3;
    desk.asks[ASK_REFUSED] = 4;
    for (int i = 0; i < 98; i++) {
        counters.answers[2]++; /* up to 5 us */
    }
    counters.answers[8] += 2; /* up to 1 ms */
    status_file_keep(file, &moment);
    struct milter_status *snapshot = written();
    json_t *counted = json_object_get(snapshot->object, "counters");
    assert_int_equal(milter_status_count(counted, "connections"), 1);
    assert_int_equal(json_integer_value(at(counted, "messages", "authenticated")), 1);
    assert_int_equal(json_array_size(json_object_get(counted, "recipients")), 1);
    const json_t *row = json_array_get(json_object_get(counted, "recipients"), 0);
    assert_string_equal(milter_status_text(row, "permission"), "none");
    assert_string_equal(milter_status_text(row, "destination"), "external");
    assert_string_equal(milter_status_text(row, "decision"), "refused");
    assert_int_equal(milter_status_count(row, "count"), 2);
    assert_int_equal(json_integer_value(at(counted, "enforced", "hold")), 1);
    assert_int_equal(json_integer_value(at(counted, "hellos", "forged")), 3);
    assert_int_equal(json_integer_value(at(counted, "asks", "refused")), 4);
    char text[MILTER_STATUS_ANSWERS_SIZE];
    assert_string_equal(milter_status_answers(snapshot, text),
                        "half of them within 5 us, 99 of 100 within 1 ms");
    milter_status_free(snapshot);
}

static void settings_and_the_probes_visits_are_in_it(void **state)
{
    (void)state;
    undeclared_note(&configuration->undeclared, 0, "a.test", clocks_now().steady);
    status_file_keep(file, &moment);
    struct milter_status *snapshot = written();
    assert_string_equal(json_string_value(at(snapshot->object, "settings", "enforce")), "observe");
    assert_int_equal(json_array_size(at(snapshot->object, "settings", "own_mailers")), 4);
    assert_string_equal(milter_status_text(snapshot->object, "socket"),
                        "unix:/run/relaywarden/\\x1Bsocket");
    const json_t *probe = json_object_get(snapshot->object, "probe");
    assert_true(json_is_null(json_object_get(probe, "expected_seconds"))); /* there is no key */
    assert_int_equal(milter_status_time(probe, "last_seen"), NOW - 50);
    assert_false(milter_status_is_true(probe, "seen_since_start"));
    assert_int_equal(snapshot->started, NOW - 100);
    char *domains = milter_status_domains(snapshot);
    assert_string_equal(domains, "a.test");
    free(domains);
    milter_status_free(snapshot);
}

static void masked_addresses_are_summed_up_and_at_most_100_are_listed(void **state)
{
    (void)state;
    static struct mask masks[150];
    char text[ADDRESS_TEXT_SIZE];

    for (int i = 0; i < 150; i++) {
        snprintf(text, sizeof(text), "192.0.2.%d", i / 2);
        masks[i] = (struct mask){.hidden = NOW + i, .since = NOW - i, .route = {(uint8_t)i}};
        snprintf(masks[i].listener, sizeof(masks[i].listener), "203.0.113.25:25");
        assert_true(address_parse(text, &masks[i].address));
    }
    masks[1].true_since = NOW;
    moment.masks = masks;
    moment.mask_count = 150;
    status_file_keep(file, &moment);
    struct milter_status *snapshot = written();
    const json_t *masked = json_object_get(snapshot->object, "masked");
    assert_int_equal(milter_status_count(masked, "count"), 75);
    assert_int_equal(milter_status_count(masked, "routes"), 150);
    const json_t *first = json_array_get(json_object_get(masked, "addresses"), 0);
    assert_string_equal(milter_status_text(first, "address"), "192.0.2.0");
    assert_int_equal(milter_status_count(first, "routes"), 2);
    assert_int_equal(milter_status_count(first, "healing"), 1);
    assert_int_equal(milter_status_time(first, "since"), NOW - 1);
    assert_int_equal(milter_status_time(first, "last_hidden"), NOW + 1);
    milter_status_free(snapshot);
    for (int i = 0; i < 150; i++) {
        snprintf(text, sizeof(text), "192.0.2.%d", i);
        assert_true(address_parse(text, &masks[i].address));
    }
    pass(SNAPSHOT_PAUSE_SECONDS);
    status_file_keep(file, &moment);
    snapshot = written();
    assert_int_equal(json_array_size(at(snapshot->object, "masked", "addresses")), 100);
    assert_int_equal(json_integer_value(at(snapshot->object, "masked", "count")), 150);
    milter_status_free(snapshot);
}

static void incidents_are_listed_the_most_severe_first_and_within_bounds(void **state)
{
    (void)state;
    char rest[32];

    assert_int_equal(sqlite3_exec(database, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 120; i++) {
        snprintf(rest, sizeof(rest), "10.%d.0.0/24", i);
        save_incident(rest, i == 60 ? SEVERITY_CRITICAL : SEVERITY_WARNING, INCIDENT_OPENED);
        snprintf(rest, sizeof(rest), "10.%d.1.0/24", i);
        save_incident(rest, SEVERITY_CRITICAL, INCIDENT_RESOLVED);
    }
    assert_int_equal(sqlite3_exec(database, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    status_file_keep(file, &moment);
    struct milter_status *snapshot = written();
    const json_t *incidents = json_object_get(snapshot->object, "incidents");
    assert_int_equal(milter_status_count(incidents, "open_count"), 120);
    const json_t *open = json_object_get(incidents, "open");
    assert_int_equal(json_array_size(open), SNAPSHOT_OPEN_MAX);
    const json_t *first = json_array_get(open, 0);
    assert_string_equal(milter_status_text(first, "severity"), "critical");
    assert_string_equal(milter_status_text(first, "kind"), "open-relay");
    assert_string_equal(milter_status_text(json_object_get(first, "subject"), "network"),
                        "10.60.0.0/24");
    assert_string_equal(milter_status_text(first, "why"), "Seen from 10.60.0.0/24");
    assert_int_equal(milter_status_count(first, "count"), 7);
    assert_int_equal(milter_status_time(first, "opened"), NOW - 90);
    assert_int_equal(milter_status_time(first, "ended"), 0);
    const json_t *ended = json_object_get(incidents, "ended");
    assert_int_equal(json_array_size(ended), SNAPSHOT_ENDED_MAX);
    assert_int_equal(milter_status_time(json_array_get(ended, 0), "ended"), NOW - 5);
    milter_status_free(snapshot);
}

static void without_a_database_incidents_are_not_known(void **state)
{
    (void)state;
    moment.database = NULL;
    status_file_keep(file, &moment);
    struct milter_status *snapshot = written();
    assert_true(json_is_null(json_object_get(snapshot->object, "incidents")));
    milter_status_free(snapshot);
}

/* ---- when it is written ---- */

static void it_is_written_when_something_has_changed_and_now_and_then(void **state)
{
    (void)state;
    assert_true(status_file_is_due(file, STEADY));
    status_file_keep(file, &moment);
    assert_int_equal(time_written(), NOW);
    assert_false(status_file_is_due(file, STEADY + SNAPSHOT_PAUSE_SECONDS - 1));
    pass(SNAPSHOT_PAUSE_SECONDS);
    assert_true(status_file_is_due(file, moment.now.steady));
    status_file_keep(file, &moment);
    assert_int_equal(time_written(), NOW); /* nothing has */
    counters_add(&counters.connections);
    pass(SNAPSHOT_PAUSE_SECONDS);
    status_file_keep(file, &moment);
    assert_int_equal(time_written(), NOW + 2 * SNAPSHOT_PAUSE_SECONDS);
    pass(SNAPSHOT_PERIOD_SECONDS);
    status_file_keep(file, &moment);
    assert_int_equal(time_written(), moment.now.wall);
    pass(1);
    moment.stopping = true;
    status_file_keep(file, &moment);
    assert_int_equal(time_written(), moment.now.wall);
    struct milter_status *snapshot = written();
    assert_false(milter_status_is_running(snapshot));
    milter_status_free(snapshot);
}

static void that_it_cannot_be_written_is_told_once_and_so_is_the_end_of_that(void **state)
{
    (void)state;
    char draft[256];
    char inside[300];

    status_file_keep(file, &moment);
    /* A directory that is not empty stands in the way of each draft. */
    sample_path(folder, ".snapshot.json", draft);
    snprintf(inside, sizeof(inside), "%s/x", draft);
    assert_int_equal(mkdir(draft, 0700), 0);
    assert_int_equal(mkdir(inside, 0700), 0);
    for (int i = 0; i < 3; i++) {
        counters_add(&counters.connections);
        pass(SNAPSHOT_PAUSE_SECONDS);
        status_file_keep(file, &moment);
    }
    assert_int_equal(time_written(), NOW);
    assert_int_equal(rmdir(inside), 0);
    assert_int_equal(rmdir(draft), 0);
    pass(SNAPSHOT_PAUSE_SECONDS);
    status_file_keep(file, &moment); /* also though nothing has changed since the last attempt */
    assert_int_equal(time_written(), moment.now.wall);
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(recorder_heard(recorder_fast, "snapshot.json cannot be written: Is a dir"), 1);
    assert_int_equal(recorder_heard(recorder_fast, "snapshot.json is written again"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_counters_are_in_it),
        TEST(settings_and_the_probes_visits_are_in_it),
        TEST(masked_addresses_are_summed_up_and_at_most_100_are_listed),
        TEST(incidents_are_listed_the_most_severe_first_and_within_bounds),
        TEST(without_a_database_incidents_are_not_known),
        TEST(it_is_written_when_something_has_changed_and_now_and_then),
        TEST(that_it_cannot_be_written_is_told_once_and_so_is_the_end_of_that),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

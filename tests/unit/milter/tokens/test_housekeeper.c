/* The thread that keeps masks in the database, and follows what others do there. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/state/database.h"
#include "lib/state/moment_table.h"
#include "lib/sys/clocks.h"
#include "milter/live_conf.h"
#include "milter/tokens/housekeeper.h"
#include "milter/tokens/token_finding.h"
#include "probe/report/milter_status.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/milter_sample.h"
#include "tests/unit/recorder.h"
#include "tests/unit/set_clock.h"

#define WAIT_MS 60000 /* for what must happen; a loaded machine is slow */

static struct probe_dialogue_desk desk = PROBE_DIALOGUE_DESK;
static struct reporter *reporter;
static char *folder;
static char path[256];

static void forget(void)
{
    desk.masks.count = 0;
    mask_index_begin(&desk.masks.index);
    mask_index_publish(&desk.masks.index);
    atomic_store(&desk.masks.masked, 0);
}

static int set_up(void **state)
{

    (void)state;
    set_clock_right();
    forget();
    atomic_store(&desk.last_inside, 0);
    folder = sample_folder();
    sample_path(folder, "milter.db", path);
    recorder_clear();
    live_conf_install(live_conf_new(milter_sample_conf(), NULL));
    reporter = recorder_start_reporter(&sample_settings, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    reporter_stop(reporter, WAIT_MS);
    live_conf_install(NULL);
    sample_folder_remove(folder);
    return 0;
}

/* 192.0.2.1 is in the sample's trusted network. */
static struct mask sample_mask(void)
{
    struct mask mask = {.route = {9}, .listener = "203.0.113.25:25"};

    assert_true(address_parse("192.0.2.1", &mask.address));
    return mask;
}

static void hide(void)
{
    const struct mask mask = sample_mask();

    assert_true(masks_hide(&desk.masks, &mask, clocks_now().steady));
}

static bool is_masked(void)
{
    const struct mask mask = sample_mask();

    return masks_contain(&desk.masks, &mask.address);
}

static struct housekeeper *start(void)
{
    struct housekeeper *keeper = housekeeper_start(path, &desk, reporter, NULL);

    assert_non_null(keeper);
    return keeper;
}

static sqlite3 *open_other(void)
{
    char error[DATABASE_ERROR_SIZE];
    sqlite3 *database = NULL;

    assert_int_equal(database_open(path, &database, error), DATABASE_OK);
    return database;
}

/* Waits for what the keeper does within its next rounds. */
static void wait_until(bool (*condition)(void))
{
    const struct timespec step = {.tv_nsec = 5000000};

    for (int waited = 0; !condition(); waited += 5) {
        assert_true(waited < WAIT_MS);
        nanosleep(&step, NULL);
    }
}

static bool is_not_masked(void)
{
    return !is_masked();
}

/* When the probe was last seen, as a Unix time. */
static int64_t last_visit(void)
{
    const struct clocks now = clocks_now();

    return clocks_wall(&now, atomic_load(&desk.last_ask));
}

static bool is_remembered(void)
{
    return last_visit() < time(NULL) - 1000;
}

static bool is_announced(void)
{
    return recorder_announcements(recorder_slow) > 0;
}

static void a_mask_and_its_incident_are_there_after_a_restart(void **state)
{
    (void)state;
    struct housekeeper *keeper = start();

    hide();
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    forget();
    assert_false(is_masked());
    keeper = start();
    wait_until(is_masked);
    wait_until(is_announced);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_true(reporter_flush(reporter, WAIT_MS));
    pthread_mutex_lock(&recorder_slow->mutex);
    const struct incident incident = recorder_slow->last.incident;
    pthread_mutex_unlock(&recorder_slow->mutex);
    assert_int_equal(incident.finding.kind, FINDING_CLIENT_ADDRESS_HIDDEN);
    assert_int_equal(incident.finding.severity, SEVERITY_CRITICAL);
    assert_int_equal(incident.finding.count, 1);
}

#define EXPECTED 10000L

/* A configuration that has a key, and expects a visit within EXPECTED. */
static void install_expecting_a_probe(void)
{
    static const uint8_t octets[TOKEN_KEY_MIN] = {1, 2, 3};
    struct conf *conf = milter_sample_conf();

    conf->token_key = calloc(1, sizeof(*conf->token_key));
    assert_non_null(conf->token_key);
    assert_true(token_key_derive(octets, sizeof(octets), conf->token_key));
    conf->milter.probe_expected_seconds = EXPECTED;
    live_conf_install(live_conf_new(conf, NULL));
}

static int64_t stored_visit(sqlite3 *database)
{
    int64_t stored = 0;

    assert_true(moment_table_load(database, MOMENT_PROBE_SEEN, &stored));
    return stored;
}

static enum finding_kind last_kind(void)
{
    pthread_mutex_lock(&recorder_slow->mutex);
    enum finding_kind kind = recorder_slow->last.incident.finding.kind;
    pthread_mutex_unlock(&recorder_slow->mutex);
    return kind;
}

static void the_probes_last_visit_is_remembered(void **state)
{
    (void)state;
    int64_t visit = time(NULL) - 5000;
    sqlite3 *other = open_other();

    install_expecting_a_probe();
    assert_true(moment_table_save(other, MOMENT_PROBE_SEEN, visit));
    struct housekeeper *keeper = start();
    wait_until(is_remembered);
    assert_in_range(last_visit(), visit - 1, visit + 1);
    visit = time(NULL);
    atomic_store(&desk.last_ask, clocks_now().steady);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_in_range(stored_visit(other), visit - 1, visit + 1);
    database_close(other);
}

#define WEEK (7L * 24 * 60 * 60)

static void a_visit_that_is_still_to_come_is_one_of_now(void **state)
{
    (void)state;
    sqlite3 *other = open_other();

    install_expecting_a_probe();
    assert_true(moment_table_save(other, MOMENT_PROBE_SEEN, time(NULL) + WEEK));
    struct housekeeper *keeper = start();
    while (stored_visit(other) > time(NULL)) {
        usleep(5000);
    }
    assert_in_range(last_visit(), time(NULL) - 60, time(NULL));
    /* It silences nothing. */
    atomic_store(&elapsed, EXPECTED + 60);
    wait_until(is_announced);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(last_kind(), FINDING_PROBE_MISSING);
    database_close(other);
}

static void a_clock_that_is_set_makes_no_probe_missing_and_hides_none(void **state)
{
    (void)state;
    sqlite3 *other = open_other();

    install_expecting_a_probe();
    struct housekeeper *keeper = start();
    atomic_store(&ahead, WEEK);
    while (stored_visit(other) < time(NULL) - 60) {
        usleep(5000);
    }
    assert_int_equal(recorder_announcements(recorder_slow), 0);
    atomic_store(&ahead, -WEEK);
    while (stored_visit(other) > time(NULL)) {
        usleep(5000);
    }
    assert_int_equal(recorder_announcements(recorder_slow), 0);
    atomic_store(&elapsed, EXPECTED + 60);
    wait_until(is_announced);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_int_equal(last_kind(), FINDING_PROBE_MISSING);
    database_close(other);
}

static bool is_resolved(void)
{
    pthread_mutex_lock(&recorder_slow->mutex);
    bool resolved = recorder_slow->last.state == INCIDENT_RESOLVED;
    pthread_mutex_unlock(&recorder_slow->mutex);
    return resolved;
}

/* An incident of before a restart is the reporter's; the keeper of now has raised none. */
static void a_visit_after_a_restart_ends_the_incident_of_before(void **state)
{
    (void)state;
    sqlite3 *other = open_other();
    struct finding finding;

    install_expecting_a_probe();
    token_finding_probe_missing(&finding, time(NULL) - WEEK, 0, EXPECTED);
    reporter_hand_over(reporter, &finding);
    wait_until(is_announced);
    /* So long as nobody can read when it came, it stays. */
    assert_true(moment_table_save(other, MOMENT_PROBE_SEEN, time(NULL) - EXPECTED / 2));
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_false(is_resolved());
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    struct housekeeper *keeper = start();
    wait_until(is_resolved);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_int_equal(last_kind(), FINDING_PROBE_MISSING);
    database_close(other);
}

static char last_words[FINDING_WHY_SIZE];

static const char *why_it_is_missing(void)
{
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(last_kind(), FINDING_PROBE_MISSING);
    pthread_mutex_lock(&recorder_slow->mutex);
    snprintf(last_words, sizeof(last_words), "%s", recorder_slow->last.incident.finding.why);
    pthread_mutex_unlock(&recorder_slow->mutex);
    return last_words;
}

static void asks_from_inside_do_not_end_the_wait_and_are_told(void **state)
{
    (void)state;

    install_expecting_a_probe();
    struct housekeeper *keeper = start();
    atomic_store(&elapsed, EXPECTED - 10);
    atomic_store(&desk.last_inside, clocks_now().steady);
    atomic_store(&elapsed, EXPECTED + 60);
    wait_until(is_announced);
    assert_non_null(strstr(why_it_is_missing(), "identity meanwhile, the last time at 2"));
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_int_equal(recorder_heard(recorder_fast, "a probe asked from inside"), 0);
}

static bool is_told_of_inside(void)
{
    return recorder_heard(recorder_fast, "a probe asked from inside") > 0;
}

static void an_ask_from_inside_while_the_probe_is_missing_is_told_once(void **state)
{
    (void)state;

    install_expecting_a_probe();
    struct housekeeper *keeper = start();
    atomic_store(&elapsed, EXPECTED + 60);
    wait_until(is_announced);
    assert_non_null(strstr(why_it_is_missing(), "None asked from inside meanwhile either"));
    atomic_store(&desk.last_inside, clocks_now().steady);
    wait_until(is_told_of_inside);
    atomic_store(&desk.last_inside, clocks_now().steady + 1);
    atomic_store(&desk.last_ask, clocks_now().steady);
    wait_until(is_resolved);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(recorder_heard(recorder_fast, "a probe asked from inside"), 1);
}

static int64_t stored_inside(sqlite3 *database)
{
    int64_t stored = 0;

    assert_true(moment_table_load(database, MOMENT_PROBE_INSIDE, &stored));
    return stored;
}

static bool inside_is_known(void)
{
    return atomic_load(&desk.last_inside) != 0;
}

static void asks_from_inside_are_remembered_over_a_restart(void **state)
{
    (void)state;
    int64_t stored;
    sqlite3 *other = open_other();

    install_expecting_a_probe();
    struct housekeeper *keeper = start();
    atomic_store(&desk.last_inside, clocks_now().steady);
    while ((stored = stored_inside(other)) == 0) {
        usleep(5000);
    }
    assert_in_range(stored, time(NULL) - 60, time(NULL));
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    atomic_store(&desk.last_inside, 0);
    atomic_store(&elapsed, EXPECTED + 60);
    /* The last one from outside was before it. */
    assert_true(moment_table_save(other, MOMENT_PROBE_SEEN, stored - EXPECTED - 60));
    keeper = start();
    wait_until(inside_is_known);
    wait_until(is_announced);
    assert_non_null(strstr(why_it_is_missing(),
                           "A probe asked from inside or under a claimed identity meanwhile"));
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    database_close(other);
}

static bool waits_anew(void)
{
    return last_visit() > time(NULL) - 1000;
}

/* A key that is put into the configuration of a filter that has run for long. */
static void a_probe_that_is_expected_from_a_reload_on_has_its_time_to_come(void **state)
{
    (void)state;
    sqlite3 *other = open_other();
    struct housekeeper *keeper = start();

    atomic_store(&elapsed, 2 * EXPECTED);
    wait_until(waits_anew); /* a round without a key */
    install_expecting_a_probe();
    while (stored_visit(other) == 0) { /* a round with it has begun, */
        usleep(5000);
    }
    atomic_store(&desk.last_inside, clocks_now().steady);
    while (stored_inside(other) == 0) { /* and another after it */
        usleep(5000);
    }
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(recorder_announcements(recorder_slow), 0);
    atomic_store(&elapsed, 2 * EXPECTED + EXPECTED + 60);
    wait_until(is_announced);
    assert_int_equal(last_kind(), FINDING_PROBE_MISSING);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    database_close(other);
}

static void a_mask_heals_by_what_elapses_whatever_the_clock_says(void **state)
{
    (void)state;
    const struct mask mask = sample_mask();
    struct housekeeper *keeper = start();

    hide();
    masks_show(&desk.masks, mask.route, clocks_now().steady);
    assert_false(is_masked());
    /* Masked again within a day: healing takes one. */
    atomic_store(&ahead, 2 * WEEK);
    hide();
    masks_show(&desk.masks, mask.route, clocks_now().steady);
    assert_true(is_masked());
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    forget();
    atomic_store(&ahead, 0); /* what was saved is to come now */
    keeper = start();
    wait_until(is_masked);
    atomic_store(&elapsed, MASK_FLAP_SECONDS - 60);
    masks_show(&desk.masks, mask.route, clocks_now().steady);
    assert_true(is_masked());
    atomic_store(&elapsed, MASK_FLAP_SECONDS + 60);
    masks_show(&desk.masks, mask.route, clocks_now().steady);
    assert_false(is_masked());
    assert_true(housekeeper_stop(keeper, WAIT_MS));
}

static void without_a_database_masks_last_as_long_as_the_process(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/proc/nowhere/milter.db");
    struct housekeeper *keeper = start();

    hide();
    wait_until(is_announced);
    assert_true(is_masked());
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_true(is_masked());
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(recorder_heard(recorder_fast, "are kept in memory"), 1);
}

static bool is_told(void)
{
    return recorder_heard(recorder_fast, "are kept in memory") > 0;
}

static void that_nothing_can_be_saved_is_told_once(void **state)
{
    (void)state;
    sqlite3 *other = open_other();

    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    hide();
    struct housekeeper *keeper = start();
    wait_until(is_told);
    /* At the end it tries again, and it can be opened and read. */
    atomic_store(&elapsed, 60);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(recorder_heard(recorder_fast, "are kept in memory"), 1);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    database_close(other);
}

static void what_is_dropped_in_the_database_is_dropped_here(void **state)
{
    (void)state;
    const struct mask mask = sample_mask();
    struct housekeeper *keeper = start();
    sqlite3 *other = open_other();

    hide();
    /* Until it is there; the keeper may be writing it. */
    int rows = 0;
    for (int waited = 0; rows < 1 && waited < WAIT_MS; waited += 5) {
        usleep(5000);
        rows = mask_table_drop(other, &mask.address, time(NULL));
    }
    assert_int_equal(rows, 1);
    wait_until(is_not_masked);
    database_close(other);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    assert_true(reporter_flush(reporter, WAIT_MS));
    assert_int_equal(recorder_heard(recorder_fast, "192.0.2.1 is not masked any more"), 1);
}

/* ---- the snapshot ---- */

static char seen_path[256];

/* The snapshot as it is now; NULL: there is none yet. */
static struct milter_status *look(void)
{
    char error[MILTER_STATUS_ERROR_SIZE];

    return access(seen_path, F_OK) == 0 ? milter_status_read(seen_path, error) : NULL;
}

static long long masked_in_snapshot(void)
{
    struct milter_status *seen = look();
    long long count =
        seen == NULL ? -1 : milter_status_count(json_object_get(seen->object, "masked"), "count");

    milter_status_free(seen);
    return count;
}

static bool is_written(void)
{
    return masked_in_snapshot() == 0;
}

static bool is_written_with_the_mask(void)
{
    return masked_in_snapshot() == 1;
}

static void what_was_seen_is_written_at_the_start_as_it_changes_and_at_the_end(void **state)
{
    (void)state;
    static struct counters counters;
    const struct snapshot_source source = {
        .host = "mx.example.org",
        .socket = "unix:/run/milter.sock",
        .started = time(NULL),
        .counters = &counters,
        .desk = &desk,
    };
    struct status_file *file = status_file_new(folder, &source, reporter, NULL);

    assert_non_null(file);
    sample_path(folder, "snapshot.json", seen_path);
    struct housekeeper *keeper = housekeeper_start(path, &desk, reporter, file);
    assert_non_null(keeper);
    wait_until(is_written);
    int64_t before = time(NULL);
    hide();
    atomic_store(&elapsed, SNAPSHOT_PAUSE_SECONDS);
    wait_until(is_written_with_the_mask);
    assert_true(housekeeper_stop(keeper, WAIT_MS));
    struct milter_status *seen = look();
    assert_non_null(seen);
    assert_false(milter_status_is_running(seen));
    const json_t *masked = json_object_get(seen->object, "masked");
    const json_t *address = json_array_get(json_object_get(masked, "addresses"), 0);
    assert_string_equal(milter_status_text(address, "address"), "192.0.2.1");
    /* By the wall clock, though the filter goes by another whose seconds begin elsewhere. */
    assert_in_range(milter_status_time(address, "since"), before - 1, seen->written + 1);
    assert_in_range(milter_status_time(json_object_get(seen->object, "probe"), "last_seen"),
                    before - 60, seen->written);
    milter_status_free(seen);
    status_file_free(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_mask_and_its_incident_are_there_after_a_restart),
        TEST(what_is_dropped_in_the_database_is_dropped_here),
        TEST(the_probes_last_visit_is_remembered),
        TEST(a_visit_that_is_still_to_come_is_one_of_now),
        TEST(a_clock_that_is_set_makes_no_probe_missing_and_hides_none),
        TEST(a_visit_after_a_restart_ends_the_incident_of_before),
        TEST(asks_from_inside_do_not_end_the_wait_and_are_told),
        TEST(an_ask_from_inside_while_the_probe_is_missing_is_told_once),
        TEST(asks_from_inside_are_remembered_over_a_restart),
        TEST(a_probe_that_is_expected_from_a_reload_on_has_its_time_to_come),
        TEST(a_mask_heals_by_what_elapses_whatever_the_clock_says),
        TEST(without_a_database_masks_last_as_long_as_the_process),
        TEST(that_nothing_can_be_saved_is_told_once),
        TEST(what_was_seen_is_written_at_the_start_as_it_changes_and_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Incidents over restarts: the reporter with a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/alert/reporter.h"
#include "lib/state/incident_store.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/faulty_disk.h"
#include "tests/unit/recorder.h"

#define WAIT_MS 60000 /* for what must happen; a loaded machine is slow */

struct place {
    char *folder;
    char path[256];
    struct alert_settings alert;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    recorder_clear();
    place->folder = sample_folder();
    sample_path(place->folder, "state.db", place->path);
    place->alert = sample_settings;
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    sample_folder_remove(place->folder);
    free(place);
    return 0;
}

static struct reporter *start(const struct place *place)
{
    return recorder_start_reporter(&place->alert, place->path);
}

static void hand_over(struct reporter *reporter, const char *rest)
{
    struct finding finding = sample_finding(FINDING_OPEN_RELAY, "L", rest);

    reporter_hand_over(reporter, &finding);
}

static void flush(struct reporter *reporter)
{
    assert_true(reporter_flush(reporter, WAIT_MS));
}

static void stop(struct reporter *reporter)
{
    reporter_stop(reporter, WAIT_MS);
}

static sqlite3 *open_raw(const struct place *place)
{
    sqlite3 *database = NULL;

    assert_int_equal(sqlite3_open(place->path, &database), SQLITE_OK);
    sqlite3_busy_timeout(database, WAIT_MS);
    return database;
}

static void run_sql(const struct place *place, const char *sql)
{
    sqlite3 *database = open_raw(place);

    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static int number(const struct place *place, const char *sql)
{
    sqlite3 *database = open_raw(place);
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return value;
}

/* Waits until a query says so. */
static void wait_for_number(const struct place *place, const char *sql, int wanted)
{
    const struct timespec pause = {0, 20000000};

    for (int i = 0; i < WAIT_MS / 20; i++) {
        if (number(place, sql) == wanted)
            return;
        nanosleep(&pause, NULL);
    }
    assert_int_equal(number(place, sql), wanted);
}

static void wait_until_heard_so_often(const char *text, int times)
{
    const struct timespec pause = {0, 20000000};

    for (int i = 0; i < WAIT_MS / 20 && recorder_heard(recorder_fast, text) < times; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(recorder_heard(recorder_fast, text), times);
}

static void wait_until_heard(const char *text)
{
    wait_until_heard_so_often(text, 1);
}

static void wait_for_announcements(size_t count)
{
    const struct timespec pause = {0, 20000000};

    for (int i = 0; i < WAIT_MS / 20 && recorder_announcements(recorder_fast) < count; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(recorder_announcements(recorder_fast), count);
}

static void wait_for_slow(size_t count)
{
    const struct timespec pause = {0, 20000000};

    for (int i = 0; i < WAIT_MS / 20; i++) {
        if (recorder_announcements(recorder_slow) >= count)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("the slow sink did not get %zu announcements", count);
}

static void an_open_incident_goes_on_after_a_restart(void **state)
{
    struct place *place = *state;
    struct finding finding = sample_open_relay();
    struct reporter *reporter = start(place);

    finding_add(&finding, "odd", FIELD_EVIDENCE, "a\"\\\x01 \xC3\xA4");
    reporter_hand_over(reporter, &finding);
    reporter_hand_over(reporter, &finding);
    flush(reporter);
    struct announcement before = recorder_fast->last;
    reporter_hand_over(reporter, &finding);
    stop(reporter);
    assert_int_equal(number(place, "SELECT announced FROM incident WHERE announced_state = 'opened'"
                                   " AND state = 'opened'"),
                     1);

    reporter = start(place);
    reporter_hand_over(reporter, &finding);
    flush(reporter);
    assert_int_equal(recorder_announcements(recorder_fast), 1);
    reporter_resolve(reporter, FINDING_OPEN_RELAY, finding.key);
    flush(reporter);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    struct announcement after = recorder_fast->last;
    assert_int_equal(after.state, INCIDENT_RESOLVED);
    assert_string_equal(after.incident.id, before.incident.id);
    assert_int_equal(after.incident.opened, before.incident.opened);
    assert_int_equal(after.incident.finding.count, 4);
    assert_string_equal(after.incident.finding.why, finding.why);
    assert_string_equal(after.incident.finding.fix.text, finding.fix.text);
    assert_int_equal(after.incident.finding.fields, finding.fields);
    for (size_t i = 0; i < finding.fields; i++) {
        const struct finding_field *field = &after.incident.finding.field[i];

        assert_string_equal(field->name, finding.field[i].name);
        assert_int_equal(field->places, finding.field[i].places);
        assert_string_equal(after.incident.finding.arena + field->value,
                            finding.arena + finding.field[i].value);
    }
    stop(reporter);
    assert_int_equal(number(place, "SELECT count(*) FROM incident WHERE state = 'resolved'"
                                   " AND announced = 1 AND ended IS NOT NULL"),
                     1);

    reporter = start(place);
    reporter_hand_over(reporter, &finding);
    flush(reporter);
    assert_int_equal(recorder_fast->last.state, INCIDENT_OPENED);
    assert_string_not_equal(recorder_fast->last.incident.id, before.incident.id);
    stop(reporter);
}

static void an_end_that_is_still_to_come_was_now(void **state)
{
    const struct place *place = *state;
    struct reporter *reporter = start(place);

    hand_over(reporter, "a");
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
    flush(reporter);
    stop(reporter);
    /* The clock was wrong then. */
    run_sql(place, "UPDATE incident SET ended = ended + 100000000");
    stop(start(place));
    assert_int_equal(number(place, "SELECT count(*) FROM incident"
                                   " WHERE abs(ended - unixepoch()) < 60"),
                     1);
}

static void what_may_not_have_been_announced_is_repeated_with_the_same_id(void **state)
{
    struct place *place = *state;
    struct reporter *reporter = start(place);

    hand_over(reporter, "a");
    flush(reporter);
    struct announcement before = recorder_fast->last;
    stop(reporter);
    run_sql(place, "UPDATE incident SET announced = 0, announced_state = NULL");

    reporter = start(place);
    wait_for_announcements(2);
    assert_int_equal(recorder_fast->last.state, INCIDENT_REPEATED);
    assert_string_equal(recorder_fast->last.incident.id, before.incident.id);
    stop(reporter);
    assert_int_equal(number(place, "SELECT announced FROM incident"), 1);
    reporter = start(place);
    flush(reporter);
    stop(reporter);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
}

static void an_end_that_may_not_have_been_announced_is_announced(void **state)
{
    struct place *place = *state;
    struct reporter *reporter = start(place);

    hand_over(reporter, "a");
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
    stop(reporter);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    struct announcement before = recorder_fast->last;
    run_sql(place, "UPDATE incident SET announced = 0, announced_state = 'opened'");

    reporter = start(place);
    wait_for_announcements(3);
    stop(reporter);
    assert_int_equal(recorder_fast->last.state, INCIDENT_RESOLVED);
    assert_string_equal(recorder_fast->last.incident.id, before.incident.id);
    assert_int_equal(number(place, "SELECT announced FROM incident"), 1);
}

static void an_incident_that_no_sink_took_is_not_marked(void **state)
{
    struct place *place = *state;
    struct reporter *reporter = start(place);

    recorder_let_fail(recorder_fast, true);
    recorder_let_fail(recorder_slow, true);
    hand_over(reporter, "a");
    stop(reporter);
    assert_int_equal(number(place, "SELECT announced FROM incident"), 0);

    recorder_let_fail(recorder_fast, false);
    stop(start(place));
    assert_int_equal(recorder_announcements(recorder_fast), 1);
    assert_int_equal(recorder_fast->last.state, INCIDENT_REPEATED);
    assert_int_equal(number(place, "SELECT announced FROM incident"), 1);
}

/* ---- what no sink took ----------------------------------------------------------------------- */

static const char not_marked[] = "SELECT count(*) FROM incident WHERE announced = 0";

/* With the slow sink alone, which fails. */
static struct reporter *start_with_one_that_fails(struct place *place)
{
    place->alert.syslog_format = SYSLOG_NONE;
    recorder_let_fail(recorder_slow, true);
    return start(place);
}

static void what_its_only_sink_cannot_take_is_due_until_it_can(void **state)
{
    struct place *place = *state;
    struct reporter *reporter = start_with_one_that_fails(place);

    hand_over(reporter, "a");
    hand_over(reporter, "b");
    flush(reporter);
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L b");
    flush(reporter);
    wait_for_number(place, not_marked, 2);
    recorder_let_fail(recorder_slow, false);
    wait_for_slow(2);
    wait_for_number(place, not_marked, 0);
    stop(reporter);
    assert_int_equal(recorder_announcements(recorder_slow), 2);
    assert_int_equal(recorder_slow->last.state, INCIDENT_OPENED);
    assert_string_equal(recorder_slow->last.incident.finding.key, "L a");
    assert_int_equal(number(place, "SELECT count(*) FROM incident WHERE state = 'resolved'"), 1);
}

static void it_stays_due_over_restarts(void **state)
{
    struct place *place = *state;
    struct reporter *reporter = start_with_one_that_fails(place);

    hand_over(reporter, "a");
    hand_over(reporter, "b");
    flush(reporter);
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L b");
    stop(reporter);
    stop(start(place));
    assert_int_equal(number(place, not_marked), 2);
    recorder_let_fail(recorder_slow, false);
    reporter = start(place);
    wait_for_slow(2);
    stop(reporter);
    assert_int_equal(number(place, not_marked), 0);
    stop(start(place));
    assert_int_equal(recorder_announcements(recorder_slow), 2);
}

static void a_full_disk_too_marks_nothing_that_no_sink_took(void **state)
{
    struct place *place = *state;

    faulty_disk_install();
    stop(start(place)); /* makes the database */
    struct reporter *reporter = start_with_one_that_fails(place);
    faulty_disk_let_be_full(true);
    hand_over(reporter, "a");
    hand_over(reporter, "b");
    flush(reporter);
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L b");
    flush(reporter);
    faulty_disk_let_be_full(false);
    wait_for_number(place, not_marked, 2);
    recorder_let_fail(recorder_slow, false);
    wait_for_slow(2);
    stop(reporter);
    faulty_disk_remove();
    assert_int_equal(number(place, not_marked), 0);
    assert_int_equal(recorder_announcements(recorder_slow), 2);
}

static void one_sink_of_two_is_enough(void **state)
{
    const struct place *place = *state;

    recorder_let_fail(recorder_slow, true);
    struct reporter *reporter = start(place);
    hand_over(reporter, "a");
    stop(reporter);
    assert_int_equal(number(place, "SELECT announced FROM incident"), 1);
    assert_int_equal(recorder_announcements(recorder_fast), 1);
}

static void an_end_that_the_database_did_not_hear_of_is_written_later(void **state)
{
    const struct place *place = *state;

    faulty_disk_install();
    stop(start(place));
    struct reporter *reporter = start(place);
    hand_over(reporter, "a");
    flush(reporter);
    wait_for_number(place, "SELECT count(*) FROM incident WHERE announced = 1", 1);
    faulty_disk_let_be_full(true);
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
    flush(reporter);
    hand_over(reporter, "b");
    flush(reporter);
    faulty_disk_let_be_full(false);
    wait_for_number(place, "SELECT count(*) FROM incident WHERE state = 'resolved' AND announced",
                    1);
    wait_for_number(place, "SELECT count(*) FROM incident WHERE state = 'opened' AND announced", 1);
    stop(reporter);
    faulty_disk_remove();
    assert_int_equal(recorder_announcements(recorder_fast), 3);
}

static void what_another_process_could_not_announce_is_announced_by_the_daemon(void **state)
{
    struct place *place = *state;

    place->alert.audits_resolve = true;
    struct reporter *daemon = start(place);
    hand_over(daemon, "own");
    flush(daemon);
    wait_for_number(place, "SELECT count(*) FROM incident WHERE announced = 1", 1);
    recorder_let_fail(recorder_fast, true);
    recorder_let_fail(recorder_slow, true);
    struct reporter *check = start(place);
    hand_over(check, "a");
    stop(check);
    assert_int_equal(number(place, not_marked), 1);
    recorder_let_fail(recorder_fast, false);
    recorder_let_fail(recorder_slow, false);
    run_sql(place, "UPDATE incident SET last_announced = last_announced - 100 WHERE key = 'L a'");
    hand_over(daemon, "b");
    flush(daemon);
    wait_for_announcements(3);
    stop(daemon);
    assert_int_equal(number(place, not_marked), 0);
}

static void an_incident_is_marked_only_when_a_slow_sink_is_through_with_it(void **state)
{
    struct place *place = *state;
    struct reporter *reporter = start(place);

    recorder_let_hang(recorder_slow, true);
    hand_over(reporter, "a");
    recorder_wait_until_it_hangs(recorder_slow);
    assert_false(reporter_flush(reporter, 100));
    assert_int_equal(number(place, "SELECT announced FROM incident"), 0);
    recorder_let_hang(recorder_slow, false);
    wait_for_number(place, "SELECT announced FROM incident", 1);
    stop(reporter);
}

static void the_quiet_time_ends_no_incident_that_only_an_audit_can_end(void **state)
{
    struct place *place = *state;

    place->alert.quiet_after_seconds = 1;
    place->alert.audits_resolve = true;
    struct reporter *reporter = start(place);
    hand_over(reporter, "a");
    flush(reporter);
    const struct timespec pause = {2, 0};
    nanosleep(&pause, NULL);
    hand_over(reporter, "b");
    flush(reporter);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    assert_int_equal(recorder_fast->last.state, INCIDENT_OPENED);
    stop(reporter);

    place->alert.audits_resolve = false;
    reporter = start(place);
    wait_for_announcements(4);
    assert_int_equal(recorder_fast->last.state, INCIDENT_RESOLVED);
    stop(reporter);
}

static void a_locked_database_is_told_once_and_written_when_it_is_free(void **state)
{
    struct place *place = *state;
    struct reporter *reporter = start(place);

    hand_over(reporter, "a");
    flush(reporter);
    hand_over(reporter, "gone");
    flush(reporter);
    sqlite3 *other = open_raw(place);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    hand_over(reporter, "b");
    flush(reporter);
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L gone");
    flush(reporter);
    hand_over(reporter, "c");
    flush(reporter);
    assert_int_equal(recorder_announcements(recorder_fast), 5);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    wait_for_number(place, "SELECT count(*) FROM incident WHERE state <> 'resolved'", 3);
    wait_until_heard("incidents are saved again");
    assert_int_equal(recorder_heard(recorder_fast, "incidents are not saved"), 1);
    assert_int_equal(recorder_heard(recorder_fast, "stop that one"), 1);
    hand_over(reporter, "d");
    stop(reporter);
    assert_int_equal(number(place, "SELECT count(*) FROM incident WHERE announced = 1"), 5);
    assert_int_equal(number(place, "SELECT state = 'resolved' FROM incident WHERE key = 'L gone'"),
                     1);
}

static void each_of_two_failures_is_told_and_that_it_is_over(void **state)
{
    struct place *place = *state;

    stop(start(place));
    sqlite3 *other = open_raw(place);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct reporter *reporter = start(place);
    wait_until_heard("incidents are not saved");
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    wait_until_heard("incidents are saved again");
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    hand_over(reporter, "a");
    wait_until_heard_so_often("incidents are not saved", 2);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    wait_for_number(place, "SELECT count(*) FROM incident", 1);
    wait_until_heard_so_often("incidents are saved again", 2);
    stop(reporter);
    assert_int_equal(recorder_heard(recorder_fast, "incidents are not saved"), 2);
    assert_int_equal(recorder_heard(recorder_fast, "incidents are saved again"), 2);
}

static void a_corrupt_database_is_told_once_and_memory_serves(void **state)
{
    struct place *place = *state;
    FILE *file = fopen(place->path, "we");

    assert_non_null(file);
    for (int i = 0; i < 4096; i++)
        fputc('x', file);
    fclose(file);
    struct reporter *reporter = start(place);
    hand_over(reporter, "a");
    hand_over(reporter, "a");
    flush(reporter);
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
    flush(reporter);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    assert_int_equal(recorder_fast->last.incident.finding.count, 2);
    assert_int_equal(recorder_heard(recorder_fast, "incidents are not saved"), 1);
    hand_over(reporter, "b");
    flush(reporter);

    /* Moved away, as the line said: then a new one serves. */
    assert_int_equal(unlink(place->path), 0);
    wait_until_heard("incidents are saved again");
    stop(reporter);
    assert_int_equal(number(place, "SELECT count(*) FROM incident WHERE key = 'L b'"), 1);
}

static void a_full_disk_is_told_once_and_what_is_open_is_saved_when_there_is_room(void **state)
{
    struct place *place = *state;

    faulty_disk_install();
    struct reporter *reporter = start(place);
    hand_over(reporter, "a");
    flush(reporter);
    faulty_disk_let_be_full(true);
    hand_over(reporter, "b");
    flush(reporter);
    hand_over(reporter, "c");
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
    flush(reporter);
    assert_int_equal(recorder_announcements(recorder_fast), 4);
    assert_int_equal(recorder_heard(recorder_fast, "make room on the disk"), 1);
    faulty_disk_let_be_full(false);
    wait_until_heard("incidents are saved again");
    stop(reporter);
    faulty_disk_remove();
    assert_int_equal(number(place, "SELECT count(*) FROM incident WHERE state <> 'resolved'"), 2);
}

static double seconds_since(const struct timespec *before)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - before->tv_sec) + (double)(now.tv_nsec - before->tv_nsec) / 1e9;
}

static void a_hung_disk_is_awaited_a_second_and_then_no_more(void **state)
{
    struct place *place = *state;
    struct timespec before;

    faulty_disk_install();
    struct reporter *reporter = start(place);
    hand_over(reporter, "a");
    flush(reporter);
    faulty_disk_let_hang(true);
    clock_gettime(CLOCK_MONOTONIC, &before);
    hand_over(reporter, "b");
    wait_for_announcements(2);
    assert_true(seconds_since(&before) > 0.9);
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (int i = 0; i < 20; i++) {
        hand_over(reporter, i % 2 == 0 ? "c" : "d");
        reporter_resolve(reporter, FINDING_OPEN_RELAY, i % 2 == 0 ? "L c" : "L d");
        assert_true(reporter_flush(reporter, WAIT_MS));
    }
    assert_true(seconds_since(&before) < 10); /* 40 seconds, if each were awaited */
    assert_int_equal(recorder_announcements(recorder_fast), 42);
    assert_int_equal(recorder_heard(recorder_fast, "state database not responding"), 1);
    faulty_disk_let_hang(false);
    wait_for_number(place, "SELECT count(*) FROM incident WHERE announced = 1", 22);
    hand_over(reporter, "e");
    wait_until_heard("state database responds again");
    stop(reporter);
    faulty_disk_remove();
    assert_int_equal(number(place, "SELECT count(*) FROM incident WHERE state <> 'resolved'"), 3);
}

static void a_disk_that_hangs_for_long_gets_what_is_open_in_the_end(void **state)
{
    struct place *place = *state;

    faulty_disk_install();
    struct reporter *reporter = start(place);
    hand_over(reporter, "a");
    flush(reporter);
    faulty_disk_let_hang(true);
    hand_over(reporter, "b");
    wait_for_announcements(2);
    for (int i = 0; i < INCIDENT_STORE_QUEUE_MAX; i++) {
        hand_over(reporter, "c");
        reporter_resolve(reporter, FINDING_OPEN_RELAY, "L c");
    }
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
    flush(reporter);
    faulty_disk_let_hang(false);
    wait_for_number(place, "SELECT state = 'resolved' FROM incident WHERE key = 'L a'", 1);
    wait_for_number(place, "SELECT count(*) FROM incident WHERE state <> 'resolved'", 1);
    stop(reporter);
    faulty_disk_remove();
}

static void a_hung_disk_does_not_hold_up_a_stop(void **state)
{
    struct place *place = *state;
    struct timespec before;

    faulty_disk_install();
    struct reporter *reporter = start(place);
    hand_over(reporter, "a");
    flush(reporter);
    wait_for_number(place, "SELECT announced FROM incident", 1);
    faulty_disk_let_hang(true);
    hand_over(reporter, "b");
    faulty_disk_wait_until_it_hangs();
    clock_gettime(CLOCK_MONOTONIC, &before);
    reporter_stop(reporter, 200);
    assert_true(seconds_since(&before) < 10);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    faulty_disk_let_hang(false);
    wait_for_number(place, "SELECT count(*) FROM incident", 2);
    faulty_disk_remove();
}

static void two_processes_with_one_database_announce_a_subject_once(void **state)
{
    struct place *place = *state;

    place->alert.audits_resolve = true;
    struct reporter *one = start(place);
    hand_over(one, "a");
    flush(one);
    wait_for_number(place, "SELECT announced FROM incident", 1);
    struct reporter *two = start(place);
    hand_over(two, "a");
    hand_over(two, "b");
    flush(two);
    assert_int_equal(recorder_announcements(recorder_fast), 2);
    wait_for_number(place, "SELECT count(*) FROM incident WHERE announced = 1", 2);
    reporter_resolve(two, FINDING_OPEN_RELAY, "L a");
    flush(two);
    assert_int_equal(recorder_announcements(recorder_fast), 3);
    wait_for_number(place, "SELECT count(*) FROM incident WHERE announced = 1", 2);
    hand_over(one, "b");
    reporter_resolve(one, FINDING_OPEN_RELAY, "L a");
    flush(one);
    assert_int_equal(recorder_announcements(recorder_fast), 3);
    stop(one);
    stop(two);
}

static void rows_that_are_damaged_or_of_a_later_version_are_left_alone(void **state)
{
    struct place *place = *state;
    struct reporter *reporter = start(place);

    hand_over(reporter, "a");
    hand_over(reporter, "b");
    hand_over(reporter, "c");
    stop(reporter);
    run_sql(place, "UPDATE incident SET finding = replace(finding, 'Seen', x'1b' || '[2J')"
                   " WHERE key = 'L a';"
                   "UPDATE incident SET kind = 'unheard-of' WHERE key = 'L b'");
    reporter = start(place);
    hand_over(reporter, "a");
    hand_over(reporter, "c");
    flush(reporter);
    /* Of L a the evidence is gone, and it lasts and ends all the same. */
    assert_int_equal(recorder_announcements(recorder_fast), 3);
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
    flush(reporter);
    assert_string_equal(recorder_fast->last.incident.finding.key, "L a");
    assert_int_equal(recorder_fast->last.state, INCIDENT_RESOLVED);
    stop(reporter);
    assert_int_equal(number(place, "SELECT count(*) FROM incident WHERE state <> 'resolved'"), 2);
}

static void times_that_are_none_are_no_trouble(void **state)
{
    const struct place *place = *state;
    struct reporter *reporter = start(place);

    hand_over(reporter, "a");
    hand_over(reporter, "b");
    stop(reporter);
    run_sql(place, "UPDATE incident SET opened = -9223372036854775807 - 1,"
                   " last_seen = -9223372036854775807 - 1,"
                   " last_announced = -9223372036854775807 - 1 WHERE key = 'L a';"
                   "UPDATE incident SET opened = 9223372036854775807, announced = 0,"
                   " last_seen = 9223372036854775807, last_announced = 9223372036854775807"
                   " WHERE key = 'L b'");
    reporter = start(place);
    hand_over(reporter, "a");
    hand_over(reporter, "b");
    flush(reporter);
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L a");
    reporter_resolve(reporter, FINDING_OPEN_RELAY, "L b");
    stop(reporter);
    assert_int_equal(number(place, "SELECT count(*) FROM incident WHERE state <> 'resolved'"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_open_incident_goes_on_after_a_restart),
        TEST(an_end_that_is_still_to_come_was_now),
        TEST(what_may_not_have_been_announced_is_repeated_with_the_same_id),
        TEST(an_end_that_may_not_have_been_announced_is_announced),
        TEST(an_incident_that_no_sink_took_is_not_marked),
        TEST(what_its_only_sink_cannot_take_is_due_until_it_can),
        TEST(it_stays_due_over_restarts),
        TEST(a_full_disk_too_marks_nothing_that_no_sink_took),
        TEST(one_sink_of_two_is_enough),
        TEST(an_end_that_the_database_did_not_hear_of_is_written_later),
        TEST(what_another_process_could_not_announce_is_announced_by_the_daemon),
        TEST(an_incident_is_marked_only_when_a_slow_sink_is_through_with_it),
        TEST(the_quiet_time_ends_no_incident_that_only_an_audit_can_end),
        TEST(a_locked_database_is_told_once_and_written_when_it_is_free),
        TEST(each_of_two_failures_is_told_and_that_it_is_over),
        TEST(a_corrupt_database_is_told_once_and_memory_serves),
        TEST(a_full_disk_is_told_once_and_what_is_open_is_saved_when_there_is_room),
        TEST(a_hung_disk_is_awaited_a_second_and_then_no_more),
        TEST(a_disk_that_hangs_for_long_gets_what_is_open_in_the_end),
        TEST(a_hung_disk_does_not_hold_up_a_stop),
        TEST(two_processes_with_one_database_announce_a_subject_once),
        TEST(rows_that_are_damaged_or_of_a_later_version_are_left_alone),
        TEST(times_that_are_none_are_no_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

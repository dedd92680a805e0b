#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/printable.h"
#include "lib/state/audit_state.h"
#include "lib/state/database.h"
#include "lib/state/incident_records.h"
#include "lib/state/mask_table.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/database_place.h"

/* ---- a file system that has no locks to give ---------------------------------------------- */

static bool no_locks;
static unsigned int slept; /* microseconds */

static int control(int file, int what, void *argument)
{
    if (what == F_SETLK || what == F_SETLKW) {
        if (no_locks) {
            errno = ENOLCK;
            return -1;
        }
    }
    return (int)syscall(SYS_fcntl, file, what, argument);
}

/* In place of the C library's, for SQLite, too. */
int fcntl(int file, int what, ...)
{
    va_list rest;

    va_start(rest, what);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control(file, what, argument);
}

int usleep(useconds_t microseconds)
{
    slept += microseconds;
    return 0;
}

/* SQLite sleeps by this one from 3.46 on. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)left;
    slept += wanted->tv_sec * 1000000 + wanted->tv_nsec / 1000;
    return 0;
}

int fcntl64(int file, int what, ...)
{
    va_list rest;

    va_start(rest, what);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control(file, what, argument);
}

static int tear_down(void **state)
{
    no_locks = false;
    return database_place_tear_down(state);
}

static void run(sqlite3 *database, const char *sql)
{
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void a_file_system_without_locks_is_not_waited_for(void **state)
{
    struct database_place *place = *state;
    sqlite3 *database = NULL;

    database_close(database_place_open(place));
    no_locks = true;
    slept = 0;
    assert_int_equal(database_open(place->path, &database, place->error), DATABASE_CANNOT_OPEN);
    assert_non_null(strstr(place->error, "cannot lock files"));
    assert_in_range(slept, 0, 1000);
}

static void locks_that_cease_later_are_not_waited_for_either(void **state)
{
    struct database_place *place = *state;
    sqlite3 *database = database_place_open(place);

    database_wait(database, 3600 * 1000);
    no_locks = true;
    slept = 0;
    assert_int_not_equal(sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(database_failure(database, place->path, place->error), DATABASE_CANNOT_OPEN);
    assert_non_null(strstr(place->error, "cannot lock files"));
    assert_in_range(slept, 0, 1000);
    no_locks = false;
    run(database, "BEGIN IMMEDIATE; COMMIT");
    database_close(database);
}

static bool do_nothing(struct audit_state *state, void *user)
{
    (void)state;
    (void)user;
    return true;
}

static void an_audit_is_kept_though_another_process_commits_slowly(void **state)
{
    const struct database_place *place = *state;
    char error[AUDIT_STATE_ERROR_SIZE];
    char folder[300];
    char path[PATH_MAX];
    sqlite3 *other = NULL;

    snprintf(folder, sizeof(folder), "%s/probe", place->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    struct audit_state *audits = audit_state_open(place->folder, true, error);
    assert_non_null(audits);
    audit_state_path(place->folder, path);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    run(other, "BEGIN IMMEDIATE");
    slept = 0;
    assert_false(audit_state_change(audits, do_nothing, NULL));
    assert_in_range(slept, 4000 * 1000, 6000 * 1000);
    /* Not again. */
    slept = 0;
    assert_false(audit_state_change(audits, do_nothing, NULL));
    assert_int_equal(slept, 0);
    run(other, "COMMIT");
    assert_true(audit_state_change(audits, do_nothing, NULL));
    sqlite3_close(other);
    audit_state_close(audits);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- a folder that may not be written, with a log in it ----------------------------------- */

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rbe");
    FILE *out = fopen(to, "wbe");
    int octet;

    assert_non_null(in);
    assert_non_null(out);
    while ((octet = fgetc(in)) != EOF)
        fputc(octet, out);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* Leaves a copy of the folder as a killed process leaves it: the latest commits are in the log
 * alone. */
static void leave_a_log(struct database_place *place, char copy[256])
{
    char from[300];
    char to[300];
    sqlite3 *database = database_place_open(place);

    run(database, "INSERT INTO moment (name, time) VALUES ('in-the-log', 7)");
    sample_path(place->folder, "copy", copy);
    assert_int_equal(mkdir(copy, 0700), 0);
    sample_path(place->folder, "copy/state.db", copy);
    copy_file(place->path, copy);
    snprintf(from, sizeof(from), "%s-wal", place->path);
    snprintf(to, sizeof(to), "%s-wal", copy);
    copy_file(from, to);
    database_close(database);
}

static void a_log_is_read_where_nothing_may_be_written(void **state)
{
    struct database_place *place = *state;
    char copy[256];
    char folder[256];
    char log[300];
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    struct stat before;
    struct stat after;

    leave_a_log(place, copy);
    snprintf(log, sizeof(log), "%s-wal", copy);
    snprintf(folder, sizeof(folder), "%s/copy", place->folder);
    assert_int_equal(chmod(place->folder, 0755) | chmod(folder, 0555), 0);
    assert_int_equal(chmod(copy, 0444) | chmod(log, 0444) | stat(log, &before), 0);
    bool root = geteuid() == 0; /* who may write whatever the mode is */
    assert_int_equal(root ? seteuid(65534) : 0, 0);
    enum database_error opened = database_open_read_only(copy, &database, place->error);
    if (opened == DATABASE_OK) {
        assert_int_equal(sqlite3_prepare_v2(database,
                                            "SELECT time FROM moment WHERE name = 'in-the-log'", -1,
                                            &statement, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        sqlite3_finalize(statement);
        database_close(database);
    }
    assert_int_equal(root ? seteuid(0) : 0, 0);
    assert_int_equal(opened, DATABASE_OK);
    assert_int_equal(stat(log, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(chmod(folder, 0755) | remove(log) | remove(copy), 0);
}

/* ---- texts and numbers that anybody may have written --------------------------------------- */

static void a_tables_name_in_a_failure_does_nothing_to_a_terminal(void **state)
{
    struct database_place *place = *state;
    sqlite3 *database = database_place_open(place);
    sqlite3 *untouched = NULL;

    (void)sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    run(database, "PRAGMA writable_schema = ON;"
                  "UPDATE sqlite_schema SET name = char(27) || '[2J', sql = 'CREATE TABLE'"
                  " WHERE name = 'mask'");
    database_close(database);
    assert_int_not_equal(database_open(place->path, &untouched, place->error), DATABASE_OK);
    assert_true(printable_is_shown(place->error));
    assert_non_null(strstr(place->error, "\\x1B[2J"));
}

static void a_masks_listener_does_nothing_to_a_terminal(void **state)
{
    struct database_place *place = *state;
    sqlite3 *database = database_place_open(place);
    struct mask mask;

    run(database, "INSERT INTO mask (address, route, listener, hidden, true_since, dropped, strict)"
                  " VALUES ('192.0.2.7', '00112233', 'a' || char(27) || 'b', 1, 0, 0, 0)");
    assert_int_equal(mask_table_load(database, &mask, 1), 1);
    assert_string_equal(mask.listener, "a\\x1Bb");
    database_close(database);
}

static bool take(const struct incident_record *row, void *user)
{
    *(struct incident_record *)user = *row;
    return true;
}

static void how_often_an_incident_flapped_is_a_number_that_can_be_reckoned_with(void **state)
{
    struct database_place *place = *state;
    sqlite3 *database = database_place_open(place);
    static const struct {
        const char *stored;
        unsigned int read;
    } cases[] = {
        {"-1", 0}, {"5", 5}, {"4294967295", INT_MAX}, {"4294967301", INT_MAX}, {"'x'", 0},
    };

    run(database, "INSERT INTO incident (id, kind, key, fold, state, severity, count, opened,"
                  " last_seen, finding) VALUES ('0123456789abcdef', 'open-relay', 'k', 'f',"
                  " 'opened', 'critical', 1, 1, 1, '{}')");
    struct incident_records *table = incident_records_new(database);
    assert_non_null(table);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct incident_record row = {.ended = -1};
        char sql[80];

        snprintf(sql, sizeof(sql), "UPDATE incident SET flaps = %s", cases[i].stored);
        run(database, sql);
        assert_true(incident_records_list(table, take, &row));
        assert_int_equal(row.ended, 0);
        assert_int_equal(row.incident.flaps, cases[i].read);
    }
    incident_records_free(table);
    database_close(database);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, database_place_set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_system_without_locks_is_not_waited_for),
        TEST(locks_that_cease_later_are_not_waited_for_either),
        TEST(an_audit_is_kept_though_another_process_commits_slowly),
        TEST(a_log_is_read_where_nothing_may_be_written),
        TEST(a_tables_name_in_a_failure_does_nothing_to_a_terminal),
        TEST(a_masks_listener_does_nothing_to_a_terminal),
        TEST(how_often_an_incident_flapped_is_a_number_that_can_be_reckoned_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/state/audit_state.h"
#include "lib/state/database.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/database_place.h"
#include "tests/unit/state_5.h"

/* Fails as expected, leaves the output alone, and names the file and a remedy. */
static void refuse(struct database_place *place, const char *path, enum database_error expected,
                   const char *remedy)
{
    sqlite3 *untouched = (sqlite3 *)place;
    sqlite3 *database = untouched;

    place->error[0] = '\0';
    assert_int_equal(database_open(path, &database, place->error), expected);
    assert_ptr_equal(database, untouched);
    assert_non_null(strstr(place->error, "database /"));
    assert_non_null(strstr(place->error, remedy));
}

static int number(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* Opens without our code and runs SQL. */
static void run_sql(const char *path, const char *sql)
{
    sqlite3 *database = NULL;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void insert_incident(sqlite3 *database, const char *id, const char *state)
{
    char sql[400];

    snprintf(sql, sizeof(sql),
             "INSERT INTO incident (id, kind, key, fold, state, severity, count, opened, last_seen,"
             " finding) VALUES ('%s', 'open-relay', 'L a', 'L', '%s', 'critical', 1, 5, 5, '{}')",
             id, state);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void a_fresh_database_has_the_schema_and_is_durable(void **state)
{
    struct database_place *place = *state;
    struct stat status;

    umask(022);
    sqlite3 *database = database_place_open(place);
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(number(database, "PRAGMA user_version"), database_schema_version());
    assert_int_equal(number(database, "PRAGMA application_id"), 0x52575244);
    assert_int_equal(number(database, "PRAGMA synchronous"), 2);
    assert_int_equal(number(database, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(number(database, "SELECT count(*) FROM incident"), 0);
    database_close(database);
}

static void a_database_is_opened_again_with_what_it_holds(void **state)
{
    struct database_place *place = *state;
    sqlite3 *database = database_place_open(place);

    insert_incident(database, "0123456789abcdef", "opened");
    database_close(database);
    database = database_place_open(place);
    assert_int_equal(number(database, "SELECT count(*) FROM incident"), 1);
    database_close(database);
}

static void a_subject_has_one_open_incident(void **state)
{
    struct database_place *place = *state;
    sqlite3 *database = database_place_open(place);

    insert_incident(database, "1", "resolved");
    insert_incident(database, "2", "resolved");
    insert_incident(database, "3", "opened");
    assert_int_equal(sqlite3_exec(database, "UPDATE incident SET state = 'repeated' WHERE id = '1'",
                                  NULL, NULL, NULL),
                     SQLITE_CONSTRAINT);
    database_close(database);
}

static void what_is_no_database_is_corrupt_and_left_as_it_is(void **state)
{
    struct database_place *place = *state;
    FILE *file = fopen(place->path, "we");

    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    refuse(place, place->path, DATABASE_CORRUPT, "move the file away");
    char *text = sample_read_file(place->path);
    assert_memory_equal(text, "this is no database\n", 20);
    free(text);
}

static void a_damaged_page_is_corrupt(void **state)
{
    struct database_place *place = *state;
    sqlite3 *database = database_place_open(place);

    for (int i = 0; i < 500; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%d", i);
        insert_incident(database, id, "resolved");
    }
    int pages = number(database, "PRAGMA page_count");
    int page_size = number(database, "PRAGMA page_size");
    database_close(database);

    FILE *file = fopen(place->path, "r+e");
    assert_non_null(file);
    for (int page = 2; page < pages; page++) {
        assert_int_equal(fseek(file, (long)page * page_size, SEEK_SET), 0);
        for (int i = 0; i < 64; i++)
            fputc(0xA5, file);
    }
    fclose(file);
    refuse(place, place->path, DATABASE_CORRUPT, "move the file away");
}

static void another_programs_database_is_not_touched(void **state)
{
    struct database_place *place = *state;

    run_sql(place->path, "CREATE TABLE mail (x); INSERT INTO mail VALUES (1);");
    refuse(place, place->path, DATABASE_FOREIGN, "another program's");
    run_sql(place->path, "PRAGMA application_id = 77; PRAGMA user_version = 1");
    refuse(place, place->path, DATABASE_FOREIGN, "another program's");

    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(place->path, &database), SQLITE_OK);
    assert_int_equal(number(database, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(number(database, "SELECT journal_mode = 'delete' FROM pragma_journal_mode"),
                     1);
    sqlite3_close(database);
}

static void a_later_versions_database_is_not_touched(void **state)
{
    struct database_place *place = *state;
    char sql[64];

    database_close(database_place_open(place));
    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", database_schema_version() + 1);
    run_sql(place->path, sql);
    refuse(place, place->path, DATABASE_TOO_NEW, "install the later version");
}

static void a_locked_database_is_reported_soon(void **state)
{
    struct database_place *place = *state;
    sqlite3 *holder = NULL;
    time_t before = time(NULL);

    /* A fresh one that another process is making, and a finished one that is held alone. */
    assert_int_equal(sqlite3_open(place->path, &holder), SQLITE_OK);
    assert_int_equal(sqlite3_exec(holder, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    refuse(place, place->path, DATABASE_LOCKED, "another process");
    assert_int_equal(sqlite3_exec(holder, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(holder);

    database_close(database_place_open(place));
    assert_int_equal(sqlite3_open(place->path, &holder), SQLITE_OK);
    assert_int_equal(sqlite3_exec(holder,
                                  "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE;"
                                  " UPDATE incident SET count = 1;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    refuse(place, place->path, DATABASE_LOCKED, "another process");
    sqlite3_close(holder);
    assert_true(time(NULL) - before < 5);
    database_close(database_place_open(place));
}

/* As EXPLAIN QUERY PLAN has it in its fourth column. */
static void expect_index(sqlite3 *database, const char *sql, const char *index)
{
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    if (strstr((const char *)sqlite3_column_text(statement, 3), index) == NULL) {
        fail_msg("%s: %s", sql, (const char *)sqlite3_column_text(statement, 3));
    }
    sqlite3_finalize(statement);
}

static void the_endpoints_of_one_target_are_found_without_reading_all(void **state)
{
    static const char sql[] =
        "EXPLAIN QUERY PLAN UPDATE endpoint SET gone = 1 WHERE target = 'a' AND gone = 0";
    struct database_place *place = *state;
    sqlite3 *database = database_place_open(place);

    expect_index(database, sql, "endpoint_target");
    /* As a file was that an earlier program made. */
    assert_int_equal(sqlite3_exec(database, "DROP INDEX endpoint_target", NULL, NULL, NULL),
                     SQLITE_OK);
    database_close(database);
    database = database_place_open(place);
    expect_index(database, sql, "endpoint_target");
    database_close(database);
}

static void a_path_that_cannot_hold_a_file_is_reported(void **state)
{
    struct database_place *place = *state;
    char path[300];

    database_close(database_place_open(place));
    snprintf(path, sizeof(path), "%s/state.db", place->path);
    refuse(place, path, DATABASE_CANNOT_OPEN, "let this program's user write");
    refuse(place, place->folder, DATABASE_CANNOT_OPEN, "let this program's user write");
}

static void a_missing_directory_is_made_but_not_those_above_it(void **state)
{
    struct database_place *place = *state;
    char *above = place->folder;
    char folder[128];
    struct stat status;

    snprintf(folder, sizeof(folder), "%s/probe", above);
    snprintf(place->path, sizeof(place->path), "%s/deeper/state.db", folder);
    refuse(place, place->path, DATABASE_CANNOT_OPEN, "make it, owned by user ");
    assert_int_equal(access(folder, F_OK), -1);

    umask(022);
    snprintf(place->path, sizeof(place->path), "%s/state.db", folder);
    database_close(database_place_open(place));
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void a_symbolic_link_at_the_file_is_refused_but_not_in_its_directory(void **state)
{
    struct database_place *place = *state;
    char link[256];
    char path[300];

    database_close(database_place_open(place));
    sample_path(place->folder, "link.db", link);
    assert_int_equal(symlink(place->path, link), 0);
    refuse(place, link, DATABASE_CANNOT_OPEN, "symbolic link");
    assert_int_equal(unlink(link), 0);

    assert_int_equal(symlink("/nonexistent/state.db", link), 0);
    sqlite3 *database = NULL;
    assert_int_equal(database_open(link, &database, place->error), DATABASE_CANNOT_OPEN);
    assert_int_equal(unlink(link), 0);

    assert_int_equal(symlink(place->folder, link), 0);
    snprintf(path, sizeof(path), "%s/state.db", link);
    assert_int_equal(database_open(path, &database, place->error), DATABASE_OK);
    database_close(database);
}

/* Steps of SQLite's compiler that a migration goes through, counted by its authorizer. */
static int steps_left;
static bool crash; /* else the step is denied */

static int strike(void *user, int action, const char *a, const char *b, const char *c,
                  const char *d)
{
    (void)user, (void)action, (void)a, (void)b, (void)c, (void)d;
    if (steps_left-- != 0)
        return SQLITE_OK;
    if (crash)
        _exit(9);
    return SQLITE_DENY;
}

static int install_strike(sqlite3 *database, const char **error,
                          const struct sqlite3_api_routines *api)
{
    (void)error, (void)api;
    return sqlite3_set_authorizer(database, strike, NULL);
}

/* Of one version, whichever: never in between. */
static void expect_whole_schema(const char *path)
{
    static const int objects_of[] = {0, 3, 4, 7, 11, 11, 15}; /* with their indices */
    sqlite3 *database = NULL;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    int version = number(database, "PRAGMA user_version");
    int application = number(database, "PRAGMA application_id");
    int objects = number(database, "SELECT count(*) FROM sqlite_schema");
    if (version == 0) {
        assert_int_equal(application, 0);
        assert_int_equal(objects, 0);
    } else {
        assert_in_range(version, 1, database_schema_version());
        assert_int_equal(application, 0x52575244);
        assert_int_equal(objects, objects_of[version]);
        assert_int_equal(
            number(database, "SELECT count(*) FROM pragma_table_info('mask') WHERE name = 'since'"),
            version >= 5);
    }
    sqlite3_close(database);
}

static void remove_database(const struct database_place *place)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char path[300];

        snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
        unlink(path);
    }
}

/* `stride`: not each step, where there are thousands. */
static void crash_at_any_step(struct database_place *place, bool from_5, int stride)
{
    int crashes = 0;

    for (int step = 0;; step += stride) {
        if (from_5) {
            assert_true(state_5_database(place->path));
        }
        pid_t child = fork();

        assert_true(child >= 0 && step < 10000);
        if (child == 0) {
            sqlite3 *database = NULL;

            crash = true;
            steps_left = step;
            sqlite3_auto_extension((void (*)(void))install_strike);
            _exit(database_open(place->path, &database, place->error) == DATABASE_OK ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (access(place->path, F_OK) == 0)
            expect_whole_schema(place->path);
        database_close(database_place_open(place));
        remove_database(place);
        if (WEXITSTATUS(status) == 0)
            break;
        assert_int_equal(WEXITSTATUS(status), 9);
        crashes++;
    }
    assert_true(crashes > 10);
}

static void a_crash_at_any_step_leaves_the_old_schema_or_the_new_one(void **state)
{
    crash_at_any_step(*state, false, 1);
}

static void a_crash_on_the_way_from_schema_5_loses_nothing(void **state)
{
    if (sqlite3_libversion_number() < 3037000) {
        skip();
    }
    crash_at_any_step(*state, true, 17);
}

static void what_schema_5_held_is_all_there(void **state)
{
    struct database_place *place = *state;

    if (!state_5_database(place->path)) {
        skip();
    }
    run_sql(place->path,
            "INSERT INTO mask VALUES ('10.0.0.1', '01020304', '192.0.2.1:25', 5, 6, 0, 1, 4);"
            "INSERT INTO moment VALUES ('probe-seen', 7);"
            /* The same place under another name, and a detail that cannot be read. */
            "INSERT INTO endpoint VALUES (7, 'old.example.org 203.0.113.25:25/auto example.org', 9,"
            " 'damaged');"
            "INSERT INTO audit VALUES (7, 8, 'open', 'client-address-hidden'),"
            " (7, 9, 'open', 'client-address-hidden');");
    sqlite3 *database = database_place_open(place);
    assert_int_equal(number(database, "SELECT count(*) FROM incident"), 5);
    assert_int_equal(number(database, "SELECT sum(length(finding)) > 2000 FROM incident"), 1);
    assert_int_equal(number(database, "SELECT since + strict FROM mask"), 5);
    assert_int_equal(number(database, "SELECT time FROM moment"), 7);
    assert_int_equal(number(database, "SELECT count(*) FROM endpoint WHERE NOT gone"), 6);
    assert_int_equal(number(database, "SELECT sum(audits) FROM run"), 13);
    assert_int_equal(number(database, "SELECT audits FROM run JOIN endpoint ON endpoint.id ="
                                      " endpoint WHERE key = '203.0.113.25:25/auto example.org'"
                                      " AND cause = 'client-address-hidden'"),
                     3);
    assert_int_equal(number(database, "SELECT count(*) FROM endpoint WHERE key ="
                                      " 'nosuchhost.example.org:25/auto example.org'"
                                      " AND target = 'none'"),
                     1);
    assert_int_equal(number(database, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'old%'"
                                      " OR sql LIKE '%) STRICT%'"),
                     0);
    database_close(database);
}

static void a_failure_at_any_step_leaves_the_old_schema(void **state)
{
    struct database_place *place = *state;
    int migrations_failed = 0;
    enum database_error result = DATABASE_CANNOT_OPEN;

    sqlite3_auto_extension((void (*)(void))install_strike);
    for (int step = 0; result != DATABASE_OK; step++) {
        sqlite3 *database = NULL;

        assert_true(step < 1000);
        crash = false;
        steps_left = step;
        result = database_open(place->path, &database, place->error);
        /* A step that was denied was not passed over. */
        assert_true(result != DATABASE_OK || steps_left >= 0);
        steps_left = -1;
        migrations_failed += result == DATABASE_MIGRATION;
        expect_whole_schema(place->path);
        if (result == DATABASE_OK)
            database_close(database);
        else
            assert_non_null(strstr(place->error, place->path));
        remove_database(place);
    }
    sqlite3_cancel_auto_extension((void (*)(void))install_strike);
    assert_true(migrations_failed > 5);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, database_place_set_up, database_place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_database_has_the_schema_and_is_durable),
        TEST(a_database_is_opened_again_with_what_it_holds),
        TEST(a_subject_has_one_open_incident),
        TEST(what_is_no_database_is_corrupt_and_left_as_it_is),
        TEST(a_damaged_page_is_corrupt),
        TEST(another_programs_database_is_not_touched),
        TEST(a_later_versions_database_is_not_touched),
        TEST(the_endpoints_of_one_target_are_found_without_reading_all),
        TEST(a_locked_database_is_reported_soon),
        TEST(a_path_that_cannot_hold_a_file_is_reported),
        TEST(a_missing_directory_is_made_but_not_those_above_it),
        TEST(a_symbolic_link_at_the_file_is_refused_but_not_in_its_directory),
        TEST(a_crash_at_any_step_leaves_the_old_schema_or_the_new_one),
        TEST(a_crash_on_the_way_from_schema_5_loses_nothing),
        TEST(what_schema_5_held_is_all_there),
        TEST(a_failure_at_any_step_leaves_the_old_schema),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

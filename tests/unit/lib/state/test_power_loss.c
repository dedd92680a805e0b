/* Power is lost after each write of a state's life, and the disk is full at each point of it: what
 * was saved is there when the database is opened again, and it is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/state/database.h"
#include "lib/state/incident_records.h"
#include "tests/unit/alert_sample.h"
#include "tests/unit/database_place.h"
#include "tests/unit/faulty_disk.h"

#define EVENTS_MAX 4000
#define INCIDENTS  4
#define SECTOR     512

/* ---- the life ---------------------------------------------------------------------------- */

/* Saves and marks incidents, one transaction each, and closes, three times. How many of these
 * steps are known to be kept is told to `kept` after each. False: one failed. */
static bool live(const char *path, void (*kept)(int steps))
{
    char error[DATABASE_ERROR_SIZE];
    int steps = 0;

    for (int life = 0; life < 3; life++) {
        sqlite3 *database = NULL;
        if (database_open(path, &database, error) != DATABASE_OK) {
            return false;
        }
        struct incident_records *table = incident_records_new(database);
        bool all = table != NULL;
        for (int i = 0; all && i < INCIDENTS; i++) {
            struct incident incident = {.state = INCIDENT_OPENED,
                                        .opened = 1780000000 + life,
                                        .last_seen = 1780000000 + life,
                                        .finding = sample_open_relay()};
            snprintf(incident.id, sizeof(incident.id), "%08d%08d", life, i);
            snprintf(incident.finding.key, sizeof(incident.finding.key), "key %d %d", life, i);
            all = incident_records_save(table, &incident);
            if (all) {
                kept(++steps);
                all = incident_records_mark(table, incident.id, INCIDENT_OPENED,
                                            incident.announced_count);
            }
            if (all) {
                kept(++steps);
            }
        }
        incident_records_free(table);
        database_close(database);
        if (!all) {
            return false;
        }
    }
    return true;
}

/* The steps that a database holds, which opens and is whole. */
static int steps_in(const char *path)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *query = NULL;
    char error[DATABASE_ERROR_SIZE] = "";

    if (database_open(path, &database, error) != DATABASE_OK) {
        fail_msg("%s", error);
    }
    assert_int_equal(sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &query, NULL), 0);
    assert_int_equal(sqlite3_step(query), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(query, 0), "ok");
    sqlite3_finalize(query);
    assert_int_equal(sqlite3_prepare_v2(database,
                                        "SELECT count(*) + coalesce(sum(announced), 0)"
                                        " FROM incident",
                                        -1, &query, NULL),
                     0);
    assert_int_equal(sqlite3_step(query), SQLITE_ROW);
    int steps = sqlite3_column_int(query, 0);
    sqlite3_finalize(query);
    database_close(database);
    return steps;
}

/* ---- the log of writes ------------------------------------------------------------------- */

enum {
    FILE_DATABASE,
    FILE_WAL,
    FILE_JOURNAL,
    FILES
};
static const char *const suffixes[FILES] = {"", "-wal", "-journal"};

static struct {
    struct disk_event event;
    void *bytes; /* DISK_WRITE */
    int file;
    int steps; /* kept before it */
} events[EVENTS_MAX];
static size_t event_count;
static int steps_kept;

static void note_kept(int steps)
{
    steps_kept = steps;
}

static void note_event(const struct disk_event *event)
{
    static const char *const ends[FILES] = {"state.db", "state.db-wal", "state.db-journal"};
    const char *name = strrchr(event->path, '/') + 1;

    for (int file = 0; file < FILES; file++) {
        if (strcmp(name, ends[file]) == 0) {
            assert_true(event_count < EVENTS_MAX);
            events[event_count].event = *event;
            events[event_count].file = file;
            events[event_count].steps = steps_kept;
            if (event->what == DISK_WRITE) {
                events[event_count].bytes = malloc(event->length);
                assert_non_null(events[event_count].bytes);
                memcpy(events[event_count].bytes, event->bytes, event->length);
            }
            event_count++;
        }
    }
}

static void forget_events(void)
{
    while (event_count > 0) {
        free(events[--event_count].bytes);
        events[event_count].bytes = NULL;
    }
}

/* ---- what a power loss leaves ------------------------------------------------------------ */

/* Of the writes that no sync came after. */
enum loss {
    LOSS_ALL,   /* none is there */
    LOSS_NONE,  /* all are */
    LOSS_TORN,  /* all are, but of the last one the first half of its sectors alone */
    LOSS_EARLY, /* only the last one is */
    LOSSES
};

static bool is_synced(size_t at, size_t cut)
{
    for (size_t i = at + 1; i < cut; i++) {
        if (events[i].file == events[at].file && events[i].event.what == DISK_SYNC) {
            return true;
        }
    }
    return false;
}

static void lay_out(const char *path, size_t cut, enum loss loss)
{
    FILE *files[FILES] = {NULL};
    char name[300];

    for (int file = 0; file < FILES; file++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[file]);
        unlink(name);
    }
    snprintf(name, sizeof(name), "%s-shm", path);
    unlink(name);
    for (size_t i = 0; i < cut; i++) {
        const struct disk_event *event = &events[i].event;
        bool last = i + 1 == cut;
        bool there = loss == LOSS_NONE || loss == LOSS_TORN || (loss == LOSS_EARLY && last) ||
                     is_synced(i, cut);
        FILE **file = &files[events[i].file];

        snprintf(name, sizeof(name), "%s%s", path, suffixes[events[i].file]);
        if (event->what == DISK_DELETE) {
            if (*file != NULL) {
                fclose(*file);
                *file = NULL;
            }
            unlink(name);
        }
        if (!there || (event->what != DISK_WRITE && event->what != DISK_TRUNCATE)) {
            continue;
        }
        if (*file == NULL) {
            *file = fopen(name, "w+");
            assert_non_null(*file);
            setbuf(*file, NULL);
        }
        if (event->what == DISK_TRUNCATE) {
            assert_int_equal(ftruncate(fileno(*file), event->offset), 0);
            continue;
        }
        size_t length = event->length;
        if (loss == LOSS_TORN && last) {
            length = length / 2 / SECTOR * SECTOR;
        }
        assert_int_equal(pwrite(fileno(*file), events[i].bytes, length, event->offset), length);
    }
    for (int file = 0; file < FILES; file++) {
        if (files[file] != NULL) {
            fclose(files[file]);
        }
    }
}

/* Each point, or a sample: RELAYWARDEN_WHOLE=1. */
static size_t stride(size_t some)
{
    return getenv("RELAYWARDEN_WHOLE") != NULL ? 1 : some;
}

static void after_a_loss_of_power_at_any_write_all_that_was_saved_is_there(void **state)
{
    const struct database_place *place = *state;

    faulty_disk_install();
    faulty_disk_listen(note_event);
    bool lived = live(place->path, note_kept);
    faulty_disk_listen(NULL);
    faulty_disk_remove();
    assert_true(lived);
    assert_int_equal(steps_in(place->path), 2 * 3 * INCIDENTS);
    assert_in_range(event_count, 100, EVENTS_MAX);
    size_t points = 0;
    for (size_t cut = 0; cut <= event_count; cut += cut + 2 < event_count ? stride(17) : 1) {
        int kept = cut < event_count ? events[cut].steps : steps_kept;
        for (int loss = 0; loss < LOSSES; loss++) {
            lay_out(place->path, cut, (enum loss)loss);
            int steps = steps_in(place->path);
            if (steps != kept && steps != kept + 1) {
                fail_msg("cut at %zu of %zu, loss %d: %d steps are there, %d were kept", cut,
                         event_count, loss, steps, kept);
            }
            points++;
        }
    }
    print_message("%zu losses of power at %zu events\n", points, event_count);
    forget_events();
}

static void on_a_disk_that_is_full_at_any_point_all_that_was_saved_stays(void **state)
{
    const struct database_place *place = *state;
    const rlim_t step = SECTOR * stride(48);
    struct rlimit before;
    rlim_t most = 0;
    bool lived = false;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (; !lived; most += step) {
        struct rlimit full = {most + 1, before.rlim_max};
        assert_true(most < (rlim_t)1 << 20);
        lay_out(place->path, 0, LOSS_NONE);
        steps_kept = 0;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
        lived = live(place->path, note_kept);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_in_range(steps_in(place->path), steps_kept, steps_kept + 1);
    }
    assert_true(most > (rlim_t)32 * SECTOR);
}

/* Sets octets of a whole database: it opens and is read, or is told to be damaged; never more. */
static void a_database_that_is_damaged_at_any_place_does_no_harm(void **state)
{
    struct database_place *place = *state;
    struct stat whole;

    assert_true(live(place->path, note_kept));
    assert_int_equal(stat(place->path, &whole), 0);
    char *octets = malloc((size_t)whole.st_size);
    FILE *file = fopen(place->path, "r+");
    assert_true(octets != NULL && file != NULL);
    setbuf(file, NULL);
    assert_int_equal(fread(octets, 1, (size_t)whole.st_size, file), whole.st_size);
    for (off_t at = 0; at < whole.st_size; at += 16 * (off_t)stride(125)) {
        sqlite3 *database = NULL;
        const char bad = (char)(octets[at] ^ 0xff);
        assert_int_equal(pwrite(fileno(file), &bad, 1, at), 1);
        enum database_error error = database_open(place->path, &database, place->error);
        if (error == DATABASE_OK) {
            struct incident_records *table = incident_records_new(database);
            struct incident incident = {
                .id = "0123456789abcdef", .state = INCIDENT_OPENED, .finding = sample_open_relay()};
            if (table == NULL || !incident_records_save(table, &incident)) {
                assert_int_not_equal(database_failure(database, place->path, place->error),
                                     DATABASE_OK);
            }
            incident_records_free(table);
            database_close(database);
        } else {
            assert_non_null(strstr(place->error, place->path));
        }
        rewind(file);
        assert_int_equal(ftruncate(fileno(file), whole.st_size), 0);
        assert_int_equal(fwrite(octets, 1, (size_t)whole.st_size, file), whole.st_size);
    }
    fclose(file);
    free(octets);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, database_place_set_up, database_place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(after_a_loss_of_power_at_any_write_all_that_was_saved_is_there),
        TEST(on_a_disk_that_is_full_at_any_point_all_that_was_saved_stays),
        TEST(a_database_that_is_damaged_at_any_place_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

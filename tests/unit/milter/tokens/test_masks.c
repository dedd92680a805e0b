#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/state/database.h"
#include "lib/state/moment_table.h"
#include "milter/tokens/mask_summary.h"
#include "milter/tokens/masks.h"
#include "tests/unit/alert_sample.h"

#define NOW 1800000000L
#define DAY (24L * 60 * 60)

static struct masks masks = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static int set_up(void **state)
{
    (void)state;
    masks.count = 0;
    mask_index_begin(&masks.index);
    mask_index_publish(&masks.index);
    atomic_store(&masks.masked, 0);
    return 0;
}

static struct address parsed(const char *text)
{
    struct address address;

    assert_true(address_parse(text, &address));
    return address;
}

static struct mask seen(const char *address, uint8_t route)
{
    return (struct mask){
        .address = parsed(address), .route = {route}, .listener = "172.22.1.10:25"};
}

static bool hide(const char *address, uint8_t route, int64_t now)
{
    const struct mask mask = seen(address, route);

    return masks_hide(&masks, &mask, now);
}

/* How many rows were dropped so, and not told before. */
static size_t take(enum masks_drop how)
{
    struct mask taken[16];
    size_t sum = 0;
    size_t count;

    while ((count = masks_take_dropped(&masks, how, taken, 16)) > 0) {
        for (size_t i = 0; i < count; i++) {
            assert_true(taken[i].dropped != 0);
        }
        sum += count;
    }
    return sum;
}

/* How many rows healed. */
static size_t show(uint8_t route, int64_t now)
{
    const uint8_t octets[TOKEN_ROUTE] = {route};

    masks_show(&masks, octets, now);
    return take(MASKS_DROP_HEALED);
}

static bool masked(const char *address)
{
    const struct address parsed_address = parsed(address);

    return masks_contain(&masks, &parsed_address);
}

static void an_address_is_masked_until_its_route_shows_true(void **state)
{
    (void)state;
    assert_false(masked("172.22.1.1"));
    assert_true(hide("172.22.1.1", 1, NOW));
    assert_true(masked("172.22.1.1"));
    assert_false(masked("172.22.1.2"));
    assert_int_equal(show(2, NOW + 1), 0);
    assert_true(masked("172.22.1.1"));
    assert_int_equal(show(1, NOW + 2), 1);
    assert_false(masked("172.22.1.1"));
    assert_int_equal(show(1, NOW + 3), 0);
}

static void an_address_heals_when_all_its_routes_have(void **state)
{
    (void)state;
    assert_true(hide("172.22.1.1", 1, NOW));
    assert_true(hide("172.22.1.1", 2, NOW));
    assert_true(hide("2001:db8::1", 2, NOW));
    assert_int_equal(show(1, NOW + 1), 0);
    assert_true(masked("172.22.1.1"));
    /* An address that hid again has not healed. */
    assert_true(hide("172.22.1.1", 1, NOW + 2));
    assert_int_equal(show(2, NOW + 3), 1);
    assert_true(masked("172.22.1.1"));
    assert_false(masked("2001:db8::1"));
    assert_int_equal(show(1, NOW + 4), 2);
    assert_false(masked("172.22.1.1"));
}

static void what_is_masked_again_within_a_day_heals_after_a_day(void **state)
{
    (void)state;
    assert_true(hide("172.22.1.1", 1, NOW));
    assert_int_equal(show(1, NOW), 1);
    assert_true(hide("172.22.1.1", 1, NOW + DAY - 1));
    assert_true(hide("172.22.1.1", 2, NOW + DAY));
    assert_int_equal(show(1, NOW + DAY), 0);
    assert_int_equal(show(2, NOW + DAY + 10), 0);
    assert_int_equal(show(1, NOW + 2 * DAY + 9), 0);
    assert_true(masked("172.22.1.1"));
    assert_int_equal(show(1, NOW + 2 * DAY + 10), 2);
    assert_false(masked("172.22.1.1"));
}

static void what_is_masked_again_after_a_day_heals_at_once(void **state)
{
    (void)state;
    assert_true(hide("172.22.1.1", 1, NOW));
    assert_int_equal(show(1, NOW), 1);
    assert_true(hide("172.22.1.1", 1, NOW + DAY));
    assert_int_equal(show(1, NOW + DAY + 1), 1);
}

static size_t unsaved(void)
{
    static struct mask rows[16];

    return masks_take_unsaved(&masks, rows, 16);
}

/* A visit a minute is as exact as the database need be; what changes more is saved at once. */
static void a_mask_is_saved_when_it_changes_and_once_a_minute(void **state)
{
    (void)state;
    struct mask elsewhere = seen("172.22.1.1", 1);

    assert_true(hide("172.22.1.1", 1, NOW));
    assert_int_equal(unsaved(), 1);
    assert_int_equal(unsaved(), 0);
    assert_true(hide("172.22.1.1", 1, NOW + 59));
    assert_int_equal(unsaved(), 0);
    assert_true(hide("172.22.1.1", 1, NOW + 60));
    assert_int_equal(unsaved(), 1);
    snprintf(elsewhere.listener, sizeof(elsewhere.listener), "172.22.1.10:587");
    assert_true(masks_hide(&masks, &elsewhere, NOW + 61));
    assert_int_equal(unsaved(), 1);
    assert_true(hide("172.22.1.1", 2, NOW + 61));
    assert_int_equal(unsaved(), 1);
    /* Of two routes one shows true: its row alone has changed. */
    assert_int_equal(show(1, NOW + 62), 0);
    assert_int_equal(unsaved(), 1);
    assert_int_equal(show(1, NOW + 63), 0);
    assert_int_equal(unsaved(), 0);
    /* It hides again, within the minute. */
    assert_true(masks_hide(&masks, &elsewhere, NOW + 64));
    assert_int_equal(unsaved(), 1);
}

/* By an operator, as by healing: what is masked again within a day needs a day. */
static void what_an_operator_dropped_and_is_masked_again_heals_after_a_day(void **state)
{
    (void)state;
    struct mask dropped = seen("172.22.1.1", 1);

    assert_true(hide("172.22.1.1", 1, NOW));
    assert_int_equal(unsaved(), 1);
    dropped.hidden = NOW;
    dropped.since = NOW;
    dropped.dropped = NOW + 10;
    masks_merge(&masks, &dropped, 1);
    assert_false(masked("172.22.1.1"));
    assert_int_equal(take(MASKS_DROP_ORDERED), 1);
    assert_true(hide("172.22.1.1", 2, NOW + 20));
    assert_int_equal(show(2, NOW + 30), 0);
    assert_int_equal(show(2, NOW + 30 + DAY - 1), 0);
    assert_true(masked("172.22.1.1"));
    assert_int_equal(show(2, NOW + 30 + DAY), 1);
    assert_false(masked("172.22.1.1"));
}

/* That of another is not meant: neither of the same network, nor by the same route. */
static void another_address_that_was_dropped_makes_no_healing_long(void **state)
{
    (void)state;
    assert_true(hide("172.22.1.1", 1, NOW));
    assert_int_equal(show(1, NOW + 1), 1);
    assert_true(hide("172.22.1.2", 1, NOW + 2));
    assert_int_equal(show(1, NOW + 3), 1);
    assert_false(masked("172.22.1.2"));
}

/* Whichever row it is in; what was dropped is not meant. */
static void a_listener_has_masks_as_long_as_one_of_its_rows_is_masked(void **state)
{
    (void)state;
    struct mask other = seen("172.22.1.2", 2);

    assert_false(masks_have_listener(&masks, "172.22.1.10:25"));
    assert_true(hide("172.22.1.1", 1, NOW));
    snprintf(other.listener, sizeof(other.listener), "172.22.1.10:587");
    assert_true(masks_hide(&masks, &other, NOW));
    assert_true(masks_have_listener(&masks, "172.22.1.10:25"));
    assert_true(masks_have_listener(&masks, "172.22.1.10:587"));
    assert_false(masks_have_listener(&masks, "172.22.1.10:465"));
    assert_int_equal(show(1, NOW + 1), 1);
    assert_false(masks_have_listener(&masks, "172.22.1.10:25"));
    assert_true(masks_have_listener(&masks, "172.22.1.10:587"));
}

static void at_most_1024_are_masked_and_what_was_dropped_makes_room(void **state)
{
    (void)state;
    char address[32];

    for (unsigned int i = 0; i < MASKS_MAX; i++) {
        snprintf(address, sizeof(address), "10.0.%u.%u", i / 256, i % 256);
        assert_true(hide(address, i == 7 ? 7 : 1, NOW));
    }
    assert_false(hide("172.22.1.1", 1, NOW));
    assert_false(masked("172.22.1.1"));
    assert_int_equal(show(7, NOW), 1);
    assert_true(hide("172.22.1.1", 1, NOW));
    assert_true(masked("172.22.1.1"));
    assert_false(masked("10.0.0.7"));
    assert_true(masked("10.0.3.255"));
    /* However many heal, all do, and all are told. */
    assert_int_equal(show(1, NOW + 1), MASKS_MAX);
    assert_int_equal(atomic_load(&masks.masked), 0);
    assert_false(masked("172.22.1.1"));
    assert_false(masked("10.0.3.255"));
}

/* An address that was dropped more recently is still remembered, and heals slowly when it is masked
 * again. */
/* More than 1024 in the database: another process masked them, or an older program did. */
static void what_is_stored_beyond_the_room_changes_nothing(void **state)
{
    (void)state;
    static struct mask stored[MASKS_MAX + 2];
    static struct mask listed[MASKS_MAX + 2];
    char text[ADDRESS_TEXT_SIZE];

    for (unsigned int i = 0; i < MASKS_MAX + 2; i++) {
        snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
        stored[i] = seen(text, 1);
        stored[i].since = NOW;
    }
    masks_merge(&masks, stored, MASKS_MAX + 2);
    assert_int_equal(masks.count, MASKS_MAX);
    assert_int_equal(masks_list(&masks, listed, MASKS_MAX + 2), MASKS_MAX);
    /* No more than there is room for. */
    memset(listed, 0, sizeof(listed));
    assert_int_equal(masks_list(&masks, listed, 2), 2);
    assert_int_equal(listed[1].address.family, ADDRESS_IPV4);
    assert_int_equal(listed[2].address.family, ADDRESS_NONE);
}

static void what_was_dropped_the_longest_ago_makes_room(void **state)
{
    (void)state;
    char address[32];

    for (unsigned int i = 0; i < MASKS_MAX; i++) {
        snprintf(address, sizeof(address), "10.0.%u.%u", i / 256, i % 256);
        assert_true(hide(address, (uint8_t)(i == 3 ? 3 : i == 9 ? 9 : i == 12 ? 12 : 1), NOW));
    }
    assert_int_equal(show(9, NOW + 5), 1);
    assert_int_equal(show(3, NOW + 10), 1);
    assert_int_equal(show(12, NOW + 15), 1);
    assert_true(hide("172.22.1.1", 2, NOW + 20)); /* in the place of 10.0.0.9 */
    assert_true(hide("10.0.0.3", 3, NOW + 20));
    assert_int_equal(show(3, NOW + 21), 0);
    assert_true(hide("10.0.0.12", 12, NOW + 22));
    assert_int_equal(show(12, NOW + 23), 0);
    assert_false(hide("10.0.0.9", 9, NOW + 24));
}

static void masks_of_one_network_and_listener_share_a_subject(void **state)
{
    (void)state;
    struct mask mask = seen("172.22.1.1", 1);

    assert_false(masks_have_subject(&masks, &mask));
    assert_true(hide("172.22.1.200", 1, NOW));
    assert_true(masks_have_subject(&masks, &mask));
    snprintf(mask.listener, sizeof(mask.listener), "172.22.1.10:587");
    assert_false(masks_have_subject(&masks, &mask));
    mask = seen("172.22.2.1", 1);
    assert_false(masks_have_subject(&masks, &mask));
    assert_true(masks_have_listener(&masks, "172.22.1.10:25"));
    assert_false(masks_have_listener(&masks, "172.22.1.10:587"));
    assert_int_equal(show(1, NOW + 1), 1);
    assert_false(masks_have_listener(&masks, "172.22.1.10:25"));
}

static void what_was_masked_again_before_it_was_told_is_not_told(void **state)
{
    (void)state;
    const uint8_t route[TOKEN_ROUTE] = {1};

    assert_true(hide("172.22.1.1", 1, NOW));
    masks_show(&masks, route, NOW + 1);
    assert_int_equal(take(MASKS_DROP_ORDERED), 0);
    assert_true(hide("172.22.1.1", 1, NOW + 2));
    assert_int_equal(take(MASKS_DROP_HEALED), 0);
    assert_true(masked("172.22.1.1"));
}

static void addresses_of_both_families_are_told_apart(void **state)
{
    (void)state;
    char text[64];

    for (unsigned int i = 0; i < MASKS_MAX / 2; i++) {
        snprintf(text, sizeof(text), "2001:db8:%x::%x", i, i);
        assert_true(hide(text, 1, NOW));
        snprintf(text, sizeof(text), "10.1.%u.%u", i / 256, i % 256);
        assert_true(hide(text, 2, NOW));
    }
    for (unsigned int i = 0; i < 2 * MASKS_MAX; i++) {
        snprintf(text, sizeof(text), "2001:db8:%x::%x", i, i);
        assert_int_equal(masked(text), i < MASKS_MAX / 2);
        snprintf(text, sizeof(text), "10.1.%u.%u", i / 256, i % 256);
        assert_int_equal(masked(text), i < MASKS_MAX / 2);
    }
    assert_false(masked("::"));
    assert_false(masked("0.0.0.0"));
}

/* Readers must never miss an address that stays masked while others come and go. */
#define READERS 2
#define CHANGES 2000
static atomic_bool finished;

static void *ask_again_and_again(void *missed)
{
    const struct address stays = parsed("172.22.1.1");
    const struct address never = parsed("172.22.9.9");

    while (!atomic_load(&finished)) {
        if (!masks_contain(&masks, &stays) || masks_contain(&masks, &never)) {
            atomic_fetch_add((atomic_uint *)missed, 1);
        }
    }
    return NULL;
}

static void whoever_asks_while_others_are_masked_and_dropped_is_told_the_truth(void **state)
{
    (void)state;
    pthread_t readers[READERS];
    atomic_uint missed = 0;
    char text[32];

    atomic_store(&finished, false);
    assert_true(hide("172.22.1.1", 1, NOW));
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, ask_again_and_again, &missed), 0);
    }
    for (unsigned int i = 0; i < CHANGES; i++) {
        snprintf(text, sizeof(text), "10.0.%u.%u", i / 16 % 16, i % 16);
        assert_true(hide(text, 2, NOW + i * DAY));
        if (i % 16 == 15) {
            assert_int_equal(show(2, NOW + i * DAY), 16);
        }
    }
    atomic_store(&finished, true);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
    }
    assert_int_equal(missed, 0);
}

/* ---- with the database ------------------------------------------------------------------- */

static sqlite3 *open_in(const char *folder)
{
    char path[256];
    char error[DATABASE_ERROR_SIZE];
    sqlite3 *database = NULL;

    if (database_open(sample_path(folder, "masks.db", path), &database, error) != DATABASE_OK) {
        fail_msg("%s", error);
    }
    return database;
}

static size_t save(sqlite3 *database)
{
    struct mask taken[8];
    size_t count = masks_take_unsaved(&masks, taken, 8);

    assert_true(mask_table_save(database, taken, count));
    return count;
}

static size_t merge(sqlite3 *database)
{
    struct mask stored[8];
    int count = mask_table_load(database, stored, 8);

    assert_true(count >= 0);
    masks_merge(&masks, stored, (size_t)count);
    return take(MASKS_DROP_ORDERED);
}

static void masks_outlive_the_process(void **state)
{
    char *folder = sample_folder();
    sqlite3 *database = open_in(folder);

    assert_true(hide("172.22.1.1", 1, NOW));
    assert_true(hide("2001:db8::1", 2, NOW));
    assert_int_equal(show(2, NOW + 1), 1);
    assert_int_equal(save(database), 2);
    assert_int_equal(save(database), 0);
    database_close(database);

    set_up(state);
    database = open_in(folder);
    assert_int_equal(merge(database), 0);
    assert_true(masked("172.22.1.1"));
    assert_false(masked("2001:db8::1"));
    /* That it was dropped is known, too. */
    assert_true(hide("2001:db8::1", 2, NOW + 2));
    assert_int_equal(show(2, NOW + 3), 0);
    assert_int_equal(show(1, NOW + 3), 1);
    database_close(database);
    sample_folder_remove(folder);
}

static void what_another_process_drops_is_dropped(void **state)
{
    (void)state;
    char *folder = sample_folder();
    sqlite3 *database = open_in(folder);
    sqlite3 *other = open_in(folder);
    const struct address address = parsed("172.22.1.1");
    int64_t before;
    int64_t after;

    assert_true(hide("172.22.1.1", 1, NOW));
    assert_true(hide("172.22.1.1", 2, NOW));
    assert_int_equal(save(database), 2);
    assert_true(mask_table_version(database, &before));
    assert_int_equal(mask_table_drop(other, &address, NOW + 5), 2);
    assert_int_equal(mask_table_drop(other, &address, NOW + 5), 0);
    assert_true(mask_table_version(database, &after));
    assert_int_not_equal(before, after);
    assert_int_equal(merge(database), 2);
    assert_false(masked("172.22.1.1"));
    assert_int_equal(merge(database), 0);

    /* The change that was made here meanwhile is newer. */
    assert_true(hide("172.22.1.1", 1, NOW + 6));
    assert_int_equal(merge(database), 0);
    assert_true(masked("172.22.1.1"));
    database_close(other);
    database_close(database);
    sample_folder_remove(folder);
}

static void what_is_saved_late_takes_back_no_drop(void **state)
{
    (void)state;
    char *folder = sample_folder();
    sqlite3 *database = open_in(folder);
    sqlite3 *other = open_in(folder);
    const struct address address = parsed("172.22.1.1");

    assert_true(hide("172.22.1.1", 1, NOW));
    assert_int_equal(save(database), 1);
    /* Seen again, and not saved yet when the operator drops it. */
    assert_true(hide("172.22.1.1", 1, NOW + 60));
    assert_int_equal(mask_table_drop(other, &address, NOW + 61), 1);
    assert_int_equal(save(database), 1);
    assert_int_equal(merge(database), 1);
    assert_false(masked("172.22.1.1"));

    /* A later sighting masks it again. */
    assert_true(hide("172.22.1.1", 1, NOW + 62));
    assert_int_equal(save(database), 1);
    assert_int_equal(merge(database), 0);
    assert_true(masked("172.22.1.1"));
    database_close(other);
    database_close(database);
    sample_folder_remove(folder);
}

static void what_could_not_be_saved_is_saved_later(void **state)
{
    (void)state;
    struct mask taken[8];

    assert_true(hide("172.22.1.1", 1, NOW));
    assert_int_equal(masks_take_unsaved(&masks, taken, 8), 1);
    assert_int_equal(masks_take_unsaved(&masks, taken + 1, 7), 0);
    masks_put_back(&masks, taken, 1);
    assert_int_equal(masks_take_unsaved(&masks, taken, 8), 1);
}

static void what_was_dropped_long_ago_is_forgotten(void **state)
{
    (void)state;
    char *folder = sample_folder();
    sqlite3 *database = open_in(folder);
    struct mask stored[8];

    assert_true(hide("172.22.1.1", 1, NOW));
    assert_true(hide("172.22.1.2", 2, NOW));
    assert_int_equal(show(1, NOW + 1), 1);
    save(database);
    masks_expire(&masks, NOW + 1);
    assert_int_equal(masks.count, 2);
    masks_expire(&masks, NOW + 2);
    assert_int_equal(masks.count, 1);
    assert_true(mask_table_expire(database, NOW + 1));
    assert_int_equal(mask_table_load(database, stored, 8), 2);
    assert_true(mask_table_expire(database, NOW + 2));
    assert_int_equal(mask_table_load(database, stored, 8), 1);
    assert_true(masked("172.22.1.2"));
    database_close(database);
    sample_folder_remove(folder);
}

static void a_drop_that_is_still_to_come_undoes_nothing(void **state)
{
    char *folder = sample_folder();
    sqlite3 *database = open_in(folder);
    sqlite3 *other = open_in(folder);
    const struct address address = parsed("172.22.1.1");
    struct mask stored[8];

    assert_true(hide("172.22.1.1", 1, NOW));
    assert_int_equal(save(database), 1);
    /* The clock was a year ahead then. */
    assert_int_equal(mask_table_drop(other, &address, NOW + 365 * DAY), 1);
    assert_int_equal(merge(database), 1);
    assert_true(mask_table_correct(database, NOW + 60));
    assert_int_equal(mask_table_load(database, stored, 8), 1);
    assert_int_equal(stored[0].dropped, NOW + 60);
    assert_int_equal(stored[0].hidden, NOW);
    assert_true(hide("172.22.1.1", 1, NOW + 61));
    assert_int_equal(save(database), 1);
    set_up(state);
    assert_int_equal(merge(database), 0);
    assert_true(masked("172.22.1.1"));
    database_close(other);
    database_close(database);
    sample_folder_remove(folder);
}

/* The summary of the only masked address. */
static struct mask_summary summary_of(const struct mask *rows, size_t count)
{
    struct mask_summary summary;
    struct mask_summary other;
    size_t at = 0;

    assert_true(mask_summary_next(rows, count, &at, &summary));
    assert_false(mask_summary_next(rows, count, &at, &other));
    return summary;
}

static void since_when_an_address_is_masked_outlives_later_visits_and_the_process(void **state)
{
    (void)state;
    char *folder = sample_folder();
    sqlite3 *database = open_in(folder);
    struct mask rows[8];

    assert_true(hide("172.22.1.1", 1, NOW));
    assert_true(hide("172.22.1.1", 2, NOW + 100));
    assert_true(hide("172.22.1.1", 1, NOW + 5000));
    size_t count = masks_list(&masks, rows, 8);
    struct mask_summary summary = summary_of(rows, count);
    assert_int_equal(summary.since, NOW);
    assert_int_equal(summary.last->hidden, NOW + 5000);
    assert_int_equal(summary.routes, 2);
    assert_int_equal(summary.healing, 0);
    save(database);
    assert_int_equal(mask_table_load(database, rows, 8), 2);
    assert_int_equal(summary_of(rows, 2).since, NOW);
    /* A dropped address begins anew. */
    assert_int_equal(show(1, NOW + 6000), 0);
    assert_int_equal(show(2, NOW + 6000), 2);
    assert_true(hide("172.22.1.1", 1, NOW + 7000));
    count = masks_list(&masks, rows, 8);
    assert_int_equal(summary_of(rows, count).since, NOW + 7000);
    database_close(database);
    sample_folder_remove(folder);
}

static void a_row_that_is_no_mask_is_left_out(void **state)
{
    (void)state;
    char *folder = sample_folder();
    sqlite3 *database = open_in(folder);
    struct mask stored[8];

    assert_int_equal(
        sqlite3_exec(database,
                     "INSERT INTO mask VALUES ('nowhere', '01000000', 'x', 1, 0, 0, 0, 1);"
                     "INSERT INTO mask VALUES ('172.22.1.1', 'zz', 'x', 1, 0, 0, 0, 1);"
                     "INSERT INTO mask VALUES ('172.22.1.1', '01000000', 'x', 1, 0, 0, 1, 1);",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(mask_table_load(database, stored, 8), 1);
    assert_true(stored[0].strict && stored[0].route[0] == 1 && stored[0].hidden == 1);
    database_close(database);
    sample_folder_remove(folder);
}

static void a_moment_is_remembered_by_its_name(void **state)
{
    (void)state;
    char *folder = sample_folder();
    sqlite3 *database = open_in(folder);
    int64_t time = 7;

    assert_true(moment_table_load(database, MOMENT_PROBE_SEEN, &time));
    assert_int_equal(time, 0);
    assert_true(moment_table_save(database, MOMENT_PROBE_SEEN, NOW));
    assert_true(moment_table_save(database, MOMENT_PROBE_SEEN, NOW + 1));
    assert_true(moment_table_load(database, MOMENT_PROBE_SEEN, &time));
    assert_int_equal(time, NOW + 1);
    database_close(database);
    sample_folder_remove(folder);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_address_is_masked_until_its_route_shows_true),
        TEST(an_address_heals_when_all_its_routes_have),
        TEST(what_is_masked_again_within_a_day_heals_after_a_day),
        TEST(what_is_masked_again_after_a_day_heals_at_once),
        TEST(a_mask_is_saved_when_it_changes_and_once_a_minute),
        TEST(what_an_operator_dropped_and_is_masked_again_heals_after_a_day),
        TEST(another_address_that_was_dropped_makes_no_healing_long),
        TEST(a_listener_has_masks_as_long_as_one_of_its_rows_is_masked),
        TEST(at_most_1024_are_masked_and_what_was_dropped_makes_room),
        TEST(what_is_stored_beyond_the_room_changes_nothing),
        TEST(what_was_dropped_the_longest_ago_makes_room),
        TEST(masks_of_one_network_and_listener_share_a_subject),
        TEST(what_was_masked_again_before_it_was_told_is_not_told),
        TEST(addresses_of_both_families_are_told_apart),
        TEST(whoever_asks_while_others_are_masked_and_dropped_is_told_the_truth),
        TEST(masks_outlive_the_process),
        TEST(what_another_process_drops_is_dropped),
        TEST(what_is_saved_late_takes_back_no_drop),
        TEST(what_could_not_be_saved_is_saved_later),
        TEST(what_was_dropped_long_ago_is_forgotten),
        TEST(a_drop_that_is_still_to_come_undoes_nothing),
        TEST(since_when_an_address_is_masked_outlives_later_visits_and_the_process),
        TEST(a_row_that_is_no_mask_is_left_out),
        TEST(a_moment_is_remembered_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

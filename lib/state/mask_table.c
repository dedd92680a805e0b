#include "lib/state/mask_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "lib/state/database.h"

#define ROUTE_TEXT_SIZE (2 * TOKEN_ROUTE + 1)

static void format_route(const uint8_t route[TOKEN_ROUTE], char out[ROUTE_TEXT_SIZE])
{
    for (size_t i = 0; i < TOKEN_ROUTE; i++) {
        snprintf(out + 2 * i, 3, "%02x", route[i]);
    }
}

static bool parse_route(const char *text, uint8_t out[TOKEN_ROUTE])
{
    if (strlen(text) != ROUTE_TEXT_SIZE - 1 || text[strspn(text, "0123456789abcdef")] != '\0') {
        return false;
    }
    for (size_t i = 0; i < TOKEN_ROUTE; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}

static bool run(sqlite3 *database, const char *sql)
{
    return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool save_one(sqlite3_stmt *statement, const struct mask *mask)
{
    char address[ADDRESS_TEXT_SIZE];
    char route[ROUTE_TEXT_SIZE];

    address_format(&mask->address, address);
    format_route(mask->route, route);
    sqlite3_reset(statement);
    return sqlite3_bind_text(statement, 1, address, -1, SQLITE_STATIC) == SQLITE_OK &&
           sqlite3_bind_text(statement, 2, route, -1, SQLITE_STATIC) == SQLITE_OK &&
           sqlite3_bind_text(statement, 3, mask->listener, -1, SQLITE_STATIC) == SQLITE_OK &&
           sqlite3_bind_int64(statement, 4, mask->hidden) == SQLITE_OK &&
           sqlite3_bind_int64(statement, 5, mask->true_since) == SQLITE_OK &&
           sqlite3_bind_int64(statement, 6, mask->dropped) == SQLITE_OK &&
           sqlite3_bind_int(statement, 7, mask->strict) == SQLITE_OK &&
           sqlite3_bind_int64(statement, 8, mask->since) == SQLITE_OK &&
           sqlite3_step(statement) == SQLITE_DONE;
}

bool mask_table_save(sqlite3 *database, const struct mask *masks, size_t count)
{
    /* Another process may have dropped the row meanwhile: only what hid strangers since then masks
     * it again. */
    static const char sql[] =
        "INSERT INTO mask (address, route, listener, hidden, true_since, dropped, strict,"
        " since) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (address, route) DO UPDATE SET listener = excluded.listener,"
        " hidden = excluded.hidden, true_since = excluded.true_since,"
        " dropped = excluded.dropped, strict = excluded.strict,"
        " since = excluded.since"
        " WHERE excluded.dropped <> 0 OR excluded.hidden >= mask.dropped";
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    bool saved = run(database, "BEGIN IMMEDIATE");
    bool begun = saved;
    for (size_t i = 0; saved && i < count; i++) {
        saved = save_one(statement, &masks[i]);
    }
    sqlite3_finalize(statement);
    saved = saved && run(database, "COMMIT");
    if (begun && !saved) {
        run(database, "ROLLBACK");
    }
    return saved;
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return text == NULL ? "" : (const char *)text;
}

static bool read_row(sqlite3_stmt *statement, struct mask *out)
{
    struct mask mask = {
        .hidden = database_time(sqlite3_column_int64(statement, 3)),
        .true_since = database_time(sqlite3_column_int64(statement, 4)),
        .dropped = database_time(sqlite3_column_int64(statement, 5)),
        .strict = sqlite3_column_int(statement, 6) != 0,
        .since = database_time(sqlite3_column_int64(statement, 7)),
    };

    if (!address_parse(text_of(statement, 0), &mask.address) ||
        !parse_route(text_of(statement, 1), mask.route)) {
        return false;
    }
    /* Anybody may have written the file, and this is shown. */
    (void)printable_string(mask.listener, sizeof(mask.listener), text_of(statement, 2));
    *out = mask;
    return true;
}

int mask_table_load(sqlite3 *database, struct mask *out, size_t max)
{
    static const char sql[] =
        "SELECT address, route, listener, hidden, true_since, dropped, strict, since"
        " FROM mask"
        " ORDER BY dropped <> 0, hidden DESC";
    sqlite3_stmt *statement = NULL;
    size_t count = 0;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) {
        return -1;
    }
    int step = sqlite3_step(statement);
    bool going = true;
    for (; going && step == SQLITE_ROW && count < max; step = sqlite3_step(statement)) {
        count += read_row(statement, &out[count]);
        /* A text for which memory was out is no damage, and whoever is masked must stay so. */
        going = sqlite3_errcode(database) != SQLITE_NOMEM;
    }
    sqlite3_finalize(statement);
    return going && (step == SQLITE_DONE || step == SQLITE_ROW) ? (int)count : -1;
}

int mask_table_drop(sqlite3 *database, const struct address *address, int64_t now)
{
    char text[ADDRESS_TEXT_SIZE];
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database,
                           "UPDATE mask SET dropped = ?1 WHERE address = ?2 AND dropped = 0", -1,
                           &statement, NULL) != SQLITE_OK) {
        return -1;
    }
    bool done = sqlite3_bind_int64(statement, 1, now) == SQLITE_OK &&
                sqlite3_bind_text(statement, 2, address_format(address, text), -1, SQLITE_STATIC) ==
                    SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_finalize(statement);
    return done ? sqlite3_changes(database) : -1;
}

/* A statement with one time in it. */
static bool run_with_time(sqlite3 *database, const char *sql, int64_t time)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    bool done = sqlite3_bind_int64(statement, 1, time) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_finalize(statement);
    return done;
}

bool mask_table_expire(sqlite3 *database, int64_t time)
{
    return run_with_time(database, "DELETE FROM mask WHERE dropped <> 0 AND dropped < ?1", time);
}

bool mask_table_correct(sqlite3 *database, int64_t now)
{
    /* Another process may be a moment ahead of when we looked at the clock. */
    return run_with_time(database,
                         "UPDATE mask SET hidden = min(hidden, ?1),"
                         " true_since = min(true_since, ?1), dropped = min(dropped, ?1),"
                         " since = min(since, ?1)"
                         " WHERE max(hidden, true_since, dropped, since) > ?1 + 60",
                         now);
}

bool mask_table_version(sqlite3 *database, int64_t *out)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, "PRAGMA data_version", -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    bool read = sqlite3_step(statement) == SQLITE_ROW;
    if (read) {
        *out = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return read;
}

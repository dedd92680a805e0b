#include "lib/state/moment_table.h"

#include <stddef.h>

#include "lib/state/database.h"

bool moment_table_load(sqlite3 *database, const char *name, int64_t *out)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, "SELECT time FROM moment WHERE name = ?1", -1, &statement,
                           NULL) != SQLITE_OK) {
        return false;
    }
    int step = SQLITE_ERROR;
    if (sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC) == SQLITE_OK) {
        step = sqlite3_step(statement);
    }
    if (step == SQLITE_ROW) {
        *out = database_time(sqlite3_column_int64(statement, 0));
    } else if (step == SQLITE_DONE) {
        *out = 0;
    }
    sqlite3_finalize(statement);
    return step == SQLITE_ROW || step == SQLITE_DONE;
}

bool moment_table_save(sqlite3 *database, const char *name, int64_t time)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, "INSERT OR REPLACE INTO moment (name, time) VALUES (?1, ?2)",
                           -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    bool done = sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC) == SQLITE_OK &&
                sqlite3_bind_int64(statement, 2, time) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_finalize(statement);
    return done;
}

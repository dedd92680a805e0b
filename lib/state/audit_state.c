#include "lib/state/audit_state.h"

#include <string.h>

/* ---- writing ----------------------------------------------------------------------------------
 */

static bool run(sqlite3 *database, const char *sql)
{
    return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK;
}

bool audit_table_begin(sqlite3 *database)
{
    return run(database, "BEGIN IMMEDIATE");
}

bool audit_table_commit(sqlite3 *database)
{
    return run(database, "COMMIT");
}

void audit_table_rollback(sqlite3 *database)
{
    run(database, "ROLLBACK");
}

static bool bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    return sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC) == SQLITE_OK;
}

static bool finish(sqlite3_stmt *statement, bool bound)
{
    bool done = bound && sqlite3_step(statement) == SQLITE_DONE;

    sqlite3_finalize(statement);
    return done;
}

static bool keep_endpoint(sqlite3 *database, const struct audit_row *row)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database,
                           "INSERT INTO endpoint (name, last, detail) VALUES (?1, ?2, ?3)"
                           " ON CONFLICT (name) DO UPDATE SET last = ?2, detail = ?3",
                           -1, &statement, NULL) != SQLITE_OK)
        return false;
    return finish(statement, bind_text(statement, 1, row->endpoint) &&
                                 sqlite3_bind_int64(statement, 2, row->time) == SQLITE_OK &&
                                 bind_text(statement, 3, row->detail));
}

bool audit_table_keep(sqlite3 *database, const struct audit_row *row)
{
    sqlite3_stmt *statement = NULL;

    if (!keep_endpoint(database, row) ||
        sqlite3_prepare_v2(database,
                           "INSERT INTO audit (endpoint, time, verdict, cause)"
                           " SELECT id, ?2, ?3, ?4 FROM endpoint WHERE name = ?1",
                           -1, &statement, NULL) != SQLITE_OK)
        return false;
    return finish(statement, bind_text(statement, 1, row->endpoint) &&
                                 sqlite3_bind_int64(statement, 2, row->time) == SQLITE_OK &&
                                 bind_text(statement, 3, verdict_name(row->verdict)) &&
                                 bind_text(statement, 4, cause_name(row->cause)));
}

static bool delete_before(sqlite3 *database, const char *sql, int64_t time)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        return false;
    return finish(statement, sqlite3_bind_int64(statement, 1, time) == SQLITE_OK);
}

bool audit_table_prune(sqlite3 *database, int64_t time)
{
    return delete_before(database, "DELETE FROM audit WHERE time < ?1", time) &&
           delete_before(database, "DELETE FROM endpoint WHERE last < ?1", time);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static const char *text_of(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return text == NULL ? "" : (const char *)text;
}

/* False: a word of a later version, or a damaged row. */
static bool read_words(sqlite3_stmt *statement, struct audit_row *row)
{
    const char *verdict = text_of(statement, 2);
    const char *cause = text_of(statement, 3);
    int known = 0;

    for (int i = VERDICT_CLOSED; i <= VERDICT_UNREACHABLE; i++)
        if (strcmp(verdict, verdict_name((enum verdict)i)) == 0) {
            row->verdict = (enum verdict)i;
            known++;
        }
    for (int i = CAUSE_NONE; i <= CAUSE_UNCONDITIONAL; i++)
        if (strcmp(cause, cause_name((enum cause)i)) == 0) {
            row->cause = (enum cause)i;
            known++;
        }
    return known == 2;
}

typedef bool (*reader)(sqlite3_stmt *statement, struct audit_row *row);

/* Columns: id, time, and what `read` reads. */
static bool read_all(sqlite3 *database, const char *sql, reader read, audit_table_endpoint visit,
                     void *user)
{
    sqlite3_stmt *statement = NULL;
    bool going = true;
    int step = SQLITE_ERROR;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        return false;
    while (going && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct audit_row row = {.time = sqlite3_column_int64(statement, 1)};
        if (read(statement, &row))
            going = visit(sqlite3_column_int64(statement, 0), &row, user);
    }
    sqlite3_finalize(statement);
    return going && step == SQLITE_DONE;
}

static bool read_detail(sqlite3_stmt *statement, struct audit_row *row)
{
    row->endpoint = text_of(statement, 2);
    row->detail = text_of(statement, 3);
    return true;
}

bool audit_table_endpoints(sqlite3 *database, audit_table_endpoint visit, void *user)
{
    return read_all(database, "SELECT id, last, name, detail FROM endpoint ORDER BY name",
                    read_detail, visit, user);
}

bool audit_table_audits(sqlite3 *database, audit_table_endpoint visit, void *user)
{
    return read_all(database,
                    "SELECT endpoint, time, verdict, cause FROM audit"
                    " ORDER BY endpoint, time, rowid",
                    read_words, visit, user);
}

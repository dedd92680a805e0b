#include "lib/state/audit_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/state/database.h"

/* That another holds the file is told soon when it is opened. A result that is not recorded is
 * lost, so that another's commit on a slow disk is worth waiting for; incidents are tried again by
 * themselves. */
#define BUSY_TIMEOUT_MS 5000

struct audit_state {
    sqlite3 *database;
    char path[PATH_MAX];
    char error[AUDIT_STATE_ERROR_SIZE];
};

_Static_assert(AUDIT_STATE_ERROR_SIZE == DATABASE_ERROR_SIZE, "a sentence fits either");

static const char *const fact_kinds[] = {
    [FACT_PUT_OFF] = "put-off",   [FACT_TURN] = "turn",     [FACT_CUT_OFF] = "cut-off",
    [FACT_ANSWERED] = "answered", [FACT_SENDER] = "sender", [FACT_MESSAGE] = "message",
    [FACT_HELO] = "helo",
};

/* ---- opening ---------------------------------------------------------------------------- */

const char *audit_state_path(const char *state_directory, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/probe/relaywarden.db", PATH_MAX - 64, state_directory);
    return out;
}

/* One that cannot be looked at is. */
bool audit_state_is_there(const char *state_directory)
{
    char path[PATH_MAX];

    return access(audit_state_path(state_directory, path), F_OK) == 0 || errno != ENOENT;
}

struct audit_state *audit_state_open(const char *state_directory, bool make,
                                     char error[AUDIT_STATE_ERROR_SIZE])
{
    struct audit_state *state = calloc(1, sizeof(*state));

    if (state == NULL) {
        snprintf(error, AUDIT_STATE_ERROR_SIZE, "out of memory");
        return NULL;
    }
    audit_state_path(state_directory, state->path);
    if (!make && !audit_state_is_there(state_directory)) {
        snprintf(error, AUDIT_STATE_ERROR_SIZE,
                 "no audit was kept in %.300s yet; run relaywarden-probe check first", state->path);
        free(state);
        return NULL;
    }
    enum database_error kind = database_open(state->path, &state->database, error);
    if (kind == DATABASE_CANNOT_OPEN) {
        char why[DATABASE_ERROR_SIZE];

        /* Of a file that is not there yet the first reason is the one to mend. */
        kind = database_open_read_only(state->path, &state->database, why);
        if (kind != DATABASE_OK && audit_state_is_there(state_directory)) {
            memcpy(error, why, sizeof(why));
        }
    }
    if (kind != DATABASE_OK) {
        free(state);
        return NULL;
    }
    database_wait(state->database, BUSY_TIMEOUT_MS);
    return state;
}

void audit_state_close(struct audit_state *state)
{
    if (state != NULL) {
        database_close(state->database);
        free(state);
    }
}

const char *audit_state_why(const struct audit_state *state)
{
    return state->error;
}

sqlite3 *audit_state_database(struct audit_state *state)
{
    return state->database;
}

/* ---- statements ------------------------------------------------------------------------- */

static bool run(struct audit_state *state, const char *sql)
{
    return sqlite3_exec(state->database, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static sqlite3_stmt *prepare(struct audit_state *state, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    (void)sqlite3_prepare_v2(state->database, sql, -1, &statement, NULL);
    return statement;
}

/* Binding fails for want of memory alone, and then so does the step: a NULL where none may be. */
static void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    (void)sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
}

static void bind_fact(sqlite3_stmt *statement, int place, enum audit_fact fact)
{
    if (fact != AUDIT_FACT_UNKNOWN) {
        (void)sqlite3_bind_int(statement, place, fact == AUDIT_FACT_YES);
    }
}

/* Runs a statement that gives no row, and frees it. NULL, which could not be prepared, fails. */
static bool finish(sqlite3_stmt *statement)
{
    bool done = statement != NULL && sqlite3_step(statement) == SQLITE_DONE;

    sqlite3_finalize(statement);
    return done;
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return text == NULL ? "" : (const char *)text;
}

/* Hands every row to `read`, and frees the statement. A text for which memory was out is no empty
 * one: that is a failure. */
typedef bool (*row_reader)(sqlite3_stmt *row, void *user);

static bool each_row(sqlite3_stmt *statement, row_reader read, void *user)
{
    int step = SQLITE_ERROR;
    bool going = statement != NULL;

    while (going && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        going =
            read(statement, user) && sqlite3_errcode(sqlite3_db_handle(statement)) != SQLITE_NOMEM;
    }
    sqlite3_finalize(statement);
    return going && step == SQLITE_DONE;
}

/* ---- transactions ----------------------------------------------------------------------- */

static bool transact(struct audit_state *state, const char *begin, audit_state_act act, void *user)
{
    bool begun = run(state, begin);

    if (begun && act(state, user) && run(state, "COMMIT")) {
        return true;
    }
    /* A disk that hangs once would hang again, and thousands of endpoints may be behind this one.
     */
    if (database_failure(state->database, state->path, state->error) == DATABASE_LOCKED) {
        database_wait(state->database, 0);
    }
    if (sqlite3_get_autocommit(state->database) == 0) {
        (void)run(state, "ROLLBACK");
    }
    return false;
}

bool audit_state_change(struct audit_state *state, audit_state_act act, void *user)
{
    return transact(state, "BEGIN IMMEDIATE", act, user);
}

bool audit_state_view(struct audit_state *state, audit_state_act act, void *user)
{
    return transact(state, "BEGIN", act, user);
}

static bool read_number(sqlite3_stmt *row, void *user)
{
    *(int64_t *)user = sqlite3_column_int64(row, 0);
    return true;
}

int64_t audit_state_version(struct audit_state *state)
{
    int64_t version = 0;

    return each_row(prepare(state, "PRAGMA data_version"), read_number, &version) ? version : 0;
}

/* ---- endpoints -------------------------------------------------------------------------- */

static bool keep_endpoint(struct audit_state *state, const struct audited_endpoint *endpoint)
{
    sqlite3_stmt *statement =
        prepare(state, "INSERT INTO endpoint (key, target, host, session, last, ended, seconds,"
                       " answered, certificate, detail)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
                       " ON CONFLICT (key) DO UPDATE SET target = ?2, host = ?3, session = ?4,"
                       " last = ?5, ended = ?6, seconds = ?7, answered = ?8, certificate = ?9,"
                       " detail = ?10, gone = 0");

    bind_text(statement, 1, endpoint->key);
    bind_text(statement, 2, endpoint->target);
    bind_text(statement, 3, endpoint->host);
    bind_text(statement, 4, endpoint->session);
    (void)sqlite3_bind_int64(statement, 5, endpoint->started);
    (void)sqlite3_bind_int64(statement, 6, endpoint->ended);
    (void)sqlite3_bind_double(statement, 7, endpoint->seconds);
    bind_fact(statement, 8, endpoint->answered);
    bind_fact(statement, 9, endpoint->certificate);
    bind_text(statement, 10, endpoint->detail);
    return finish(statement);
}

/* Goes on with the endpoint's last run, or begins another. A clock that was set back makes the run
 * begin earlier, never end before it began. */
bool audit_state_keep(struct audit_state *state, const struct audited_endpoint *endpoint)
{
    static const char *const statements[] = {
        "UPDATE run SET first = min(first, ?4), last = ?4, audits = audits + 1"
        " WHERE id = (SELECT max(run.id) FROM run JOIN endpoint ON endpoint.id = run.endpoint"
        " WHERE key = ?1) AND verdict = ?2 AND cause = ?3",
        "INSERT INTO run (endpoint, verdict, cause, first, last, audits)"
        " SELECT id, ?2, ?3, ?4, ?4, 1 FROM endpoint WHERE key = ?1",
    };

    if (!keep_endpoint(state, endpoint)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        sqlite3_stmt *statement = prepare(state, statements[i]);

        bind_text(statement, 1, endpoint->key);
        bind_text(statement, 2, verdict_name(endpoint->verdict));
        bind_text(statement, 3, cause_name(endpoint->cause));
        (void)sqlite3_bind_int64(statement, 4, endpoint->started);
        if (!finish(statement)) {
            return false;
        }
        if (sqlite3_changes(state->database) > 0) {
            break;
        }
    }
    return true;
}

bool audit_state_amend(struct audit_state *state, const struct audited_endpoint *endpoint)
{
    sqlite3_stmt *statement =
        prepare(state, "UPDATE endpoint SET session = ?3, ended = ?4, seconds = ?5, answered = ?6,"
                       " certificate = ?7"
                       " WHERE substr(key, 1, length(?1)) = ?1 AND target = ?2 AND last <= ?4");

    bind_text(statement, 1, endpoint->key);
    bind_text(statement, 2, endpoint->target);
    bind_text(statement, 3, endpoint->session);
    (void)sqlite3_bind_int64(statement, 4, endpoint->ended);
    (void)sqlite3_bind_double(statement, 5, endpoint->seconds);
    bind_fact(statement, 6, endpoint->answered);
    bind_fact(statement, 7, endpoint->certificate);
    return finish(statement);
}

struct settling {
    audit_state_judge is_gone;
    const void *user;
};

/* The SQL function gone_now(TARGET, KEY). */
static void judge_row(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct settling *settling = sqlite3_user_data(context);
    const unsigned char *target = sqlite3_value_text(values[0]);
    const unsigned char *key = sqlite3_value_text(values[1]);

    (void)count;
    sqlite3_result_int(
        context, target != NULL && key != NULL &&
                     settling->is_gone((const char *)target, (const char *)key, settling->user));
}

/* One walk over the table, however many targets there are: there is no index by target. */
bool audit_state_settle(struct audit_state *state, audit_state_judge is_gone, const void *user)
{
    struct settling settling = {is_gone, user};
    bool settled =
        sqlite3_create_function(state->database, "gone_now", 2, SQLITE_UTF8, &settling, judge_row,
                                NULL, NULL) == SQLITE_OK &&
        run(state, "UPDATE endpoint SET gone = 1 WHERE gone = 0 AND gone_now(target, key)");

    (void)sqlite3_create_function(state->database, "gone_now", 2, SQLITE_UTF8, NULL, NULL, NULL,
                                  NULL);
    return settled;
}

bool audit_state_prune(struct audit_state *state, int64_t time)
{
    sqlite3_stmt *statement = prepare(state, "DELETE FROM run WHERE last < ?1");

    (void)sqlite3_bind_int64(statement, 1, time);
    return finish(statement) &&
           run(state, "DELETE FROM endpoint WHERE id NOT IN (SELECT endpoint FROM run)");
}

/* A word of a later version, or a damaged row, leaves both unread. */
bool audit_state_read_words(const char *const words[2], enum verdict *verdict, enum cause *cause)
{
    int known = 0;

    for (int i = VERDICT_CLOSED; i <= VERDICT_UNREACHABLE; i++) {
        if (strcmp(words[0], verdict_name((enum verdict)i)) == 0) {
            *verdict = (enum verdict)i;
            known++;
        }
    }
    for (int i = CAUSE_NONE; i <= CAUSE_UNCONDITIONAL; i++) {
        if (strcmp(words[1], cause_name((enum cause)i)) == 0) {
            *cause = (enum cause)i;
            known++;
        }
    }
    if (known != 2) {
        *verdict = VERDICT_INCONCLUSIVE;
        *cause = CAUSE_NONE;
    }
    return known == 2;
}

static bool read_words(sqlite3_stmt *row, int column, enum verdict *verdict, enum cause *cause)
{
    const char *const words[] = {text_of(row, column), text_of(row, column + 1)};

    return audit_state_read_words(words, verdict, cause);
}

static enum audit_fact fact_of(sqlite3_stmt *row, int column)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL) {
        return AUDIT_FACT_UNKNOWN;
    }
    return sqlite3_column_int(row, column) != 0 ? AUDIT_FACT_YES : AUDIT_FACT_NO;
}

struct endpoint_reading {
    audit_state_endpoint_visit visit;
    bool detail;
    void *user;
};

static bool read_endpoint(sqlite3_stmt *row, void *user)
{
    const struct endpoint_reading *reading = user;
    double seconds = sqlite3_column_double(row, 7);
    struct audited_endpoint endpoint = {
        .key = text_of(row, 1),
        .target = text_of(row, 2),
        .host = text_of(row, 3),
        .session = text_of(row, 4),
        .started = database_time(sqlite3_column_int64(row, 5)),
        .ended = database_time(sqlite3_column_int64(row, 6)),
        .seconds = seconds >= 0 && seconds < INT_MAX ? seconds : 0, /* a row may hold infinity */
        .answered = fact_of(row, 8),
        .certificate = fact_of(row, 9),
        .gone = sqlite3_column_int(row, 10) != 0,
        .detail = reading->detail ? text_of(row, 13) : NULL,
    };

    (void)read_words(row, 11, &endpoint.verdict, &endpoint.cause);
    return reading->visit(sqlite3_column_int64(row, 0), &endpoint, reading->user);
}

bool audit_state_endpoints(struct audit_state *state, bool detail, audit_state_endpoint_visit visit,
                           void *user)
{
    struct endpoint_reading reading = {visit, detail, user};
    sqlite3_stmt *statement =
        prepare(state, "SELECT endpoint.id, key, target, host, session, endpoint.last, ended,"
                       " seconds, answered, certificate, gone, verdict, cause,"
                       " CASE WHEN ?1 THEN detail END"
                       " FROM endpoint LEFT JOIN run ON run.id ="
                       " (SELECT max(id) FROM run WHERE endpoint = endpoint.id) ORDER BY key");

    (void)sqlite3_bind_int(statement, 1, detail);
    return each_row(statement, read_endpoint, &reading);
}

struct run_reading {
    audit_state_run_visit visit;
    void *user;
};

static bool read_run(sqlite3_stmt *row, void *user)
{
    const struct run_reading *reading = user;
    int64_t audits = sqlite3_column_int64(row, 5);
    struct verdict_run one = {
        .first = database_time(sqlite3_column_int64(row, 3)),
        .last = database_time(sqlite3_column_int64(row, 4)),
        .audits = audits < 0 ? 0 : (uint64_t)audits,
    };

    one.unread = !read_words(row, 1, &one.verdict, &one.cause);
    return reading->visit(sqlite3_column_int64(row, 0), &one, reading->user);
}

bool audit_state_runs(struct audit_state *state, audit_state_run_visit visit, void *user)
{
    struct run_reading reading = {visit, user};

    return each_row(prepare(state, "SELECT endpoint, verdict, cause, first, last, audits FROM run"
                                   " ORDER BY endpoint, id"),
                    read_run, &reading);
}

/* ---- facts ------------------------------------------------------------------------------ */

bool audit_state_put(struct audit_state *state, const struct fact *fact)
{
    sqlite3_stmt *statement =
        prepare(state, "INSERT INTO fact (endpoint, kind, name, text, number, time)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (endpoint, kind, name, text)"
                       " DO UPDATE SET number = ?5, time = ?6 WHERE number <> ?5 OR time <> ?6");

    bind_text(statement, 1, fact->endpoint);
    bind_text(statement, 2, fact_kinds[fact->kind]);
    bind_text(statement, 3, fact->name);
    bind_text(statement, 4, fact->text);
    (void)sqlite3_bind_int64(statement, 5, fact->number);
    (void)sqlite3_bind_int64(statement, 6, fact->time);
    return finish(statement);
}

bool audit_state_drop(struct audit_state *state, const struct fact *like)
{
    sqlite3_stmt *statement = prepare(state, "DELETE FROM fact WHERE endpoint = ?1 AND kind = ?2"
                                             " AND (?3 IS NULL OR name = ?3)");

    bind_text(statement, 1, like->endpoint);
    bind_text(statement, 2, fact_kinds[like->kind]);
    bind_text(statement, 3, like->name);
    return finish(statement);
}

struct fact_reading {
    enum fact_kind kind;
    audit_state_fact_visit visit;
    void *user;
};

static bool read_fact(sqlite3_stmt *row, void *user)
{
    const struct fact_reading *reading = user;
    const struct fact fact = {
        .kind = reading->kind,
        .endpoint = text_of(row, 0),
        .name = text_of(row, 1),
        .text = text_of(row, 2),
        .number = sqlite3_column_int64(row, 3),
        .time = database_time(sqlite3_column_int64(row, 4)),
    };

    return reading->visit(&fact, reading->user);
}

/* Compared by SQLite, a time of the smallest number overflows nothing. */
bool audit_state_facts(struct audit_state *state, const struct fact *like,
                       const struct fact_span *span, audit_state_fact_visit visit, void *user)
{
    struct fact_reading reading = {like->kind, visit, user};
    bool one = like->endpoint != NULL;
    sqlite3_stmt *statement =
        prepare(state, one ? "SELECT endpoint, name, text, number, time FROM fact"
                             " WHERE endpoint = ?1 AND kind = ?2 AND time > ?3 AND time < ?4"
                             " ORDER BY time, id"
                           : "SELECT endpoint, name, text, number, time FROM fact"
                             " WHERE name = ?1 AND kind = ?2 AND time > ?3 AND time < ?4"
                             " ORDER BY time, id");

    bind_text(statement, 1, one ? like->endpoint : like->name);
    bind_text(statement, 2, fact_kinds[like->kind]);
    (void)sqlite3_bind_int64(statement, 3, span->after);
    (void)sqlite3_bind_int64(statement, 4, span->before);
    return each_row(statement, read_fact, &reading);
}

bool audit_state_forget(struct audit_state *state, enum fact_kind kind,
                        const struct fact_span *span)
{
    sqlite3_stmt *statement =
        prepare(state, "DELETE FROM fact WHERE kind = ?1 AND NOT (time > ?2 AND time < ?3)");

    bind_text(statement, 1, fact_kinds[kind]);
    (void)sqlite3_bind_int64(statement, 2, span->after);
    (void)sqlite3_bind_int64(statement, 3, span->before);
    return finish(statement);
}

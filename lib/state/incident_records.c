#include "lib/state/incident_records.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/finding_json.h"
#include "lib/printable.h"
#include "lib/state/database.h"

#define OPEN_STATES "('opened', 'repeated')"
#define COLUMNS                                                                                    \
    "id, kind, key, fold, state, severity, count, announced_count, announced, opened, last_seen,"  \
    " last_announced, finding, flaps, ended"

enum statement {
    SUPERSEDE,
    SAVE,
    MARK,
    COUNT,
    LOAD,
    LIST,
    OPEN,
    ENDED,
    OPEN_COUNT,
    PRUNE_OLD,
    PRUNE_MANY,
    CORRECT,
    VERSION,
    STATEMENTS,
};

static const char *const sql[] = {
    [SUPERSEDE] = "UPDATE incident SET state = 'resolved', announced = 1, ended = ?4"
                  " WHERE kind = ?1 AND key = ?2 AND id <> ?3 AND state <> 'resolved'",
    [SAVE] = "INSERT INTO incident (id, kind, key, fold, state, severity, count, announced_count,"
             " announced, opened, last_seen, last_announced, finding, flaps, ended)"
             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?14, 0, ?8, ?9, ?10, ?11, ?12, ?13)"
             " ON CONFLICT (id) DO UPDATE SET state = ?5, severity = ?6, count = ?7,"
             " announced_count = ?14, announced = 0, last_seen = ?9, last_announced = ?10,"
             " finding = ?11,"
             /* That it is over may have to be told again: it ended but once. */
             " ended = CASE WHEN ?13 IS NULL THEN NULL ELSE coalesce(ended, ?13) END",
    [MARK] = "UPDATE incident SET announced = 1, announced_state = ?2"
             " WHERE id = ?1 AND state = ?2 AND announced_count = ?3",
    [COUNT] = "UPDATE incident SET count = ?2, last_seen = ?3"
              " WHERE id = ?1 AND state IN " OPEN_STATES,
    [LOAD] = "SELECT " COLUMNS " FROM incident"
             " WHERE state <> 'resolved' OR announced = 0 OR ended > ?1"
             " ORDER BY state = 'resolved' DESC, ended, opened, rowid",
    [LIST] = "SELECT " COLUMNS " FROM incident ORDER BY opened DESC, kind, key,"
             " rowid DESC",
    [OPEN] = "SELECT " COLUMNS " FROM incident WHERE state <> 'resolved'"
             " ORDER BY severity = 'critical' DESC, severity = 'warning' DESC, opened DESC,"
             " rowid DESC LIMIT ?1",
    [ENDED] = "SELECT " COLUMNS " FROM incident WHERE state = 'resolved'"
              " ORDER BY ended DESC LIMIT ?1",
    [OPEN_COUNT] = "SELECT count(*) FROM incident WHERE state <> 'resolved'",
    [PRUNE_OLD] = "DELETE FROM incident"
                  " WHERE state = 'resolved' AND announced = 1 AND coalesce(ended, 0) < ?1",
    [PRUNE_MANY] = "DELETE FROM incident WHERE state = 'resolved' AND announced = 1 AND rowid IN"
                   " (SELECT rowid FROM incident WHERE state = 'resolved'"
                   " ORDER BY ended DESC LIMIT -1 OFFSET ?1)",
    [CORRECT] = "UPDATE incident SET ended = ?1 WHERE ended > ?1 + 60",
    [VERSION] = "PRAGMA data_version",
};

struct incident_records {
    size_t left_out;
    sqlite3_stmt *statement[STATEMENTS];
};

void incident_records_free(struct incident_records *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(table->statement[i]);
    }
    free(table);
}

struct incident_records *incident_records_new(sqlite3 *database)
{
    struct incident_records *table = calloc(1, sizeof(*table));

    for (size_t i = 0; table != NULL && i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(database, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &table->statement[i], NULL) != SQLITE_OK) {
            incident_records_free(table);
            table = NULL;
        }
    }
    return table;
}

static void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
}

static void bind_count(sqlite3_stmt *statement, int place, uint64_t count)
{
    sqlite3_bind_int64(statement, place, count > INT64_MAX ? INT64_MAX : (sqlite3_int64)count);
}

/* Runs a statement that returns no row, and makes it ready for the next time. */
static bool run(sqlite3_stmt *statement)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE;

    /* Its failure is that of the step. */
    (void)sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return done;
}

static bool supersede(struct incident_records *table, const struct incident *incident)
{
    sqlite3_stmt *statement = table->statement[SUPERSEDE];

    bind_text(statement, 1, finding_kind_name(incident->finding.kind));
    bind_text(statement, 2, incident->finding.key);
    bind_text(statement, 3, incident->id);
    sqlite3_bind_int64(statement, 4, incident->last_announced);
    return run(statement);
}

bool incident_records_save(struct incident_records *table, const struct incident *incident)
{
    sqlite3_stmt *statement = table->statement[SAVE];
    const struct finding *finding = &incident->finding;

    if (incident->state != INCIDENT_RESOLVED && !supersede(table, incident)) {
        return false;
    }
    char *text = finding_json_write(finding);
    bind_text(statement, 1, incident->id);
    bind_text(statement, 2, finding_kind_name(finding->kind));
    bind_text(statement, 3, finding->key);
    bind_text(statement, 4, finding->fold);
    bind_text(statement, 5, incident_state_name(incident->state));
    bind_text(statement, 6, severity_name(finding->severity));
    bind_count(statement, 7, finding->count);
    sqlite3_bind_int64(statement, 8, incident->opened);
    sqlite3_bind_int64(statement, 9, incident->last_seen);
    sqlite3_bind_int64(statement, 10, incident->last_announced);
    bind_text(statement, 11, text == NULL ? "{}" : text);
    sqlite3_bind_int64(statement, 12, incident->flaps);
    if (incident->state == INCIDENT_RESOLVED) {
        sqlite3_bind_int64(statement, 13, incident->last_announced);
    }
    bind_count(statement, 14, incident->announced_count);
    bool saved = run(statement);
    free(text);
    return saved;
}

bool incident_records_mark(struct incident_records *table, const char *id,
                           enum incident_state state, uint64_t count)
{
    sqlite3_stmt *statement = table->statement[MARK];

    bind_text(statement, 1, id);
    bind_text(statement, 2, incident_state_name(state));
    bind_count(statement, 3, count);
    return run(statement);
}

bool incident_records_count(struct incident_records *table, const char *id, uint64_t count,
                            time_t last_seen)
{
    sqlite3_stmt *statement = table->statement[COUNT];

    bind_text(statement, 1, id);
    bind_count(statement, 2, count);
    sqlite3_bind_int64(statement, 3, last_seen);
    return run(statement);
}

bool incident_records_prune(struct incident_records *table, time_t now)
{
    sqlite3_bind_int64(table->statement[PRUNE_OLD], 1, now - INCIDENT_RECORDS_DAYS * 86400LL);
    sqlite3_bind_int64(table->statement[PRUNE_MANY], 1, INCIDENT_RECORDS_ENDED_MAX);
    sqlite3_bind_int64(table->statement[CORRECT], 1, now);
    return run(table->statement[CORRECT]) && run(table->statement[PRUNE_OLD]) &&
           run(table->statement[PRUNE_MANY]);
}

/* The number that a statement gives; `otherwise`: SQLite failed. */
static long long number_of(sqlite3_stmt *statement, long long otherwise)
{
    long long number = otherwise;

    if (sqlite3_step(statement) == SQLITE_ROW) {
        number = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_reset(statement);
    return number;
}

long long incident_records_version(struct incident_records *table)
{
    return number_of(table->statement[VERSION], 0);
}

size_t incident_records_left_out(const struct incident_records *table)
{
    return table->left_out;
}

long long incident_records_open_count(struct incident_records *table)
{
    return number_of(table->statement[OPEN_COUNT], -1);
}

/* ---- reading rows -------------------------------------------------------------------------- */

static const char *column(sqlite3_stmt *statement, int place)
{
    const unsigned char *text = sqlite3_column_text(statement, place);

    return text == NULL ? "" : (const char *)text;
}

/* The value of an enumeration that has this name; -1: none. */
static int kind_of(const char *name)
{
    for (int kind = 0; kind < FINDING_KINDS; kind++) {
        if (strcmp(finding_kind_name((enum finding_kind)kind), name) == 0) {
            return kind;
        }
    }
    return -1;
}

static int severity_of(const char *name)
{
    for (int severity = SEVERITY_INFO; severity <= SEVERITY_CRITICAL; severity++) {
        if (strcmp(severity_name((enum severity)severity), name) == 0) {
            return severity;
        }
    }
    return -1;
}

static int state_of(const char *name)
{
    for (int state = INCIDENT_OPENED; state <= INCIDENT_RESOLVED; state++) {
        if (strcmp(incident_state_name((enum incident_state)state), name) == 0) {
            return state;
        }
    }
    return -1;
}

/* False: too long, or with what a terminal would obey, which no row of ours is. */
static bool copy(char *out, size_t size, const char *text)
{
    if (strlen(text) >= size || !printable_is_shown(text)) {
        return false;
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static uint64_t unsigned_column(sqlite3_stmt *statement, int place)
{
    sqlite3_int64 value = sqlite3_column_int64(statement, place);

    return value < 0 ? 0 : (uint64_t)value;
}

/* The incident goes on, and ends, whatever became of what was found. */
static void read_finding(sqlite3_stmt *statement, struct incident_record *row)
{
    struct finding *finding = &row->incident.finding;
    const struct finding known = *finding;

    if (finding_json_read(finding, column(statement, 12))) {
        return;
    }
    *finding = known;
    finding_why(finding, "the stored details of this incident cannot be read");
    row->unread = true;
}

/* False: a row that is not understood. */
static bool read_row(sqlite3_stmt *statement, struct incident_record *row)
{
    struct incident *incident = &row->incident;
    struct finding *finding = &incident->finding;
    int kind = kind_of(column(statement, 1));
    int state = state_of(column(statement, 4));
    int severity = severity_of(column(statement, 5));

    memset(row, 0, sizeof(*row));
    if (kind < 0 || state < 0 || severity < 0) {
        return false;
    }
    finding_init(finding, (enum finding_kind)kind);
    finding->severity = (enum severity)severity;
    finding->count = unsigned_column(statement, 6);
    incident->state = (enum incident_state)state;
    incident->announced_count = unsigned_column(statement, 7);
    row->announced = sqlite3_column_int(statement, 8) != 0;
    incident->opened = database_time(sqlite3_column_int64(statement, 9));
    incident->last_seen = database_time(sqlite3_column_int64(statement, 10));
    incident->last_announced = database_time(sqlite3_column_int64(statement, 11));
    uint64_t flaps = unsigned_column(statement, 13);
    incident->flaps = flaps > INT_MAX ? INT_MAX : (unsigned int)flaps;
    row->ended = database_time(sqlite3_column_int64(statement, 14));
    if (!copy(incident->id, sizeof(incident->id), column(statement, 0)) ||
        !copy(finding->key, sizeof(finding->key), column(statement, 2)) ||
        !copy(finding->fold, sizeof(finding->fold), column(statement, 3))) {
        return false;
    }
    read_finding(statement, row);
    return true;
}

static bool read_rows(struct incident_records *table, enum statement which,
                      incident_records_visit visit, void *user)
{
    sqlite3_stmt *statement = table->statement[which];
    struct incident_record row;
    int step;

    table->left_out = 0;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        bool read = read_row(statement, &row);

        /* A text for which memory was out is no damage. */
        if (sqlite3_errcode(sqlite3_db_handle(statement)) == SQLITE_NOMEM ||
            (read && !visit(&row, user))) {
            break;
        }
        table->left_out += !read;
    }
    (void)sqlite3_reset(statement);
    return step == SQLITE_DONE;
}

bool incident_records_load(struct incident_records *table, time_t now, incident_records_visit visit,
                           void *user)
{
    sqlite3_stmt *statement = table->statement[LOAD];

    sqlite3_bind_int64(statement, 1, now - INCIDENT_FLAP_SECONDS);
    return read_rows(table, LOAD, visit, user);
}

bool incident_records_list(struct incident_records *table, incident_records_visit visit, void *user)
{
    return read_rows(table, LIST, visit, user);
}

bool incident_records_open(struct incident_records *table, size_t max, incident_records_visit visit,
                           void *user)
{
    sqlite3_bind_int64(table->statement[OPEN], 1, (sqlite3_int64)max);
    return read_rows(table, OPEN, visit, user);
}

bool incident_records_ended(struct incident_records *table, size_t max,
                            incident_records_visit visit, void *user)
{
    sqlite3_bind_int64(table->statement[ENDED], 1, (sqlite3_int64)max);
    return read_rows(table, ENDED, visit, user);
}

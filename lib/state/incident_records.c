#include "lib/state/incident_records.h"

#include <stdlib.h>
#include <string.h>

#include "lib/alert/finding_json.h"

#define OPEN_STATES "('opened', 'repeated')"
#define COLUMNS                                                                                    \
    "id, kind, key, fold, state, severity, count, announced_count, announced, opened, last_seen,"  \
    " last_announced, finding, flaps, ended"

enum statement {
    SUPERSEDE,
    SAVE,
    MARK,
    COUNT,
    END_ALL,
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
             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, 0, ?8, ?9, ?10, ?11, ?12, ?13)"
             " ON CONFLICT (id) DO UPDATE SET state = ?5, severity = ?6, count = ?7,"
             " announced_count = ?7, announced = 0, last_seen = ?9, last_announced = ?10,"
             " finding = ?11, ended = ?13",
    [MARK] = "UPDATE incident SET announced = 1, announced_state = ?2"
             " WHERE id = ?1 AND state = ?2 AND announced_count = ?3",
    [COUNT] = "UPDATE incident SET count = ?2, last_seen = ?3"
              " WHERE id = ?1 AND state IN " OPEN_STATES,
    [END_ALL] = "UPDATE incident SET state = 'resolved', announced = 1, ended = ?1"
                " WHERE state <> 'resolved'",
    [LOAD] = "SELECT " COLUMNS " FROM incident"
             " WHERE state <> 'resolved' OR announced = 0 OR ended > ?1"
             " ORDER BY state = 'resolved' DESC, ended, opened, rowid",
    [LIST] = "SELECT " COLUMNS " FROM incident ORDER BY opened DESC, rowid DESC",
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

struct state_table {
    sqlite3_stmt *statement[STATEMENTS];
};

void state_table_free(struct state_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(table->statement[i]);
    free(table);
}

struct state_table *state_table_new(sqlite3 *database)
{
    struct state_table *table = calloc(1, sizeof(*table));

    for (size_t i = 0; table != NULL && i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(database, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &table->statement[i], NULL) != SQLITE_OK) {
            state_table_free(table);
            table = NULL;
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

static bool supersede(struct state_table *table, const struct incident *incident)
{
    sqlite3_stmt *statement = table->statement[SUPERSEDE];

    bind_text(statement, 1, finding_kind_name(incident->finding.kind));
    bind_text(statement, 2, incident->finding.key);
    bind_text(statement, 3, incident->id);
    sqlite3_bind_int64(statement, 4, incident->last_announced);
    return run(statement);
}

bool state_table_save(struct state_table *table, const struct incident *incident)
{
    sqlite3_stmt *statement = table->statement[SAVE];
    const struct finding *finding = &incident->finding;

    if (!supersede(table, incident))
        return false;
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
    if (incident->state == INCIDENT_RESOLVED)
        sqlite3_bind_int64(statement, 13, incident->last_announced);
    bool saved = run(statement);
    free(text);
    return saved;
}

bool state_table_mark(struct state_table *table, const char *id, enum incident_state state,
                      uint64_t count)
{
    sqlite3_stmt *statement = table->statement[MARK];

    bind_text(statement, 1, id);
    bind_text(statement, 2, incident_state_name(state));
    bind_count(statement, 3, count);
    return run(statement);
}

bool state_table_count(struct state_table *table, const char *id, uint64_t count, time_t last_seen)
{
    sqlite3_stmt *statement = table->statement[COUNT];

    bind_text(statement, 1, id);
    bind_count(statement, 2, count);
    sqlite3_bind_int64(statement, 3, last_seen);
    return run(statement);
}

bool state_table_end_all(struct state_table *table, time_t now)
{
    sqlite3_bind_int64(table->statement[END_ALL], 1, now);
    return run(table->statement[END_ALL]);
}

bool state_table_prune(struct state_table *table, time_t now)
{
    sqlite3_bind_int64(table->statement[PRUNE_OLD], 1, now - STATE_TABLE_DAYS * 86400LL);
    sqlite3_bind_int64(table->statement[PRUNE_MANY], 1, STATE_TABLE_ENDED_MAX);
    sqlite3_bind_int64(table->statement[CORRECT], 1, now);
    return run(table->statement[CORRECT]) && run(table->statement[PRUNE_OLD]) &&
           run(table->statement[PRUNE_MANY]);
}

/* The number that a statement gives; `otherwise`: SQLite failed. */
static long long number_of(sqlite3_stmt *statement, long long otherwise)
{
    long long number = otherwise;

    if (sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return number;
}

long long state_table_version(struct state_table *table)
{
    return number_of(table->statement[VERSION], 0);
}

long long state_table_open_count(struct state_table *table)
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
    for (int kind = 0; kind < FINDING_KINDS; kind++)
        if (strcmp(finding_kind_name((enum finding_kind)kind), name) == 0)
            return kind;
    return -1;
}

static int severity_of(const char *name)
{
    for (int severity = SEVERITY_INFO; severity <= SEVERITY_CRITICAL; severity++)
        if (strcmp(severity_name((enum severity)severity), name) == 0)
            return severity;
    return -1;
}

static int state_of(const char *name)
{
    for (int state = INCIDENT_OPENED; state <= INCIDENT_RESOLVED; state++)
        if (strcmp(incident_state_name((enum incident_state)state), name) == 0)
            return state;
    return -1;
}

/* False: too long, which no row of ours is. */
static bool copy(char *out, size_t size, const char *text)
{
    if (strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static uint64_t unsigned_column(sqlite3_stmt *statement, int place)
{
    sqlite3_int64 value = sqlite3_column_int64(statement, place);

    return value < 0 ? 0 : (uint64_t)value;
}

/* False: a row that is not understood. */
static bool read_row(sqlite3_stmt *statement, struct state_row *row)
{
    struct incident *incident = &row->incident;
    struct finding *finding = &incident->finding;
    int kind = kind_of(column(statement, 1));
    int state = state_of(column(statement, 4));
    int severity = severity_of(column(statement, 5));

    memset(row, 0, sizeof(*row));
    if (kind < 0 || state < 0 || severity < 0)
        return false;
    finding_init(finding, (enum finding_kind)kind);
    finding->severity = (enum severity)severity;
    finding->count = unsigned_column(statement, 6);
    incident->state = (enum incident_state)state;
    incident->announced_count = unsigned_column(statement, 7);
    row->announced = sqlite3_column_int(statement, 8) != 0;
    incident->opened = sqlite3_column_int64(statement, 9);
    incident->last_seen = sqlite3_column_int64(statement, 10);
    incident->last_announced = sqlite3_column_int64(statement, 11);
    incident->flaps = (unsigned int)sqlite3_column_int(statement, 13);
    row->ended = sqlite3_column_int64(statement, 14);
    return copy(incident->id, sizeof(incident->id), column(statement, 0)) &&
           copy(finding->key, sizeof(finding->key), column(statement, 2)) &&
           copy(finding->fold, sizeof(finding->fold), column(statement, 3)) &&
           finding_json_read(finding, column(statement, 12));
}

static bool read_rows(sqlite3_stmt *statement, state_table_visit visit, void *user)
{
    struct state_row row;
    int step;

    while ((step = sqlite3_step(statement)) == SQLITE_ROW)
        if (read_row(statement, &row) && !visit(&row, user))
            break;
    (void)sqlite3_reset(statement);
    return step == SQLITE_DONE;
}

bool state_table_load(struct state_table *table, time_t now, state_table_visit visit, void *user)
{
    sqlite3_stmt *statement = table->statement[LOAD];

    sqlite3_bind_int64(statement, 1, now - INCIDENT_FLAP_SECONDS);
    return read_rows(statement, visit, user);
}

bool state_table_list(struct state_table *table, state_table_visit visit, void *user)
{
    return read_rows(table->statement[LIST], visit, user);
}

bool state_table_open(struct state_table *table, size_t max, state_table_visit visit, void *user)
{
    sqlite3_stmt *statement = table->statement[OPEN];

    sqlite3_bind_int64(statement, 1, (sqlite3_int64)max);
    return read_rows(statement, visit, user);
}

bool state_table_ended(struct state_table *table, size_t max, state_table_visit visit, void *user)
{
    sqlite3_stmt *statement = table->statement[ENDED];

    sqlite3_bind_int64(statement, 1, (sqlite3_int64)max);
    return read_rows(statement, visit, user);
}

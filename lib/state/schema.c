#include "lib/state/schema.h"

#include <stddef.h>

/* The steps that make a fresh database. Times are Unix seconds. No STRICT: SQLite 3.34 has it not.
 */
static const char schema[] =
    "CREATE TABLE incident ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " kind TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " fold TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('opened', 'repeated', 'resolved')),"
    " severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),"
    " count INTEGER NOT NULL,"
    " announced_state TEXT CHECK (announced_state IN ('opened', 'repeated', 'resolved')),"
    " announced_count INTEGER NOT NULL DEFAULT 0,"
    " announced INTEGER NOT NULL DEFAULT 0 CHECK (announced IN (0, 1)),"
    " opened INTEGER NOT NULL,"
    " last_seen INTEGER NOT NULL,"
    " last_announced INTEGER,"
    " finding TEXT NOT NULL," /* JSON */
    " flaps INTEGER NOT NULL DEFAULT 0,"
    " ended INTEGER" /* NULL while it lasts */
    ");"
    "CREATE UNIQUE INDEX incident_subject ON incident (kind, key) WHERE state <> 'resolved';"
    "CREATE INDEX incident_ended ON incident (ended) WHERE state = 'resolved';"
    "CREATE TABLE mask ("
    " address TEXT NOT NULL,"
    " route TEXT NOT NULL,"
    " listener TEXT NOT NULL,"
    " hidden INTEGER NOT NULL," /* 0: never, as in the next two */
    " true_since INTEGER NOT NULL,"
    " dropped INTEGER NOT NULL,"
    " strict INTEGER NOT NULL CHECK (strict IN (0, 1)),"
    " since INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (address, route)"
    ") WITHOUT ROWID;"
    "CREATE TABLE moment ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " time INTEGER NOT NULL"
    ");"
    "CREATE TABLE endpoint (" /* as its last audit left it */
    " id INTEGER NOT NULL PRIMARY KEY,"
    " key TEXT NOT NULL UNIQUE,"
    " target TEXT NOT NULL,"
    " host TEXT NOT NULL,"
    " session TEXT NOT NULL," /* the mode of TLS that was in force */
    " last INTEGER NOT NULL,"
    " ended INTEGER NOT NULL,"
    " seconds REAL NOT NULL,"
    " answered INTEGER,"    /* whether the milter answered; NULL: it was not asked */
    " certificate INTEGER," /* whether nothing was wrong with it; NULL: none was shown */
    " gone INTEGER NOT NULL DEFAULT 0," /* a later audit of its target did not find it */
    " detail TEXT NOT NULL"             /* JSON: the endpoint's part of `check --json` */
    ");"
    "CREATE INDEX endpoint_target ON endpoint (target);"
    "CREATE TABLE run (" /* audits one after the other that came to the same */
    " id INTEGER NOT NULL PRIMARY KEY,"
    " endpoint INTEGER NOT NULL REFERENCES endpoint (id),"
    " verdict TEXT NOT NULL,"
    " cause TEXT NOT NULL,"
    " first INTEGER NOT NULL,"
    " last INTEGER NOT NULL,"
    " audits INTEGER NOT NULL"
    ");"
    "CREATE INDEX run_endpoint ON run (endpoint);"
    "CREATE TABLE fact (" /* what an audit leaves for the next */
    " id INTEGER NOT NULL PRIMARY KEY,"
    " endpoint TEXT NOT NULL," /* its key */
    " kind TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " number INTEGER NOT NULL,"
    " time INTEGER NOT NULL,"
    " UNIQUE (endpoint, kind, name, text)"
    ");"
    "CREATE INDEX fact_name ON fact (kind, name);";

/* The first schema whose file is made anew rather than altered. */
#define REMADE 6

/* Entry N brings schema N to schema N + 1, as they were released. */
static const char *const migrations[REMADE - 1] = {
    [1] = "ALTER TABLE incident ADD COLUMN flaps INTEGER NOT NULL DEFAULT 0;"
          "ALTER TABLE incident ADD COLUMN ended INTEGER;"
          "CREATE INDEX incident_ended ON incident (ended) WHERE state = 'resolved';",
    [2] = "CREATE TABLE mask ("
          " address TEXT NOT NULL, route TEXT NOT NULL, listener TEXT NOT NULL,"
          " hidden INTEGER NOT NULL, true_since INTEGER NOT NULL, dropped INTEGER NOT NULL,"
          " strict INTEGER NOT NULL, PRIMARY KEY (address, route)) WITHOUT ROWID;"
          "CREATE TABLE moment (name TEXT NOT NULL PRIMARY KEY, time INTEGER NOT NULL);",
    [3] = "CREATE TABLE endpoint ("
          " id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, last INTEGER NOT NULL,"
          " detail TEXT NOT NULL);"
          "CREATE TABLE audit ("
          " endpoint INTEGER NOT NULL, time INTEGER NOT NULL, verdict TEXT NOT NULL,"
          " cause TEXT NOT NULL);"
          "CREATE INDEX audit_endpoint ON audit (endpoint, time);",
    [4] = "ALTER TABLE mask ADD COLUMN since INTEGER NOT NULL DEFAULT 0;"
          "UPDATE mask SET since = hidden;",
};

/* Schema 5 to 6: its tables step aside, and what they hold is copied into those of `schema`. */
static const char step_aside[] = "DROP INDEX incident_subject;"
                                 "DROP INDEX incident_ended;"
                                 "DROP INDEX audit_endpoint;"
                                 "ALTER TABLE incident RENAME TO old_incident;"
                                 "ALTER TABLE mask RENAME TO old_mask;"
                                 "ALTER TABLE moment RENAME TO old_moment;"
                                 "ALTER TABLE endpoint RENAME TO old_endpoint;"
                                 "ALTER TABLE audit RENAME TO old_audit;";

/* An endpoint's name was "HOST ADDRESS:PORT/TLS DOMAIN"; without an address "HOST unknown/TLS
 * DOMAIN". Its key has no host beside an address: of two names for one place the later is kept, and
 * their audits are one history. The other columns' values were in the detail alone. */
static const char copy_state[] =
    "INSERT INTO incident (id, kind, key, fold, state, severity, count, announced_state,"
    " announced_count, announced, opened, last_seen, last_announced, finding, flaps, ended)"
    " SELECT id, kind, key, fold, state, severity, count, announced_state, announced_count,"
    " announced, opened, last_seen, last_announced, finding, flaps, ended FROM old_incident"
    " ORDER BY rowid;"
    "INSERT INTO mask (address, route, listener, hidden, true_since, dropped, strict, since)"
    " SELECT address, route, listener, hidden, true_since, dropped, strict, since FROM old_mask;"
    "INSERT INTO moment (name, time) SELECT name, time FROM old_moment;";

static const char copy_audits[] =
    "ALTER TABLE old_endpoint ADD COLUMN json TEXT;"
    "ALTER TABLE old_endpoint ADD COLUMN key TEXT;"
    "UPDATE old_endpoint SET json = CASE WHEN json_valid(detail) THEN detail ELSE '{}' END;"
    "UPDATE old_endpoint SET key = CASE"
    " WHEN instr(name, ' unknown/') > 0 AND json_extract(json, '$.port') IS NOT NULL"
    " THEN substr(name, 1, instr(name, ' ') - 1) || ':' || json_extract(json, '$.port')"
    " || substr(name, instr(name, '/'))"
    " ELSE substr(name, instr(name, ' ') + 1) END;"
    "INSERT OR REPLACE INTO endpoint"
    " (key, target, host, session, last, ended, seconds, answered, certificate, detail)"
    " SELECT key, coalesce(json_extract(json, '$.target'), ''),"
    " coalesce(json_extract(json, '$.host'), substr(name, 1, instr(name, ' ') - 1)),"
    " coalesce(json_extract(json, '$.tls'), 'none'), last, last, 0,"
    " nullif(json_extract(json, '$.milter.observed'), 0),"
    " CASE WHEN json_type(json, '$.tls_session') = 'object'"
    " THEN json_type(json, '$.tls_session.certificate_fault') = 'null' END, detail"
    " FROM old_endpoint ORDER BY last;"
    "UPDATE endpoint SET gone = 1 WHERE target <> '' AND last <"
    " (SELECT max(last) FROM endpoint AS other WHERE other.target = endpoint.target);"
    "INSERT INTO run (endpoint, verdict, cause, first, last, audits)"
    " SELECT id, verdict, cause, min(time), max(time), count(*) FROM"
    " (SELECT endpoint.id AS id, verdict, cause, time,"
    " row_number() OVER (PARTITION BY endpoint.id ORDER BY time, old_audit.rowid) -"
    " row_number() OVER (PARTITION BY endpoint.id, verdict, cause ORDER BY time, old_audit.rowid)"
    " AS island FROM old_audit JOIN old_endpoint ON old_endpoint.id = old_audit.endpoint"
    " JOIN endpoint ON endpoint.key = old_endpoint.key)"
    " GROUP BY id, verdict, cause, island ORDER BY id, min(time), max(time);"
    "DROP TABLE old_audit;"
    "DROP TABLE old_endpoint;"
    "DROP TABLE old_moment;"
    "DROP TABLE old_mask;"
    "DROP TABLE old_incident;";

static bool run(sqlite3 *database, const char *sql)
{
    return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK;
}

bool schema_change(sqlite3 *database, long long from)
{
    if (from == 0) {
        return run(database, schema);
    }
    if (from < REMADE - 1) {
        return run(database, migrations[from]);
    }
    return run(database, step_aside) && run(database, schema) && run(database, copy_state) &&
           run(database, copy_audits);
}

#include "lib/state/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys/remedy.h"

#define APPLICATION_ID  0x52575244 /* "RWRD" */
#define BUSY_TIMEOUT_MS 500
#define WAL_RETRY_MS    10
#define USER_SIZE       64

/* Entry N brings schema N to schema N + 1. An entry that was ever released never changes. */
static const char *const migrations[] = {
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
    " opened INTEGER NOT NULL," /* these are Unix seconds */
    " last_seen INTEGER NOT NULL,"
    " last_announced INTEGER,"
    " finding TEXT NOT NULL" /* JSON */
    ") STRICT;"
    "CREATE UNIQUE INDEX incident_subject ON incident (kind, key) WHERE state <> 'resolved';",
    "ALTER TABLE incident ADD COLUMN flaps INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE incident ADD COLUMN ended INTEGER;" /* Unix seconds; NULL while it lasts */
    "CREATE INDEX incident_ended ON incident (ended) WHERE state = 'resolved';",
    "CREATE TABLE mask ("
    " address TEXT NOT NULL,"
    " route TEXT NOT NULL,"
    " listener TEXT NOT NULL,"
    " hidden INTEGER NOT NULL," /* these are Unix seconds, 0: never */
    " true_since INTEGER NOT NULL,"
    " dropped INTEGER NOT NULL,"
    " strict INTEGER NOT NULL CHECK (strict IN (0, 1)),"
    " PRIMARY KEY (address, route)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE moment ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " time INTEGER NOT NULL"
    ") STRICT;",
    "CREATE TABLE endpoint ("
    " id INTEGER NOT NULL PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " last INTEGER NOT NULL," /* these are Unix seconds */
    " detail TEXT NOT NULL"   /* JSON: the endpoint's part of `check --json` */
    ") STRICT;"
    "CREATE TABLE audit ("
    " endpoint INTEGER NOT NULL REFERENCES endpoint (id),"
    " time INTEGER NOT NULL,"
    " verdict TEXT NOT NULL,"
    " cause TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX audit_endpoint ON audit (endpoint, time);",
    ("ALTER TABLE mask ADD COLUMN since INTEGER NOT NULL DEFAULT 0;"
     "UPDATE mask SET since = hidden;"),
};

#define SCHEMA_VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

int database_schema_version(void)
{
    return SCHEMA_VERSION;
}

void database_close(sqlite3 *database)
{
    sqlite3_close(database);
}

static const char make_it_writable[] = "let this program's user write the file and its directory";
static const char move_it_away[] = "move the file away; a new one is then made";
static const char stop_the_other[] = "another process holds it: stop that one";

/* What a failure of SQLite means, and what to do about it. */
static const struct {
    int code; /* the primary one */
    enum database_error error;
    const char *remedy;
} failures[] = {
    {SQLITE_BUSY, DATABASE_LOCKED, stop_the_other},
    {SQLITE_LOCKED, DATABASE_LOCKED, stop_the_other},
    {SQLITE_NOTADB, DATABASE_CORRUPT, move_it_away},
    {SQLITE_CORRUPT, DATABASE_CORRUPT, move_it_away},
    {SQLITE_FULL, DATABASE_CANNOT_OPEN, "make room on the disk"},
    {SQLITE_IOERR, DATABASE_CANNOT_OPEN, "look at the disk"},
    {SQLITE_NOMEM, DATABASE_CANNOT_OPEN, "memory is out"},
    {SQLITE_CANTOPEN, DATABASE_CANNOT_OPEN, make_it_writable},
    {SQLITE_READONLY, DATABASE_CANNOT_OPEN, make_it_writable},
    {SQLITE_PERM, DATABASE_CANNOT_OPEN, make_it_writable},
};

enum database_error database_failure(sqlite3 *database, const char *path,
                                     char error[DATABASE_ERROR_SIZE])
{
    int code = sqlite3_errcode(database) & 0xFF;
    enum database_error kind = DATABASE_CANNOT_OPEN;
    const char *remedy = move_it_away;

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        if (failures[i].code == code) {
            kind = failures[i].error;
            remedy = failures[i].remedy;
        }
    snprintf(error, DATABASE_ERROR_SIZE, "database %.200s: %.120s (%s)", path,
             sqlite3_errmsg(database), remedy);
    return kind;
}

/* The first column of a statement's only row; false when SQLite failed. */
static bool read_number(sqlite3 *database, const char *sql, long long *number)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        return false;
    bool read = sqlite3_step(statement) == SQLITE_ROW;
    if (read)
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return read;
}

/* Whether the statement's first row is this text. */
static bool answers(sqlite3 *database, const char *sql, const char *text)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        return false;
    bool same = false;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char *answer = sqlite3_column_text(statement, 0);

        same = answer != NULL && strcmp((const char *)answer, text) == 0;
    }
    sqlite3_finalize(statement);
    return same;
}

/* Is it ours, and of a version that we know? Nothing is written before this is clear. */
static enum database_error recognise(sqlite3 *database, const char *path, long long *version,
                                     char error[DATABASE_ERROR_SIZE])
{
    long long application = 0;
    long long objects = 0;

    /* One moment's view: another process may be making the schema just now. */
    if (sqlite3_exec(database, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
        !read_number(database, "SELECT count(*) FROM sqlite_schema", &objects) ||
        !read_number(database, "PRAGMA application_id", &application) ||
        !read_number(database, "PRAGMA user_version", version) ||
        sqlite3_exec(database, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return database_failure(database, path, error);
    bool fresh = application == 0 && *version == 0 && objects == 0;
    if (!fresh && (application != APPLICATION_ID || *version < 1)) {
        snprintf(error, DATABASE_ERROR_SIZE,
                 "database %.200s is another program's (name another file, or move this one away)",
                 path);
        return DATABASE_FOREIGN;
    }
    if (*version > SCHEMA_VERSION) {
        snprintf(error, DATABASE_ERROR_SIZE,
                 "database %.200s has schema %lld, and this version knows %d (install the later "
                 "version again, or move the file away)",
                 path, *version, SCHEMA_VERSION);
        return DATABASE_TOO_NEW;
    }
    if (!fresh && !answers(database, "PRAGMA quick_check(1)", "ok")) {
        snprintf(error, DATABASE_ERROR_SIZE, "database %.200s is damaged (%s)", path, move_it_away);
        return DATABASE_CORRUPT;
    }
    return DATABASE_OK;
}

/* One step, in one transaction: another process that opened the file at the same time finds it
 * done. */
static bool migrate_step(sqlite3 *database, long long from)
{
    char mark[96];
    long long version = 0;

    snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %lld;",
             APPLICATION_ID, from + 1);
    if (sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
        !read_number(database, "PRAGMA user_version", &version))
        return false;
    if (version != from)
        return sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK;
    return sqlite3_exec(database, migrations[from], NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_exec(database, mark, NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_exec(database, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

static enum database_error migrate(sqlite3 *database, const char *path, long long version,
                                   char error[DATABASE_ERROR_SIZE])
{
    for (; version < SCHEMA_VERSION; version++) {
        if (migrate_step(database, version))
            continue;
        enum database_error kind = database_failure(database, path, error);
        if (sqlite3_get_autocommit(database) == 0)
            sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
        return kind == DATABASE_LOCKED ? kind : DATABASE_MIGRATION;
    }
    return DATABASE_OK;
}

/* Another process that opens the file at this moment is in the way, and SQLite does not wait for it
 * here as it does elsewhere. */
static bool switch_to_wal(sqlite3 *database)
{
    for (int waited = 0; waited < BUSY_TIMEOUT_MS; waited += WAL_RETRY_MS) {
        if (answers(database, "PRAGMA journal_mode = WAL", "wal"))
            return true;
        if ((sqlite3_errcode(database) & 0xFF) != SQLITE_BUSY)
            return false;
        sqlite3_sleep(WAL_RETRY_MS);
    }
    return false;
}

/* WAL keeps a reader and a writer apart; FULL survives a loss of power. */
static enum database_error settle(sqlite3 *database, const char *path,
                                  char error[DATABASE_ERROR_SIZE])
{
    if (sqlite3_db_readonly(database, "main") != 0) {
        snprintf(error, DATABASE_ERROR_SIZE, "database %.200s is read-only (%s)", path,
                 make_it_writable);
        return DATABASE_CANNOT_OPEN;
    }
    if (switch_to_wal(database) &&
        sqlite3_exec(database, "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;", NULL,
                     NULL, NULL) == SQLITE_OK)
        return DATABASE_OK;
    return database_failure(database, path, error);
}

static const char *user_name(char out[USER_SIZE])
{
    char memory[4096];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(geteuid(), &entry, memory, sizeof(memory), &found) == 0 && found != NULL)
        snprintf(out, USER_SIZE, "%s", entry.pw_name);
    else
        snprintf(out, USER_SIZE, "%ju", (uintmax_t)geteuid());
    return out;
}

/* The real path of a directory, which is made if only its last part is missing. The caller frees
 * it; NULL and a sentence in `error`. */
static char *resolve_directory(const char *directory, char error[DATABASE_ERROR_SIZE])
{
    char user[USER_SIZE];
    char *resolved = realpath(directory, NULL);
    bool missing = resolved == NULL && errno == ENOENT;

    if (missing && (mkdir(directory, 0750) == 0 || errno == EEXIST))
        resolved = realpath(directory, NULL);
    if (resolved == NULL && missing)
        snprintf(error, DATABASE_ERROR_SIZE,
                 "database %.200s/: the directory does not exist (make it, owned by user %s)",
                 directory, user_name(user));
    else if (resolved == NULL)
        snprintf(error, DATABASE_ERROR_SIZE, "database %.200s/: %m (%s)", directory,
                 remedy_of(errno, make_it_writable));
    return resolved;
}

/* Symbolic links are followed in the directory, which is the administrator's, but never at the file
 * itself. The caller frees the result; NULL and a sentence in `error`. */
static char *resolve(const char *path, char error[DATABASE_ERROR_SIZE])
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char *directory = slash == NULL   ? strdup(".")
                      : slash == path ? strdup("/")
                                      : strndup(path, (size_t)(slash - path));
    char *resolved = NULL;
    char *whole = NULL;

    snprintf(error, DATABASE_ERROR_SIZE, "database %.200s: memory is out", path);
    if (directory != NULL)
        resolved = resolve_directory(directory, error);
    if (resolved != NULL && asprintf(&whole, "%s/%s", resolved, name) < 0)
        whole = NULL;
    free(resolved);
    free(directory);
    return whole;
}

/* SQLite would make the file with mode 0644. An empty file is an empty database to it. */
static bool make_file(const char *path)
{
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);

    if (descriptor < 0)
        return errno == EEXIST;
    close(descriptor);
    return true;
}

static enum database_error open_resolved(const char *path, sqlite3 **database,
                                         char error[DATABASE_ERROR_SIZE])
{
    long long version = 0;

    if (sqlite3_open_v2(path, database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        if (sqlite3_extended_errcode(*database) != SQLITE_CANTOPEN_SYMLINK)
            return database_failure(*database, path, error);
        snprintf(error, DATABASE_ERROR_SIZE,
                 "database %.200s is a symbolic link, which is not followed (name the file itself)",
                 path);
        return DATABASE_CANNOT_OPEN;
    }
    sqlite3_busy_timeout(*database, BUSY_TIMEOUT_MS);
    enum database_error kind = recognise(*database, path, &version, error);
    if (kind == DATABASE_OK)
        kind = settle(*database, path, error);
    if (kind == DATABASE_OK)
        kind = migrate(*database, path, version, error);
    return kind;
}

enum database_error database_open(const char *path, sqlite3 **out, char error[DATABASE_ERROR_SIZE])
{
    sqlite3 *database = NULL;
    char *resolved = resolve(path, error);
    enum database_error kind = DATABASE_CANNOT_OPEN;

    if (resolved == NULL)
        kind = DATABASE_CANNOT_OPEN;
    else if (!make_file(resolved))
        snprintf(error, DATABASE_ERROR_SIZE, "database %.200s: %m (%s)", path,
                 remedy_of(errno, make_it_writable));
    else
        kind = open_resolved(resolved, &database, error);
    free(resolved);
    if (kind == DATABASE_OK)
        *out = database;
    else
        database_close(database);
    return kind;
}

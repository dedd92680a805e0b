#include "lib/state/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/printable.h"
#include "lib/state/schema.h"
#include "lib/sys/write_remedy.h"

#define APPLICATION_ID  0x52575244 /* "RWRD" */
#define BUSY_TIMEOUT_MS 500
#define RETRY_MS        10
#define UNLOCKED_TRIES  5
#define USER_SIZE       64

int database_schema_version(void)
{
    return SCHEMA_VERSION;
}

void database_close(sqlite3 *database)
{
    sqlite3_close(database);
}

/* ---- locks --------------------------------------------------------------------------------- */

/* To SQLite a file system that has no locks to give (ENOLCK: an NFS server without its lock daemon)
 * looks like another process that holds the file, so that each of many calls would wait in vain. */
static _Thread_local bool without_locks; /* so this thread's last try to lock failed */
static int (*lock_file)(int file, int what, ...);
static sqlite3_vfs *system_vfs;

/* Of fcntl(2) SQLite's calls have one argument, a pointer or a number. */
static int lock_and_note(int file, int what, ...)
{
    va_list rest;

    va_start(rest, what);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    int result = lock_file(file, what, argument);
    without_locks = result == -1 && errno == ENOLCK;
    return result;
}

/* Within a call SQLite tries a hundred times, ten seconds long, to lock what readers share. */
static int sleep_for_a_lock(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return without_locks ? 0 : system_vfs->xSleep(system_vfs, microseconds);
}

/* SQLite has been initialised, and no file is open. */
static void watch_locks(void)
{
    static sqlite3_vfs watched;

    system_vfs = sqlite3_vfs_find(NULL);
    lock_file = (int (*)(int, int, ...))system_vfs->xGetSystemCall(system_vfs, "fcntl");
    (void)system_vfs->xSetSystemCall(system_vfs, "fcntl", (sqlite3_syscall_ptr)lock_and_note);
    watched = *system_vfs;
    watched.zName = "relaywarden";
    watched.pNext = NULL;
    watched.xSleep = sleep_for_a_lock;
    (void)sqlite3_vfs_register(&watched, 1);
}

/* Without memory SQLite cannot begin: the open then says so, and the next one tries again. */
static void begin(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static bool watching;

    pthread_mutex_lock(&mutex);
    if (!watching && sqlite3_initialize() == SQLITE_OK) {
        watch_locks();
        watching = true;
    }
    pthread_mutex_unlock(&mutex);
}

/* sqlite3_busy_handler's */
static int be_patient(void *wait_ms, int tries)
{
    if (tries >= (without_locks ? UNLOCKED_TRIES : (int)(intptr_t)wait_ms / RETRY_MS)) {
        return 0;
    }
    sqlite3_sleep(RETRY_MS);
    return 1;
}

void database_wait(sqlite3 *database, int wait_ms)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): it is no pointer for anybody else */
    (void)sqlite3_busy_handler(database, be_patient, (void *)(intptr_t)wait_ms);
}

/* ---- failures ------------------------------------------------------------------------------ */

static const char make_it_writable[] = "let this program's user write the file and its directory";
static const char move_it_away[] = "move the file away; a new one is then made";
static const char make_room[] = "make room on the disk";
static const char stop_the_other[] = "another process holds it: stop that one";

/* The meaning of a failure of SQLite, and the remedy. */
static const struct {
    int code; /* the primary one */
    enum database_error error;
    const char *remedy;
} failures[] = {
    {SQLITE_BUSY, DATABASE_LOCKED, stop_the_other},
    {SQLITE_LOCKED, DATABASE_LOCKED, stop_the_other},
    {SQLITE_PROTOCOL, DATABASE_LOCKED, stop_the_other},
    {SQLITE_NOTADB, DATABASE_CORRUPT, move_it_away},
    {SQLITE_CORRUPT, DATABASE_CORRUPT, move_it_away},
    {SQLITE_FULL, DATABASE_CANNOT_OPEN, make_room},
    {SQLITE_IOERR, DATABASE_CANNOT_OPEN, "look at the disk"},
    {SQLITE_NOMEM, DATABASE_CANNOT_OPEN, "out of memory"},
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
    char said[120];

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].code == code) {
            kind = failures[i].error;
            remedy = failures[i].remedy;
        }
    }
    /* The file that readers share cannot grow. */
    if (code == SQLITE_IOERR && sqlite3_system_errno(database) == ENOSPC) {
        remedy = make_room;
    }
    if (kind == DATABASE_LOCKED && without_locks) {
        kind = DATABASE_CANNOT_OPEN;
        remedy = "its file system cannot lock files: name a state_directory on another one";
    }
    /* The name of a table in a file that anybody may have written is part of what SQLite says. */
    printable_string(said, sizeof(said), sqlite3_errmsg(database));
    snprintf(error, DATABASE_ERROR_SIZE, "database %.200s: %s (%s)", path, said, remedy);
    return kind;
}

/* The first column of a statement's only row; false when SQLite failed. */
static bool read_number(sqlite3 *database, const char *sql, long long *number)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    bool read = sqlite3_step(statement) == SQLITE_ROW;
    if (read) {
        *number = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return read;
}

/* Whether the statement's first row is this text. */
static bool answers(sqlite3 *database, const char *sql, const char *text)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    bool same = false;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char *answer = sqlite3_column_text(statement, 0);

        same = answer != NULL && strcmp((const char *)answer, text) == 0;
    }
    sqlite3_finalize(statement);
    return same;
}

enum soundness {
    SOUND,
    DAMAGED,
    UNREADABLE, /* the system failed: of the file that tells nothing */
};

static bool is_the_systems(int code)
{
    code &= 0xFF;
    return code == SQLITE_IOERR || code == SQLITE_NOMEM || code == SQLITE_BUSY ||
           code == SQLITE_CANTOPEN || code == SQLITE_PROTOCOL;
}

/* A page that could not be read is told in the answer's text, with SQLite's code for why. */
static enum soundness check(sqlite3 *database)
{
    static const char unread[] = "unable to get the page. error code=";
    sqlite3_stmt *statement = NULL;
    enum soundness found = DAMAGED;

    if (sqlite3_prepare_v2(database, "PRAGMA quick_check(1)", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        const char *answer = (const char *)sqlite3_column_text(statement, 0);
        const char *page = answer != NULL ? strstr(answer, unread) : NULL;
        bool failed =
            answer == NULL ||
            (page != NULL && is_the_systems((int)strtol(page + strlen(unread), NULL, 10)));
        found = failed ? UNREADABLE : strcmp(answer, "ok") == 0 ? SOUND : DAMAGED;
    } else if (is_the_systems(sqlite3_errcode(database))) {
        found = UNREADABLE;
    }
    sqlite3_finalize(statement);
    return found;
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
        sqlite3_exec(database, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        return database_failure(database, path, error);
    }
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
    enum soundness found = fresh ? SOUND : check(database);
    if (found == UNREADABLE) {
        snprintf(error, DATABASE_ERROR_SIZE,
                 "database %.200s could not be read (look at the disk and at the system's memory)",
                 path);
        return DATABASE_CANNOT_OPEN;
    }
    if (found == DAMAGED) {
        snprintf(error, DATABASE_ERROR_SIZE, "database %.200s is damaged (%s)", path, move_it_away);
        return DATABASE_CORRUPT;
    }
    return DATABASE_OK;
}

static bool run(sqlite3 *database, const char *sql)
{
    return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* One step, in one transaction: another process that opened the file at the same time finds it
 * done. */
static bool migrate_step(sqlite3 *database, long long from)
{
    char mark[96];
    long long version = 0;

    snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %lld;",
             APPLICATION_ID, from == 0 ? SCHEMA_VERSION : from + 1);
    if (!run(database, "BEGIN IMMEDIATE") ||
        !read_number(database, "PRAGMA user_version", &version)) {
        return false;
    }
    if (version != from) {
        return run(database, "ROLLBACK");
    }
    return schema_change(database, from) && run(database, mark) && run(database, "COMMIT");
}

static enum database_error migrate(sqlite3 *database, const char *path, long long version,
                                   char error[DATABASE_ERROR_SIZE])
{
    for (; version < SCHEMA_VERSION; version = version == 0 ? SCHEMA_VERSION : version + 1) {
        if (migrate_step(database, version)) {
            continue;
        }
        enum database_error kind = database_failure(database, path, error);
        if (sqlite3_get_autocommit(database) == 0) {
            sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
        }
        return kind == DATABASE_LOCKED ? kind : DATABASE_MIGRATION;
    }
    return DATABASE_OK;
}

/* Schema 6 was first made without it, and does without it: each audit of a target then reads all
 * endpoints. A file that is busy just now gets it when it is opened next. */
static void add_index(sqlite3 *database)
{
    (void)run(database, "CREATE INDEX IF NOT EXISTS endpoint_target ON endpoint (target)");
}

/* Another process that opens the file at this moment is in the way, and SQLite does not wait for it
 * here as it does elsewhere. */
static bool switch_to_wal(sqlite3 *database)
{
    for (int waited = 0; waited < BUSY_TIMEOUT_MS; waited += RETRY_MS) {
        if (answers(database, "PRAGMA journal_mode = WAL", "wal")) {
            return true;
        }
        if ((sqlite3_errcode(database) & 0xFF) != SQLITE_BUSY || without_locks) {
            return false;
        }
        sqlite3_sleep(RETRY_MS);
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
                     NULL, NULL) == SQLITE_OK) {
        return DATABASE_OK;
    }
    return database_failure(database, path, error);
}

static const char *user_name(char out[USER_SIZE])
{
    char memory[4096];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(geteuid(), &entry, memory, sizeof(memory), &found) == 0 && found != NULL) {
        snprintf(out, USER_SIZE, "%s", entry.pw_name);
    } else {
        snprintf(out, USER_SIZE, "%ju", (uintmax_t)geteuid());
    }
    return out;
}

/* The real path of a directory, which is made if only its last part is missing. The caller frees
 * it; NULL and a sentence in `error`. */
static char *resolve_directory(const char *directory, char error[DATABASE_ERROR_SIZE])
{
    char user[USER_SIZE];
    char *resolved = realpath(directory, NULL);
    bool missing = resolved == NULL && errno == ENOENT;

    if (missing && (mkdir(directory, 0750) == 0 || errno == EEXIST)) {
        resolved = realpath(directory, NULL);
    }
    if (resolved == NULL && missing) {
        snprintf(error, DATABASE_ERROR_SIZE,
                 "database %.200s/: the directory does not exist (make it, owned by user %s)",
                 directory, user_name(user));
    } else if (resolved == NULL) {
        snprintf(error, DATABASE_ERROR_SIZE, "database %.200s/: %m (%s)", directory,
                 write_remedy(errno, make_it_writable));
    }
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

    snprintf(error, DATABASE_ERROR_SIZE, "database %.200s: out of memory", path);
    if (directory != NULL) {
        resolved = resolve_directory(directory, error);
    }
    if (resolved != NULL && asprintf(&whole, "%s/%s", resolved, name) < 0) {
        whole = NULL;
    }
    free(resolved);
    free(directory);
    return whole;
}

/* SQLite would make the file with mode 0644. An empty file is an empty database to it. */
static bool make_file(const char *path)
{
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);

    if (descriptor < 0) {
        return errno == EEXIST;
    }
    close(descriptor);
    return true;
}

static enum database_error open_resolved(const char *path, sqlite3 **database,
                                         char error[DATABASE_ERROR_SIZE])
{
    long long version = 0;

    begin();
    if (sqlite3_open_v2(path, database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        if (sqlite3_extended_errcode(*database) != SQLITE_CANTOPEN_SYMLINK) {
            return database_failure(*database, path, error);
        }
        snprintf(error, DATABASE_ERROR_SIZE,
                 "database %.200s is a symbolic link, which is not followed (name the file itself)",
                 path);
        return DATABASE_CANNOT_OPEN;
    }
    database_wait(*database, BUSY_TIMEOUT_MS);
    enum database_error kind = recognise(*database, path, &version, error);
    if (kind == DATABASE_OK) {
        kind = settle(*database, path, error);
    }
    if (kind == DATABASE_OK) {
        kind = migrate(*database, path, version, error);
    }
    if (kind == DATABASE_OK) {
        add_index(*database);
    }
    return kind;
}

/* Where the directory is not ours to write, SQLite can make no file for the memory that readers
 * share: nobody has the database open, then. It is read as one that nobody changes; and if the
 * latest of it is still in the log beside it, by a handle that is alone, which shares nothing. */
enum reading {
    READING_SHARED,
    READING_UNCHANGING,
    READING_ALONE,
};

static const char *const uri_options[] = {"", "?immutable=1", "?vfs=unix-none"};

static bool is_log_empty(const char *path)
{
    char log[PATH_MAX];
    struct stat status;

    (void)snprintf(log, sizeof(log), "%s-wal", path);
    return stat(log, &status) != 0 || status.st_size == 0;
}

static int open_as(const char *path, enum reading reading, sqlite3 **database)
{
    char uri[3 * PATH_MAX + 32] = "file:"; /* each octet may need three */
    size_t length = strlen(uri);

    for (; *path != '\0' && length < (size_t)3 * PATH_MAX; path++) {
        if (*path == '%' || *path == '?' || *path == '#') {
            length += (size_t)snprintf(uri + length, 4, "%%%02X", (unsigned char)*path);
        } else {
            uri[length++] = *path;
        }
    }
    (void)snprintf(uri + length, 16, "%s", uri_options[reading]);
    int code = sqlite3_open_v2(
        uri, database,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        database_wait(*database, BUSY_TIMEOUT_MS);
        (void)sqlite3_db_config(*database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        code = sqlite3_exec(*database,
                            reading == READING_ALONE ? "PRAGMA locking_mode = EXCLUSIVE;"
                                                       "SELECT count(*) FROM sqlite_schema"
                                                     : "SELECT count(*) FROM sqlite_schema",
                            NULL, NULL, NULL);
    }
    return code & 0xFF;
}

enum database_error database_open_read_only(const char *path, sqlite3 **out,
                                            char error[DATABASE_ERROR_SIZE])
{
    char *resolved = resolve(path, error);
    sqlite3 *database = NULL;
    long long version = 0;
    enum database_error kind = DATABASE_CANNOT_OPEN;

    if (resolved == NULL) {
        return kind;
    }
    begin();
    int code = open_as(resolved, READING_SHARED, &database);
    if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
        database_close(database);
        database = NULL;
        code = open_as(resolved, is_log_empty(resolved) ? READING_UNCHANGING : READING_ALONE,
                       &database);
    }
    if (code != SQLITE_OK) {
        kind = database_failure(database, path, error);
    } else {
        kind = recognise(database, path, &version, error);
    }
    if (kind == DATABASE_OK && version != SCHEMA_VERSION) {
        snprintf(error, DATABASE_ERROR_SIZE,
                 "database %.200s has the schema of an earlier version, and it cannot be written "
                 "(run this once as the user that it belongs to)",
                 path);
        kind = DATABASE_CANNOT_OPEN;
    }
    free(resolved);
    if (kind == DATABASE_OK) {
        *out = database;
    } else {
        database_close(database);
    }
    return kind;
}

enum database_error database_open(const char *path, sqlite3 **out, char error[DATABASE_ERROR_SIZE])
{
    sqlite3 *database = NULL;
    char *resolved = resolve(path, error);
    enum database_error kind = DATABASE_CANNOT_OPEN;

    if (resolved == NULL) {
        kind = DATABASE_CANNOT_OPEN;
    } else if (!make_file(resolved)) {
        snprintf(error, DATABASE_ERROR_SIZE, "database %.200s: %m (%s)", path,
                 write_remedy(errno, make_it_writable));
    } else {
        kind = open_resolved(resolved, &database, error);
    }
    free(resolved);
    if (kind == DATABASE_OK) {
        *out = database;
    } else {
        database_close(database);
    }
    return kind;
}

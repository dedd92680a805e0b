/*
 * database - opens and migrates the state database
 *
 * SQLite, WAL, synchronous FULL; schema versioned by user_version, recognised by application_id.
 * A file of its own reads and writes each table; this one only opens and migrates. A
 * migration is one transaction: after a crash the database has the old schema or the new one. The
 * handle is for one thread.
 */
#ifndef RELAYWARDEN_LIB_STATE_DATABASE_H
#define RELAYWARDEN_LIB_STATE_DATABASE_H

#include <sqlite3.h>
#include <stdint.h>

#define DATABASE_ERROR_SIZE 512

enum database_error {
    DATABASE_OK,
    DATABASE_CANNOT_OPEN, /* directory missing, permission, read-only, disk full */
    DATABASE_LOCKED,      /* another process holds it */
    DATABASE_CORRUPT,     /* not a database, or damaged */
    DATABASE_FOREIGN,     /* a database, but not ours */
    DATABASE_TOO_NEW,     /* written by a later version */
    DATABASE_MIGRATION,   /* a migration failed; the old schema is unchanged */
};

/* Opens or creates (mode 0640), with the directory that it is in (mode 0750) if only that is
 * missing, and brings the schema up to date. On failure *out is untouched and
 * `error` has one sentence with a remedy. Close with database_close. */
enum database_error database_open(const char *path, sqlite3 **out, char error[DATABASE_ERROR_SIZE]);
void database_close(sqlite3 *database);

/* Opens one that is there and of this version's schema, for reading alone, also where this user may
 * write neither the file nor its directory. */
enum database_error database_open_read_only(const char *path, sqlite3 **out,
                                            char error[DATABASE_ERROR_SIZE]);

/* A time out of a row, in Unix seconds, as it can be reckoned with: the nearest within 1970 to
 * 9999, whatever a damaged row holds. */
static inline int64_t database_time(int64_t seconds)
{
    const int64_t last = INT64_C(253402300799);

    return seconds < 0 ? 0 : seconds > last ? last : seconds;
}

/* How long a call waits for another process's lock, in place of half a second; where the file
 * system has no locks to give, a twentieth of one at most. */
void database_wait(sqlite3 *database, int wait_ms);

/* The meaning of the last call's failure, and one sentence with a remedy. */
enum database_error database_failure(sqlite3 *database, const char *path,
                                     char error[DATABASE_ERROR_SIZE]);

/* The schema version that this program writes. */
int database_schema_version(void);

#endif

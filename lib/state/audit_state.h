/*
 * audit_table - the tables `endpoint` and `audit` of the probe's database: what each audit found
 *
 * An audit is a small row for good, until it is pruned by age. What the server said is kept of the
 * last audit alone: a year of dialogues of many endpoints would fill a disk. Columns: database.c.
 *
 * The thread that holds the database handle calls these. False: SQLite failed, as sqlite3_errmsg
 * says.
 */
#ifndef RELAYWARDEN_LIB_ALERT_AUDIT_TABLE_H
#define RELAYWARDEN_LIB_ALERT_AUDIT_TABLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/words.h"

struct audit_row {
    const char *endpoint; /* the name by which audits of the same one are known */
    int64_t time;         /* Unix seconds */
    enum verdict verdict;
    enum cause cause;
    const char *detail; /* JSON */
};

/* One transaction around many rows. Begin waits for another writer as long as the handle allows;
 * after a row that failed there is only the rollback. */
bool audit_table_begin(sqlite3 *database);
bool audit_table_commit(sqlite3 *database);
void audit_table_rollback(sqlite3 *database);

bool audit_table_keep(sqlite3 *database, const struct audit_row *row);

/* Deletes audits from before `time`, and endpoints that have none left. */
bool audit_table_prune(sqlite3 *database, int64_t time);

/* Every endpoint, in the order of their names: when it was last audited, and with what detail. The
 * row's texts live during the call, and its verdict and cause are not set; `id` tells the
 * endpoint apart. `visit` returns false to end, and then so does this. */
typedef bool (*audit_table_endpoint)(int64_t id, const struct audit_row *last, void *user);
bool audit_table_endpoints(sqlite3 *database, audit_table_endpoint visit, void *user);

/* Every audit, by endpoint and then in their order; `endpoint` and `detail` are NULL. Rows of words
 * that this version does not know are left out. */
bool audit_table_audits(sqlite3 *database, audit_table_endpoint visit, void *user);

#endif

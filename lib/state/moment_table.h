/*
 * moment_table - times that a program remembers over restarts, each under a name of its own
 *
 * The thread that holds the database handle calls these. False: SQLite failed.
 */
#ifndef RELAYWARDEN_LIB_ALERT_MOMENT_TABLE_H
#define RELAYWARDEN_LIB_ALERT_MOMENT_TABLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* When the milter last saw a valid ask, or began to wait for one. */
#define MOMENT_PROBE_SEEN "probe-seen"

/* *out is 0 if there is none of this name. */
bool moment_table_load(sqlite3 *database, const char *name, int64_t *out);
bool moment_table_save(sqlite3 *database, const char *name, int64_t time);

#endif

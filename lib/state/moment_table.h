/*
 * moment_table - times that a program remembers over restarts, each under a name of its own
 *
 * The thread that holds the database handle calls these. False: SQLite failed.
 */
#ifndef RELAYWARDEN_LIB_STATE_MOMENT_TABLE_H
#define RELAYWARDEN_LIB_STATE_MOMENT_TABLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* When the milter last saw a valid ask from outside, or began to wait for one; and when it last saw
 * one that was not from outside. */
#define MOMENT_PROBE_SEEN   "probe-seen"
#define MOMENT_PROBE_INSIDE "probe-seen-inside"

/* *out is 0 if there is none of this name. */
bool moment_table_load(sqlite3 *database, const char *name, int64_t *out);
bool moment_table_save(sqlite3 *database, const char *name, int64_t time);

#endif

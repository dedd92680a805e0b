/*
 * schema - the tables of the state database, and the steps from each earlier form of them to this
 *
 * database.c runs a step within a transaction, and notes the version that it leads to.
 */
#ifndef RELAYWARDEN_LIB_STATE_SCHEMA_H
#define RELAYWARDEN_LIB_STATE_SCHEMA_H

#include <sqlite3.h>
#include <stdbool.h>

#define SCHEMA_VERSION 6

/* Brings version `from` to the next one, and 0, which is an empty file, to the latest. False:
 * SQLite failed, as sqlite3_errmsg says. */
bool schema_change(sqlite3 *database, long long from);

#endif

/*
 * mask_table - masked addresses in the milter's state database
 *
 * Every row is one way (route) by which strangers were shown to reach the MTA under one trusted
 * address. The thread that holds the database handle calls these. False or -1: SQLite failed, and
 * database_error tells why (sqlite3_errmsg); nothing was changed.
 */
#ifndef RELAYWARDEN_LIB_STATE_MASK_TABLE_H
#define RELAYWARDEN_LIB_STATE_MASK_TABLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/token.h"

#define MASKS_MAX         1024
#define MASK_FLAP_SECONDS (24L * 60 * 60) /* see struct mask's `strict` */

struct mask {
    int64_t hidden; /* when the route last showed the address (as all times here: Unix time in the
                     * database, elsewhere as the owner has it) */
    int64_t true_since; /* since when the route shows role true; 0: it does not */
    int64_t since;      /* when the route showed it first since it was masked */
    int64_t dropped;    /* when the address was dropped; 0: it is masked */
    struct address address;
    uint8_t route[TOKEN_ROUTE];
    bool strict; /* masked again within MASK_FLAP_SECONDS: heals only after as long a time */
    char listener[ENDPOINT_TEXT_SIZE]; /* where it was last seen, as findings name it */
};

/* Inserts or replaces, in one transaction; but what was stored as dropped after it last hid
 * strangers stays dropped. */
bool mask_table_save(sqlite3 *database, const struct mask *masks, size_t count);

/* Reads at most `max`; -1 on failure. Rows that this program cannot have written are left out. */
int mask_table_load(sqlite3 *database, struct mask *out, size_t max);

/* Drops an address; how many rows it had that were masked, -1 on failure. */
int mask_table_drop(sqlite3 *database, const struct address *address, int64_t now);

/* Deletes rows that were dropped before `time`. */
bool mask_table_expire(sqlite3 *database, int64_t time);

/* Times to come were written by a clock that was wrong: makes them `now`, or a drop of then would
 * undo what is masked until then. */
bool mask_table_correct(sqlite3 *database, int64_t now);

/* A number that changes whenever another connection to the database has committed. */
bool mask_table_version(sqlite3 *database, int64_t *out);

#endif

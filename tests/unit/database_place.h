/*
 * database_place - where a test has a state database
 *
 * Each function fails the running test when it cannot do its work.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_DATABASE_PLACE_H
#define RELAYWARDEN_TESTS_UNIT_DATABASE_PLACE_H

#include <sqlite3.h>

#include "lib/state/database.h"

struct database_place {
    char *folder;
    char path[256]; /* in it; nothing is there at first */
    char error[DATABASE_ERROR_SIZE];
};

/* A cmocka setup and teardown for a state that is one. */
int database_place_set_up(void **state);
int database_place_tear_down(void **state);

/* The database there, which is made where it is none. database_close closes it. */
sqlite3 *database_place_open(struct database_place *place);

#endif

/*
 * state_5 - the state that version 0.1.0 (commit b1d8569 and later, schema 5) left of two audits
 *
 * tests/unit/state-5 has its files as that program wrote them, the database as `.dump` shows it.
 * The endpoints are 203.0.113.25 with ports 25 (open, then closed; its filter answered), 2525
 * (closed), 2526 (open; a message in each audit), 2527 (everything put off), 2528 (a battery that
 * was cut off), all of target mx, and nosuchhost.example.org without address, of target none.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_STATE_5_H
#define RELAYWARDEN_TESTS_UNIT_STATE_5_H

#include <stdbool.h>

#define STATE_5_TIME 1796016193 /* of the second audit; the first was a second before */

/* Makes the database. False: this SQLite is older than that version needed (3.37). */
bool state_5_database(const char *path);

/* Copies one of the other files into a folder. */
void state_5_file(const char *name, const char *folder);

#endif

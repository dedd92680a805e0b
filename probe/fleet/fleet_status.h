/*
 * fleet_status - how a fleet stands, for people and programs
 *
 * From the views of the schema, in one connection. One thread.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_FLEET_STATUS_H
#define RELAYWARDEN_PROBE_FLEET_FLEET_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/postgresql/postgresql.h"

/* {"targets":N, "unasked":N, "in_service":N, "late":N, "workers":N, "silent":N, "incidents_open":N,
 * "critical":N, "warnings":N, "vantages":[{...}], "incidents":[{...}]}: the open incidents, at most
 * FLEET_STATUS_INCIDENTS, the most severe first; the numbers count all. The caller frees it. NULL
 * and the trouble. */
#define FLEET_STATUS_INCIDENTS 100
json_t *fleet_status_read(struct postgresql *server, struct postgresql_trouble *trouble);

/* The rows of an answer, for json_decref: an object each, with these members, ended by
 * NULL. '#' before a name: a number, '?': a truth; else a printable text. NULL and
 * the trouble. */
json_t *fleet_status_rows(struct postgresql *server, const char *sql, const char *const *members,
                          struct postgresql_trouble *trouble);

/* Its values are the exit codes of a monitoring plug-in. */
enum fleet_grade {
    FLEET_OK,
    FLEET_WARNING,  /* a warning is open, something is late or silent, or not everything is asked */
    FLEET_CRITICAL, /* a critical incident is open */
};

enum fleet_grade fleet_status_grade(const json_t *status);

/* The same as a status line and a readable account. */
void fleet_status_print(FILE *out, const json_t *status);

#endif

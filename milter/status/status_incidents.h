/*
 * status_incidents - the incidents of snapshot.json
 *
 * On the thread that holds the database handle.
 */
#ifndef RELAYWARDEN_MILTER_STATUS_STATUS_INCIDENTS_H
#define RELAYWARDEN_MILTER_STATUS_STATUS_INCIDENTS_H

#include "lib/state/database.h"
#include <jansson.h>

#define SNAPSHOT_OPEN_MAX  100
#define SNAPSHOT_ENDED_MAX 50

/* The open incidents and the last that are over; null when they cannot be read; NULL when memory is
 * out. */
json_t *status_incidents_json(sqlite3 *database);

#endif

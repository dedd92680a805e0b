/*
 * fleet_history - what the whole fleet found, as one history
 *
 * From the views of the schema, in one transaction, so that it is of one moment. One thread.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_FLEET_HISTORY_H
#define RELAYWARDEN_PROBE_FLEET_FLEET_HISTORY_H

#include "probe/report/history.h"

/* history_read, of the database that the configuration names. A server that is silent costs some
 * seconds. */
struct history *fleet_history_read(const struct conf *conf, time_t now,
                                   char error[HISTORY_ERROR_SIZE]);

/* The same of the endpoints whose key is this, or goes on behind it with "/" or a space, and
 * without incidents. There may be none. */
struct history *fleet_history_read_one(const struct conf *conf, time_t now, const char *key,
                                       char error[HISTORY_ERROR_SIZE]);

#endif

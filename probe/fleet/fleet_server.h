/*
 * fleet_server - the PostgreSQL server of a fleet, and its schema `relaywarden`
 *
 * schema.md explains the schema. It grows by steps, which are never changed once they were
 * released: probe/fleet/schema_N.sql. A server of a later step serves this program as long as that
 * step says that it does.
 *
 * One thread. A failure gives one sentence with a remedy.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_FLEET_SERVER_H
#define RELAYWARDEN_PROBE_FLEET_FLEET_SERVER_H

#include "conf/conf.h"
#include "lib/postgresql/postgresql.h"

#define FLEET_OPEN_MS 5000  /* that the server is awaited to take a connection */
#define FLEET_ASK_MS  30000 /* that an answer is awaited */

/* A connection to the server that the configuration names, whose schema serves this program. NULL
 * and the trouble. */
struct postgresql *fleet_server_open(const struct conf *conf, struct postgresql_trouble *trouble);

/* The name by which the fleet knows this probe's place. */
#define FLEET_VANTAGE_SIZE 65
const char *fleet_vantage(const struct conf *conf, char out[FLEET_VANTAGE_SIZE]);

/* Asks one statement with parameters. */
bool fleet_ask(struct postgresql *server, const char *sql, const char *const *values, size_t count,
               struct postgresql_trouble *trouble);

/* The same; copies the first column of the first row, as a number. *out is 0 without a row. */
bool fleet_ask_number(struct postgresql *server, const struct postgresql_question *question,
                      long long *out, struct postgresql_trouble *trouble);

struct fleet_migration {
    long long before; /* the schema's step; 0: there was none */
    long long now;
};

/* Makes the schema, or brings it up to this program's step, in one transaction. */
bool fleet_migrate(const struct conf *conf, struct fleet_migration *out,
                   struct postgresql_trouble *trouble);

#endif

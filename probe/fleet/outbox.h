/*
 * outbox - the fleet's announcements, sent by whichever worker comes first
 *
 * Each is for one sink, leased while it is sent, and goes at least once: a worker that dies between
 * sending and saying so has another send it again, with the same incident's id.
 *
 * One thread.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_OUTBOX_H
#define RELAYWARDEN_PROBE_FLEET_OUTBOX_H

#include <stddef.h>

#include "conf/conf.h"
#include "lib/alert/reporter.h"
#include "lib/postgresql/postgresql.h"

/* The sinks that the configuration asks for, as PostgreSQL writes an array of texts: "{json,mail}".
 */
#define OUTBOX_SINKS_SIZE 128
const char *outbox_sinks(const struct conf *conf, char out[OUTBOX_SINKS_SIZE]);

struct outbox {
    const struct conf *conf;
    const char *worker;        /* its id */
    struct reporter *reporter; /* is told of a sink that did not take one */
};

/* Sends what waits for these sinks, at most OUTBOX_AT_ONCE: a slow sink must not use up their
 * lease. How many were sent; -1 and the trouble. */
#define OUTBOX_AT_ONCE 2
int outbox_send(const struct outbox *outbox, struct postgresql *server,
                struct postgresql_trouble *trouble);

#endif

/*
 * held - results that the database could not take, until it is back
 *
 * Each batch is a file of its own in STATE_DIRECTORY/probe/fleet/, written whole, with the number
 * by which its worker hands it in: the database takes each number once. Another process of this
 * machine, or the next, hands in what one left.
 *
 * One thread. A failure is told by a line.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_HELD_H
#define RELAYWARDEN_PROBE_FLEET_HELD_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/postgresql/postgresql.h"

struct held_batch {
    const char *worker;
    const char *vantage;
    long long number;
    const json_t *batch;
    bool told; /* its alerts were sent from here */
};

/* False, with errno. */
bool held_keep(const char *state_directory, const struct held_batch *batch);

/* The database refused it for good: it is put where nobody hands it in again, NAME.refused. False,
 * with errno. */
bool held_set_aside(const char *state_directory, const struct held_batch *batch);

struct held_outcome {
    int taken;
    int refused;                   /* set aside, too */
    int unread;                    /* no batch, or damaged: left alone */
    char why[POSTGRESQL_WHY_SIZE]; /* the last one was refused */
};

/* Hands in all that is there, each worker's oldest first, after another process of this machine
 * that does so: of two at once one might hand in a later batch first, and the database takes no
 * earlier one after that. False and the trouble: the others stay. */
bool held_hand_in(const char *state_directory, const char *sinks, struct postgresql *server,
                  struct held_outcome *out, struct postgresql_trouble *trouble);

#endif

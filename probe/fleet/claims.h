/*
 * claims - what a worker may ask now: targets of the roster, as an audit takes them
 *
 * The database is not trusted: a target that is none is left out, and named.
 *
 * One thread.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_CLAIMS_H
#define RELAYWARDEN_PROBE_FLEET_CLAIMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "probe/model/target.h"

#define CLAIMS_MAX 64

struct claim {
    json_int_t id;
    json_int_t epoch; /* 0: made without the database */
    json_t *seen;     /* the open incidents that this vantage sees there; NULL: not known */
};

struct claims {
    struct conf_target configured[CLAIMS_MAX];
    struct target targets[CLAIMS_MAX]; /* point into `configured` */
    struct claim claims[CLAIMS_MAX];
    size_t count;
    struct conf conf; /* the program's, but with these targets; for who reads it, never freed */
};

struct claims *claims_new(const struct conf *conf); /* NULL: out of memory */
void claims_free(struct claims *claims);            /* NULL is nothing */

/* `row` is {"id", "epoch", "name", "interval", "spec", "seen"}. False and a sentence: it
 * is no target, or there are CLAIMS_MAX. */
bool claims_add(struct claims *claims, const json_t *row, char error[TARGET_ERROR_SIZE]);

#endif

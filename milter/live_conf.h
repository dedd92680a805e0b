/*
 * live_conf - the one configuration in force, counted by those who use it
 *
 * A connection takes a reference when it begins and keeps the same configuration to its end; a
 * reload puts a new snapshot in place, and the old one goes when its last connection ends. Any
 * thread. The lock is held for a pointer copy, once a connection.
 */
#ifndef RELAYWARDEN_MILTER_LIVE_CONF_H
#define RELAYWARDEN_MILTER_LIVE_CONF_H

#include "conf/conf.h"
#include "milter/discover/mta_transports.h"
#include "milter/judge.h"
#include "milter/undeclared.h"

struct live_conf {
    struct conf *conf;
    struct judge_rules rules; /* into conf, but for the list of mailers */
    char **own_mailers;       /* those of conf that the MTA does not use for others; into conf */
    struct mta_transports transports; /* that the MTA uses for others */
    struct undeclared undeclared;
    _Atomic unsigned int references;
};

/* Takes over `conf`; one reference is the caller's. `transports` may be NULL: none is known. NULL:
 * out of memory, conf is still the caller's. */
struct live_conf *live_conf_new(struct conf *conf, const struct mta_transports *transports);
void live_conf_release(struct live_conf *snapshot);

/* Puts `next` in force (its reference becomes the program's) and releases the one before. Its count
 * of undeclared domains is empty: what strangers added to the one before goes with that. NULL puts
 * none. One thread at a time. */
void live_conf_install(struct live_conf *next);

/* A reference to the one in force; NULL before the first and after the last. */
struct live_conf *live_conf_current(void);

#endif

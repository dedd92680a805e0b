/*
 * roster - the targets that a fleet audits, and what one machine kept before it joined
 *
 * One thread. A failure gives one sentence with a remedy, and changes nothing.
 */
#ifndef RELAYWARDEN_PROBE_FLEET_ROSTER_H
#define RELAYWARDEN_PROBE_FLEET_ROSTER_H

#include "conf/conf.h"
#include "lib/postgresql/postgresql.h"

struct roster_change {
    long long added;
    long long changed;
    long long dropped;
    long long given_up; /* incidents of those that were dropped, which no one looks at any more */
};

/* Makes the fleet's targets those of the configuration and its target_files. */
bool roster_sync(struct postgresql *server, const struct conf *conf, struct roster_change *out,
                 struct postgresql_trouble *trouble);

struct roster_import {
    long long endpoints; /* that the fleet did not have at this vantage */
    long long incidents;
    long long left_out; /* rows of the state directory that this version cannot read */
};

/* Takes over what this machine's SQLite has. Some of it may be there when it fails: doing it again
 * adds what is missing. */
bool roster_import(struct postgresql *server, const struct conf *conf, struct roster_import *out,
                   struct postgresql_trouble *trouble);

#endif

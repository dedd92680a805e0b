/*
 * incident - a finding that lasts: opened, repeated, resolved
 *
 * One incident by value. lib/alert/incident_table.h makes them of findings, lib/state keeps them,
 * lib/alert/sink announces them.
 */
#ifndef RELAYWARDEN_LIB_INCIDENT_H
#define RELAYWARDEN_LIB_INCIDENT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/finding.h"

#define INCIDENT_ID_SIZE      17 /* 16 hexadecimal digits: random, unique over restarts */
#define INCIDENT_FLAP_SECONDS (24L * 60 * 60)

struct incident {
    char id[INCIDENT_ID_SIZE];
    enum incident_state state; /* the last announced */
    time_t opened;             /* Unix seconds */
    time_t last_seen;
    time_t last_announced;
    uint64_t announced_count; /* the count that was last announced */
    unsigned int flaps;       /* how often the subject came back soon after its end */
    bool again;               /* its announcement was made before, and no sink took it */
    struct finding finding; /* the first (or most severe) one; its count is the incident's total */
};

#endif

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

/* Bounds of lib/alert/incident_table.h. */
#define INCIDENT_SUBJECTS_MAX 16
#define INCIDENT_OPEN_MAX     4096 /* bounds memory, whatever the folds are */
#define INCIDENT_FRESH_MAX    1024 /* new subjects that wait for incident_take_in */
#define INCIDENT_ENDED_MAX    1024 /* how many ends wait to be taken by a sink */

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

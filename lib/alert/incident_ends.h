/*
 * incident_ends - which incidents ended lately, so that one that comes back is known to flap
 *
 * The last INCIDENT_ENDS_MAX of them; a zeroed struct has none. One thread at a time.
 */
#ifndef RELAYWARDEN_LIB_ALERT_INCIDENT_ENDS_H
#define RELAYWARDEN_LIB_ALERT_INCIDENT_ENDS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/incident.h"

#define INCIDENT_ENDS_MAX 256

struct incident_end {
    enum finding_kind kind;
    unsigned int flaps;
    time_t ended; /* 0: empty */
    char id[INCIDENT_ID_SIZE];
    char key[FINDING_KEY_SIZE];
};

struct incident_ends {
    size_t next; /* where the next one is written */
    struct incident_end end[INCIDENT_ENDS_MAX];
};

void incident_ends_add(struct incident_ends *ends, const struct incident *incident, time_t ended);

/* The latest of this subject; NULL: none. */
const struct incident_end *incident_ends_find(const struct incident_ends *ends,
                                              enum finding_kind kind, const char *key);
bool incident_ends_have(const struct incident_ends *ends, const char *id);

/* The clock was set by so many seconds. */
void incident_ends_shift(struct incident_ends *ends, long seconds);

#endif

/*
 * past_incidents - which incidents ended lately, so that one that comes back is known to flap
 *
 * The last PAST_INCIDENTS_MAX of them; a zeroed struct has none. One thread at a time.
 */
#ifndef RELAYWARDEN_LIB_ALERT_PAST_INCIDENTS_H
#define RELAYWARDEN_LIB_ALERT_PAST_INCIDENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/incident.h"

#define PAST_INCIDENTS_MAX 256

struct past_incident {
    enum finding_kind kind;
    unsigned int flaps;
    time_t ended; /* 0: empty */
    char id[INCIDENT_ID_SIZE];
    char key[FINDING_KEY_SIZE];
};

struct past_incidents {
    size_t next; /* where the next one is written */
    struct past_incident end[PAST_INCIDENTS_MAX];
};

void past_incidents_add(struct past_incidents *past, const struct incident *incident, time_t ended);

/* The latest of this subject; NULL: none. */
const struct past_incident *past_incidents_find(const struct past_incidents *past,
                                                enum finding_kind kind, const char *key);
bool past_incidents_have(const struct past_incidents *past, const char *id);

/* The clock was set by so many seconds. */
void past_incidents_shift(struct past_incidents *past, long seconds);

#endif

#include "lib/alert/incident_ends.h"

#include <string.h>

void incident_ends_add(struct incident_ends *ends, const struct incident *incident, time_t ended)
{
    struct incident_end *end = &ends->end[ends->next];

    ends->next = (ends->next + 1) % INCIDENT_ENDS_MAX;
    end->kind = incident->finding.kind;
    end->flaps = incident->flaps;
    end->ended = ended;
    memcpy(end->id, incident->id, sizeof(end->id));
    memcpy(end->key, incident->finding.key, sizeof(end->key));
}

const struct incident_end *incident_ends_find(const struct incident_ends *ends,
                                              enum finding_kind kind, const char *key)
{
    const struct incident_end *latest = NULL;

    for (size_t i = 0; i < INCIDENT_ENDS_MAX; i++) {
        const struct incident_end *end = &ends->end[i];

        if (end->ended != 0 && end->kind == kind && strcmp(end->key, key) == 0 &&
            (latest == NULL || end->ended >= latest->ended)) {
            latest = end;
        }
    }
    return latest;
}

bool incident_ends_have(const struct incident_ends *ends, const char *id)
{
    for (size_t i = 0; i < INCIDENT_ENDS_MAX; i++) {
        if (ends->end[i].ended != 0 && strcmp(ends->end[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

void incident_ends_shift(struct incident_ends *ends, long seconds)
{
    for (size_t i = 0; i < INCIDENT_ENDS_MAX; i++) {
        if (ends->end[i].ended != 0) {
            ends->end[i].ended += seconds;
        }
    }
}

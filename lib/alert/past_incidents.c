#include "lib/alert/past_incidents.h"

#include <string.h>

void past_incidents_add(struct past_incidents *past, const struct incident *incident, time_t ended)
{
    struct past_incident *end = &past->end[past->next];

    past->next = (past->next + 1) % PAST_INCIDENTS_MAX;
    end->kind = incident->finding.kind;
    end->flaps = incident->flaps;
    end->ended = ended;
    memcpy(end->id, incident->id, sizeof(end->id));
    memcpy(end->key, incident->finding.key, sizeof(end->key));
}

const struct past_incident *past_incidents_find(const struct past_incidents *past,
                                                enum finding_kind kind, const char *key)
{
    const struct past_incident *latest = NULL;

    for (size_t i = 0; i < PAST_INCIDENTS_MAX; i++) {
        const struct past_incident *end = &past->end[i];

        if (end->ended != 0 && end->kind == kind && strcmp(end->key, key) == 0 &&
            (latest == NULL || end->ended >= latest->ended)) {
            latest = end;
        }
    }
    return latest;
}

bool past_incidents_have(const struct past_incidents *past, const char *id)
{
    for (size_t i = 0; i < PAST_INCIDENTS_MAX; i++) {
        if (past->end[i].ended != 0 && strcmp(past->end[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

void past_incidents_shift(struct past_incidents *past, long seconds)
{
    for (size_t i = 0; i < PAST_INCIDENTS_MAX; i++) {
        if (past->end[i].ended != 0) {
            past->end[i].ended += seconds;
        }
    }
}

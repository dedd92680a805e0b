#include "probe/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/model/result.h"

struct place {
    struct address address;
    uint16_t port;
};

struct known_target {
    char name[RESULT_HOST_SIZE];
    bool unsure; /* not all of its addresses are known */
};

struct roster {
    struct known_target *targets;
    size_t target_count;
    struct place *places;
    size_t place_count;
};

static struct known_target *find_target(const struct roster *roster, const char *name)
{
    for (size_t i = 0; i < roster->target_count; i++) {
        if (strcmp(roster->targets[i].name, name) == 0) {
            return &roster->targets[i];
        }
    }
    return NULL;
}

static void add_result(struct roster *roster, const struct endpoint_result *result)
{
    struct known_target *target = find_target(roster, result->endpoint.target);

    if (!result->endpoint.configured || target == NULL) {
        return;
    }
    if (result->reach == REACH_NO_ADDRESS || result->endpoint.address.family == ADDRESS_NONE) {
        target->unsure = true;
        return;
    }
    roster->places[roster->place_count++] =
        (struct place){result->endpoint.address, result->endpoint.port};
}

struct roster *roster_new(const struct conf_probe *probe, const struct audit_summary *summary)
{
    bool shows = summary->whole && !summary->interrupted;
    struct roster *roster = shows ? calloc(1, sizeof(*roster)) : NULL;

    if (roster == NULL) {
        return NULL;
    }
    roster->targets = calloc(probe->target_count + 1, sizeof(*roster->targets));
    roster->places = calloc(summary->count + 1, sizeof(*roster->places));
    if (roster->targets == NULL || roster->places == NULL) {
        roster_free(roster);
        return NULL;
    }
    roster->target_count = probe->target_count;
    for (size_t i = 0; i < probe->target_count; i++) {
        snprintf(roster->targets[i].name, sizeof(roster->targets[i].name), "%s",
                 probe->targets[i].name);
    }
    for (size_t i = 0; i < summary->count; i++) {
        add_result(roster, summary->results[i]);
    }
    return roster;
}

void roster_free(struct roster *roster)
{
    if (roster != NULL) {
        free(roster->targets);
        free(roster->places);
        free(roster);
    }
}

/* `endpoint` is "ADDRESS:PORT/TLS". */
static bool is_place(const struct place *place, const char *endpoint)
{
    char text[ENDPOINT_TEXT_SIZE];
    size_t length = strcspn(endpoint, "/");

    address_format_port(&place->address, place->port, text);
    return strlen(text) == length && strncmp(text, endpoint, length) == 0;
}

bool roster_has_left(const struct roster *roster, const struct finding *finding)
{
    const char *endpoint = finding_get(finding, "endpoint");
    const char *name = finding_get(finding, "target");
    const struct known_target *target = name != NULL ? find_target(roster, name) : NULL;

    if (endpoint == NULL || name == NULL || (target != NULL && target->unsure)) {
        return false;
    }
    for (size_t i = 0; i < roster->place_count; i++) {
        if (is_place(&roster->places[i], endpoint)) {
            return false;
        }
    }
    return true;
}

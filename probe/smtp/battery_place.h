/*
 * battery_place - where a battery asks: the names and addresses that a technique's form is filled
 * with, and which forms make no sense there
 *
 * Pure but for what it remembers of the names; one thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_BATTERY_PLACE_H
#define RELAYWARDEN_PROBE_SMTP_BATTERY_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/domain.h"
#include "probe/model/result.h"
#include "probe/model/technique.h"
#include "probe/model/vantage.h"

/* As XCLIENT has addresses (Postfix, XCLIENT_README). */
#define BATTERY_PLACE_IPV6 "IPV6:"

/* The names of the server, each unless it is one of those before it; "" where there is none. */
struct battery_place_names {
    char host[DOMAIN_SIZE];
    char greeted[DOMAIN_SIZE];
    char ehlo[DOMAIN_SIZE];
    uint64_t of; /* a digest of what they were read from; 0 = not read yet */
};

struct battery_place {
    const struct endpoint_result *result;
    const struct vantage_known *vantage;
    const char *canary;
    char literal[ENDPOINT_TEXT_SIZE];                             /* of the endpoint's address */
    char address[sizeof(BATTERY_PLACE_IPV6) + ADDRESS_TEXT_SIZE]; /* the same for XCLIENT */
    char client[ENDPOINT_TEXT_SIZE];                              /* of ours; "" until connected */
    char ehlo[DOMAIN_SIZE];           /* the name in the reply to EHLO; "" if none */
    struct battery_place_names names; /* battery_place.c's alone */
};

/* All three live as long as the place. */
void battery_place_begin(struct battery_place *at, const struct endpoint_result *result,
                         const struct vantage_known *vantage, const char *canary);

/* The envelope of a row of the result; false when it cannot be built. */
bool battery_place_envelope(struct battery_place *at, const struct technique_result *into,
                            struct envelope *out);

/* Changes whenever the place does: what the two functions here say may be another only then. */
uint64_t battery_place_digest(const struct battery_place *at);

/* Why a technique has no place here; NULL if it has. The result has what EHLO offers. */
const char *battery_place_why_absent(struct battery_place *at, const struct technique *technique);

#endif

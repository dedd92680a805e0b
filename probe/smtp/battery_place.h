/*
 * battery_place - where a battery asks: the names and addresses that a technique's form is filled
 * with, and which forms make no sense there
 *
 * Pure; any thread.
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

struct battery_place {
    const struct endpoint_result *result;
    const struct vantage_known *vantage;
    const char *canary;
    char literal[ENDPOINT_TEXT_SIZE]; /* of the endpoint's address */
    char client[ENDPOINT_TEXT_SIZE];  /* of ours; "" until connected */
    char ehlo[DOMAIN_SIZE];           /* the name in the reply to EHLO; "" if none */
};

/* The envelope of a row of the result; false when it cannot be built. */
bool battery_place_envelope(const struct battery_place *at, const struct technique_result *into,
                            struct envelope *out);

/* Changes whenever the place does: what the two functions here say may be another only then. */
uint64_t battery_place_digest(const struct battery_place *at);

/* Why a technique has no place here; NULL if it has. What EHLO offers is in the result. */
const char *battery_place_why_absent(const struct battery_place *at,
                                     const struct technique *technique);

#endif

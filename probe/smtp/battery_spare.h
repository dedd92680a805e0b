/*
 * battery_spare - what max_refusals leaves for the site's other domains
 *
 * Of those domains there may be more than any audit asks for, and the next goes on with them. Each
 * is asked for as a sender and as a greeting. Senders come first, since they cost no connection of
 * their own. Where greetings were left over, the next audit gives each half, and what the other
 * does not need, or one of them would never be asked; the odd refusal is for those that wait
 * longest.
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_BATTERY_SPARE_H
#define RELAYWARDEN_PROBE_SMTP_BATTERY_SPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/smtp/battery_queue.h"

/* What is known where it is asked. */
struct battery_room {
    const struct battery_queue *queue;
    const struct endpoint_result *result;
    unsigned int refusals; /* given so far */
    unsigned int max_refusals;
    bool ungreeted; /* techniques with a PROXY header are asked, and no others */
};

/* Whether the row waits, and nothing that is known of the greeting forbids it. */
bool battery_spare_is_possible(const struct battery_room *room, size_t row);

/* Whether one is left for this row of another domain. */
bool battery_spare_is_for(const struct battery_room *room, const struct technique_result *asked);

#endif

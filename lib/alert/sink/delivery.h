/*
 * delivery - one announcement on its way to all sinks
 *
 * Shared by the threads that carry it; each gives its share back with whether a sink took it. When
 * the last one has, and at least one sink took it, the incident is marked as announced in the
 * store. The announcement itself is constant from the moment it is shared.
 */
#ifndef RELAYWARDEN_LIB_ALERT_DELIVERY_H
#define RELAYWARDEN_LIB_ALERT_DELIVERY_H

#include <stdbool.h>

#include "lib/alert/sink/sink.h"
#include "lib/state/incident_store.h"

struct delivery;

/* Copies the announcement. `store` may be NULL. NULL when memory is out. Held once. */
struct delivery *delivery_new(const struct announcement *announcement, struct store *store);
struct delivery *delivery_hold(struct delivery *delivery);
void delivery_release(struct delivery *delivery, bool taken);

const struct announcement *delivery_announcement(const struct delivery *delivery);

#endif

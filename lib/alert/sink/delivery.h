/*
 * delivery - one announcement on its way to all sinks
 *
 * Shared by the threads that carry it; each gives its share back with whether a sink took it. When
 * the last one has, it lies in the box of those that are through, which the reporter's thread
 * empties: so that nothing need be allocated to learn what became of an announcement. The
 * announcement itself is constant from the moment it is shared.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_DELIVERY_H
#define RELAYWARDEN_LIB_ALERT_SINK_DELIVERY_H

#include <stdbool.h>

#include "lib/alert/sink/sink.h"
#include "lib/alert/sink/sink_stats.h"
#include "lib/sys/teller.h"

struct delivery;
struct delivery_box;

/* Each delivery that is under way keeps the box, too. NULL when memory is out. */
struct delivery_box *delivery_box_new(struct teller *teller, struct sink_stats *speaker);

/* Nobody empties it any more: what comes later is forgotten. */
void delivery_box_close(struct delivery_box *box);

/* The deliveries that are through, in that order, for delivery_free; NULL: none. */
struct delivery *delivery_box_empty(struct delivery_box *box);
struct delivery *delivery_next(const struct delivery *delivery);
void delivery_free(struct delivery *delivery);

/* Of this incident, which is copied; `standing` as in sink.h. NULL when memory is out. Held once.
 */
struct delivery *delivery_new(const struct incident *incident, enum incident_state state,
                              time_t time, bool standing, struct delivery_box *box);
struct delivery *delivery_hold(struct delivery *delivery);
void delivery_release(struct delivery *delivery, bool taken);

/* Any holder: the sinks of these rows (bits) did not take it, and count as having lost it if
 * another one did. */
void delivery_refuse(struct delivery *delivery, unsigned int rows);

/* The reporter's thread, and after its end who stopped it: it was written to standard error. */
void delivery_set_shown(struct delivery *delivery);
bool delivery_is_shown(const struct delivery *delivery);

bool delivery_is_alone(const struct delivery *delivery); /* it has one holder left */
bool delivery_is_taken(const struct delivery *delivery); /* by then */
const struct announcement *delivery_announcement(const struct delivery *delivery);

#endif

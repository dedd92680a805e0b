/*
 * standing - incidents that last are told again to the sinks that forget them
 *
 * Alertmanager takes an alert for over that it is not told again. Every STANDING_MS each open
 * incident goes once to the sinks that want it (sink.h, `stands`), a few at a time, so that those
 * that are announced meanwhile need not wait long. The reporter's thread.
 */
#ifndef RELAYWARDEN_LIB_ALERT_STANDING_H
#define RELAYWARDEN_LIB_ALERT_STANDING_H

#include <time.h>

#include "lib/alert/dispatch.h"
#include "lib/alert/incident_table.h"

#define STANDING_MS       60000 /* ALERT_LASTS_SECONDS is several of these */
#define STANDING_SLICE    64
#define STANDING_SLICE_MS 500

struct standing {
    size_t told; /* of those that are open, in this round */
    struct timespec next;
    struct timespec round; /* when the next round begins */
};

/* A new round begins at once: the program starts, or has other sinks. */
void standing_begin(struct standing *standing);

/* Tells those that are due. */
void standing_tell(struct standing *standing, struct incident_table *incidents,
                   struct dispatch *dispatch, time_t now);

/* Milliseconds until some are due; -1: no sink wants them. */
int standing_left_ms(const struct standing *standing, const struct dispatch *dispatch);

#endif

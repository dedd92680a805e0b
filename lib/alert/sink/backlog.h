/*
 * backlog - announcements that a receiver did not take, and that wait for a later try
 *
 * A receiver is restarted now and then. Announcements that it did not take wait, in order, at most
 * BACKLOG_MAX of them, and are tried again at distances that grow from two seconds to a minute:
 * another sink has them by then, and nobody else would bring them here. Past the maximum the oldest
 * is given up.
 *
 * Part of a sink that may block; its `waiting` and `lost` are counted here. The sink's thread.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_BACKLOG_H
#define RELAYWARDEN_LIB_ALERT_SINK_BACKLOG_H

#include <stddef.h>
#include <time.h>

#include "lib/alert/sink/sink.h"

#define BACKLOG_MAX       64
#define BACKLOG_NAME_SIZE (INCIDENT_ID_SIZE + 2)

/* Hands one announcement over; all but SINK_TAKEN come with a sentence. */
typedef enum sink_fate (*backlog_send)(struct sink *sink, const struct announcement *announcement,
                                       char error[SINK_ERROR_SIZE]);

struct backlog {
    struct sink *sink;
    backlog_send send;
    struct announcement *kept[BACKLOG_MAX];    /* sink->waiting of them, the oldest first */
    char late[BACKLOG_MAX][BACKLOG_NAME_SIZE]; /* taken after it had waited; "": none */
    size_t late_next;
    int distance_ms;
    struct timespec next;
    char last_error[SINK_ERROR_SIZE];
};

/* `backlog` is all zero; it is part of `sink`. */
void backlog_init(struct backlog *backlog, struct sink *sink, backlog_send send);
void backlog_free(struct backlog *backlog); /* what waits is forgotten */

/* A sink's `announce` and `retry`. An announcement that is made again because nobody was known to
 * have taken it is not sent twice if it was taken here meanwhile. */
int backlog_announce(struct backlog *backlog, const struct announcement *announcement,
                     char error[SINK_ERROR_SIZE]);
int backlog_retry(struct backlog *backlog, char error[SINK_ERROR_SIZE]);

/* A sink's `succeed`: what waits in `before` waits here, and is tried at once. */
void backlog_succeed(struct backlog *backlog, struct backlog *before);

#endif

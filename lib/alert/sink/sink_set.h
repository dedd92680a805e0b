/*
 * outlet - a set of sinks in use, and how each one fares
 *
 * An announcement goes to all of them; that one fails does not keep it from the next. A sink's
 * failure is told once, and its recovery once, with how much was lost. One thread at a time.
 */
#ifndef RELAYWARDEN_LIB_ALERT_OUTLET_H
#define RELAYWARDEN_LIB_ALERT_OUTLET_H

#include "lib/alert/inbox.h"
#include "lib/alert/sink/sink.h"
#include "lib/alert/sink/sink_stats.h"

struct outlet {
    struct sink *sink;
    struct sink_tally *tally;
    bool failing;          /* and it was told */
    unsigned long counted; /* of the sink's `lost`, what the tally has */
};

struct outlets {
    struct speaker *speaker;
    size_t count;
    struct outlet outlet[SINK_KINDS_MAX];
};

/* Makes those sinks of a table that are wanted and fast; or with `row`, the one of that row, if it
 * is wanted. The speaker is held: it counts how the sinks fare. NULL when memory is out. */
struct outlets *outlets_new(const struct sink_kind *kinds, const struct sink_kind *row,
                            const struct sink_source *source, struct speaker *speaker);
/* What still waits in a sink is tried once more, and what is lost is told. NULL is allowed. */
void outlets_free(struct outlets *outlets, struct inbox *inbox);

/* Lets each sink get ready. A failure is told through the inbox. */
void outlets_open(struct outlets *outlets, struct inbox *inbox);

/* What waits in the sinks of `before` (may be NULL) goes over to those of the same kind. */
void outlets_succeed(struct outlets *outlets, struct outlets *before);

/* Each returns how many sinks took it (delivered it, or keep it for a retry). Failures and
 * recoveries are told through the inbox. */
size_t outlets_announce(struct outlets *outlets, const struct announcement *announcement,
                        struct inbox *inbox);
size_t outlets_say(struct outlets *outlets, int priority, const char *line, struct inbox *inbox);
void outlets_retry(struct outlets *outlets, struct inbox *inbox);
void outlets_tick(struct outlets *outlets, struct inbox *inbox);

/* The shortest period at which a sink wants its tick; 0: none does. */
int outlets_period_ms(const struct outlets *outlets);

/* Any thread: sinks that wait for something shall give it up. */
void outlets_interrupt(const struct outlets *outlets);

bool outlets_have(const struct outlets *outlets, const char *name);

/* Whether something waits in a sink; `working` counts only sinks that are not known to fail. */
bool outlets_wait(const struct outlets *outlets, bool working);

#endif

/*
 * sink_set - a set of sinks in use, and how each one fares
 *
 * An announcement goes to all of them; that one fails does not keep it from the next. A sink's
 * failure is told once, and its recovery once, with how much was lost. One thread at a time.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_SINK_SET_H
#define RELAYWARDEN_LIB_ALERT_SINK_SINK_SET_H

#include "lib/alert/sink/sink.h"
#include "lib/alert/sink/sink_stats.h"
#include "lib/sys/teller.h"

struct outlet {
    struct sink *sink;
    struct sink_tally *tally;
    bool failing;            /* and it was told */
    unsigned long long told; /* of the tally's `lost`, what was told already */
    unsigned long lines;     /* of the program's own that did not reach it, since it failed */
};

struct sink_set {
    struct sink_stats *speaker;
    unsigned long given_up; /* announcements that were given up while they waited in a sink */
    size_t count;
    struct outlet outlet[SINK_KINDS_MAX];
};

/* Makes those sinks of a table that are wanted and fast; or with `row`, the one of that row, if it
 * is wanted. The speaker is held: it counts how the sinks fare. NULL when memory is out. */
struct sink_set *sink_set_new(const struct sink_kind *kinds, const struct sink_kind *row,
                              const struct sink_source *source, struct sink_stats *speaker);
/* Tries once more what still waits in a sink, and tells what is lost. NULL is allowed. */
void sink_set_free(struct sink_set *outlets, struct teller *teller);

/* Lets each sink get ready. A failure is told through the teller. */
void sink_set_open(struct sink_set *outlets, struct teller *teller);

/* Hands what waits in the sinks of `before` (may be NULL) to those of the same kind. */
void sink_set_succeed(struct sink_set *outlets, struct sink_set *before);

/* How an announcement fared. Sinks that only watch do not count. */
struct sink_set_fate {
    size_t took;          /* sinks that delivered it, or will as soon as their daemon reads */
    bool sent;            /* one of them has delivered it */
    bool waits;           /* it waits in one, be that one failing or not */
    unsigned int refused; /* rows (bits) of those that did not take it */
};
struct sink_set_fate sink_set_announce(struct sink_set *outlets,
                                       const struct announcement *announcement,
                                       struct teller *teller);

/* Returns how many sinks took it (delivered it, or keep it for a retry). Failures and recoveries
 * are told through the teller, here and everywhere. */
size_t sink_set_say(struct sink_set *outlets, int priority, const char *line,
                    struct teller *teller);
void sink_set_retry(struct sink_set *outlets, struct teller *teller);
void sink_set_tick(struct sink_set *outlets, struct teller *teller);

/* The shortest period at which a sink wants its tick; 0: none does. */
int sink_set_period_ms(const struct sink_set *outlets);

/* Any thread: sinks that wait for something shall give it up. */
void sink_set_interrupt(const struct sink_set *outlets);

bool sink_set_have(const struct sink_set *outlets, const char *name);

/* Whether something waits in a sink; `working` counts only sinks that are not known to fail. */
bool sink_set_wait(const struct sink_set *outlets, bool working);

#endif

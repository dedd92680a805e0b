/*
 * outlet - a set of sinks in use, and how each one fares
 *
 * An announcement goes to all of them; that one fails does not keep it from the next. A sink's
 * failure is told once, and its recovery once, with how much was lost. One thread at a time.
 */
#ifndef RELAYWARDEN_LIB_ALERT_OUTLET_H
#define RELAYWARDEN_LIB_ALERT_OUTLET_H

#include "lib/alert/inbox.h"
#include "lib/alert/sink.h"

struct outlet {
    struct sink *sink;
    bool failing; /* and it was told */
};

struct outlets {
    size_t count;
    struct outlet outlet[SINK_KINDS_MAX];
};

/* What sinks are made from, see sink_kind. */
struct outlet_source {
    const struct sink_kind *kinds;
    const struct sink_identity *identity;
    const char *syslog_socket;
};

/* Makes the wanted sinks: the slow ones or the others. NULL when memory is out. */
struct outlets *outlets_new(const struct outlet_source *source,
                            const struct alert_settings *settings, bool slow);
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

/* Whether something waits in a sink; `working` counts only sinks that are not known to fail. */
bool outlets_wait(const struct outlets *outlets, bool working);

#endif

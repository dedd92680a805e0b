/*
 * snapshot_push - hands the snapshot to a fleet's PostgreSQL server (option push)
 *
 * On a thread of its own: whoever offers a snapshot copies it and goes on, and neither a recipient
 * nor the keeper of masked addresses ever waits for a database. The last one offered is inserted,
 * at most every SNAPSHOT_PUSH_SECONDS, by a connection that is closed again: of a thousand filters
 * none occupies one. The filter's own database keeps all that it saw; a snapshot that could not be
 * handed over is not kept.
 *
 * The role needs relaywarden_milter, which may insert there and nothing else
 * (probe/fleet/schema.md).
 */
#ifndef RELAYWARDEN_MILTER_STATUS_SNAPSHOT_PUSH_H
#define RELAYWARDEN_MILTER_STATUS_SNAPSHOT_PUSH_H

#include <stdbool.h>

#include "lib/alert/reporter.h"

#define SNAPSHOT_PUSH_SECONDS 60

struct snapshot_push;

/* `place` is the option's value, `host` this host's name; both are copied. The reporter outlives
 * it, and is told of a failure once, and when it is over. NULL: no memory or thread is to be had.
 */
struct snapshot_push *snapshot_push_start(const char *place, const char *host,
                                          struct reporter *reporter);

/* The snapshot as a text of JSON, instead of one that was not handed over yet. NULL is nobody. Any
 * thread; never waits for the server. */
void snapshot_push_offer(struct snapshot_push *push, const char *text);

/* Hands over what was offered last, and ends. False: the server or a resolver hangs for longer than
 * `wait_ms`, and the thread may still use what it was given. NULL is nothing. */
bool snapshot_push_stop(struct snapshot_push *push, int wait_ms);

#endif

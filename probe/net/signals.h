/*
 * signals - SIGINT and SIGTERM while an audit runs
 *
 * The signals are blocked and looked for, but not taken: what ended the audit stays pending for a
 * caller that has them blocked, too, as the daemon has, which takes it when it looks next. So there
 * is no instant at which one could be lost, however near the audit's end it comes. For any other
 * caller they are taken at the end, for the audit was what they meant. One thread, the loop's.
 */
#ifndef RELAYWARDEN_PROBE_NET_SIGNALS_H
#define RELAYWARDEN_PROBE_NET_SIGNALS_H

#include <stdbool.h>

#include "probe/net/loop.h"

struct signals;

/* From now on both are for the loop: `arrived` is called in it while one is pending, again and
 * again until the loop is left. NULL when memory or descriptors are out. */
struct signals *signals_begin(struct loop *loop, void (*arrived)(void *user), void *user);

/* Whether one is pending, where they are blocked. */
bool signals_is_pending(void);

/* As it was before. NULL is nothing. */
void signals_end(struct signals *interruption);

#endif

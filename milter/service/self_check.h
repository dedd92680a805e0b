/*
 * self_check - whether the filter answers, asked at its own socket as an MTA would ask
 *
 * For the service manager's watchdog: a main thread that runs says nothing about libmilter's
 * listener and workers. Opens a connection of its own, negotiates (the milter protocol's
 * SMFIC_OPTNEG, version 6, as libmilter's mfdef.h has it) and leaves again; no client is announced,
 * so nothing is counted or judged. Any thread.
 */
#ifndef RELAYWARDEN_MILTER_SERVICE_SELF_CHECK_H
#define RELAYWARDEN_MILTER_SERVICE_SELF_CHECK_H

#include <stdbool.h>

/* False when nobody answered in `limit_ms`, or not as a filter does. True, too, when it could not
 * be asked for want of descriptors or memory: that is no sign of hanging. `socket` is as
 * configured. */
bool self_check_beats(const char *socket, int limit_ms);

#endif

/*
 * run_lock - whether a daemon works with this state directory
 *
 * A file, probe/run.lock in it, that the daemon keeps locked for as long as it lives: the kernel
 * lets go of it however the daemon ends. Any thread.
 */
#ifndef RELAYWARDEN_PROBE_RUN_LOCK_H
#define RELAYWARDEN_PROBE_RUN_LOCK_H

#include <stdbool.h>

/* For the daemon: a descriptor, to be kept open. -1: another has it, or no such file can be made
 * (errno is EAGAIN for the first). */
int run_lock_take(const char *state_directory);

/* For others. What cannot be looked at has none. */
bool run_lock_is_taken(const char *state_directory);

#endif

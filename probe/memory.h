/*
 * memory - what one audit leaves for the next: what was put off
 *
 * A file of JSON in the state directory, probe/memory.json, of configured targets only. Each change
 * is made under a lock and put in place by a rename, so that processes may share it and readers
 * need no lock. A damaged file is never overwritten. One thread at a time for a struct memory.
 */
#ifndef RELAYWARDEN_PROBE_MEMORY_H
#define RELAYWARDEN_PROBE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "probe/battery.h"
#include "probe/result.h"

#define MEMORY_ERROR_SIZE 512
#define MEMORY_QUESTION_SPAN                                                                       \
    (2 * 86400L) /* how long servers keep a triplet that did not come back */

struct memory;

/* What is known now; a file that is not there is empty. NULL and a sentence with a remedy when it
 * cannot be read, or memory is out. */
struct memory *memory_open(const char *state_directory, char error[MEMORY_ERROR_SIZE]);
void memory_close(struct memory *memory); /* NULL is nothing */

/* What the endpoint put off in earlier audits, at most `room`; how many. The texts belong to the
 * memory, and live until it changes or is closed. */
size_t memory_put_off(const struct memory *memory, const struct endpoint *endpoint, time_t now,
                      struct battery_earlier *out, size_t room);

/* After an audit: what these endpoints put off, instead of what was known of them. Those that are
 * not configured, or gave no session, are passed over; where nothing changes nothing is written.
 * False and a sentence when it cannot be kept. */
bool memory_keep(struct memory *memory, const struct endpoint_result *const *results, size_t count,
                 time_t now, char error[MEMORY_ERROR_SIZE]);

#endif

/*
 * health - what the daemon's thread lets others know of it: whether it is well, and in service
 *
 * Healthy: the thread has come round when it said that it would. It says so before whatever may
 * take long: an audit, or the wait for the next. A service manager or a health check that sees it
 * late should start the program again.
 *
 * Ready: in service, and what the last audit found could be kept, so that the page and the API show
 * it.
 *
 * Atomics: the daemon's thread writes, any reads.
 */
#ifndef RELAYWARDEN_PROBE_HTTP_HEALTH_H
#define RELAYWARDEN_PROBE_HTTP_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct health {
    atomic_llong due; /* seconds of a clock that runs while the machine sleeps; 0: not yet */
    atomic_bool in_service;
    atomic_bool auditing;
    atomic_bool unkept; /* what the last audit found */
    atomic_size_t targets;
};

/* The thread will be heard of again within that time. */
void health_expect(struct health *health, int64_t seconds, bool auditing);

/* A sentence and a newline; whether it is so. */
bool health_tell(const struct health *health, FILE *out);
bool health_tell_readiness(const struct health *health, FILE *out);

#endif

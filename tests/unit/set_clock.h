/*
 * set_clock - clocks that a test sets, for the whole program that includes this
 *
 * In place of the C library's: nobody waits for hours, or sets the machine's own. Include it in one
 * file of a program. Any thread.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_SET_CLOCK_H
#define RELAYWARDEN_TESTS_UNIT_SET_CLOCK_H

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_long ahead;   /* of the wall clock, in seconds */
static atomic_long elapsed; /* beside what elapses, by both clocks */

static inline void set_clock_right(void)
{
    atomic_store(&ahead, 0);
    atomic_store(&elapsed, 0);
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += atomic_load(&ahead) + atomic_load(&elapsed);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    long failure = syscall(SYS_clock_gettime, clock, out);

    if (failure == 0 && clock == CLOCK_BOOTTIME)
        out->tv_sec += atomic_load(&elapsed);
    return (int)failure;
}

#endif

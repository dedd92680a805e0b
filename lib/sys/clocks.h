/*
 * clocks - the wall clock, and one that nobody sets
 *
 * The wall clock tells people and the database when something was; it may jump, either way. How
 * long ago something was is a matter of the steady clock (CLOCK_BOOTTIME: the time that a machine
 * sleeps counts). Its seconds begin at a number of their own, so large that none of its times is 0,
 * which stands for never, as in Unix time.
 *
 * Any thread.
 */
#ifndef RELAYWARDEN_LIB_SYS_CLOCKS_H
#define RELAYWARDEN_LIB_SYS_CLOCKS_H

#include <stdint.h>

/* Both, at one moment. */
struct clocks {
    int64_t wall; /* Unix time */
    int64_t steady;
};

struct clocks clocks_now(void);

/* When that was by the other clock; 0 stays 0. A Unix time that is still to come was written by a
 * clock that was wrong: it counts as now. */
int64_t clocks_steady(const struct clocks *now, int64_t wall);
int64_t clocks_wall(const struct clocks *now, int64_t steady);

#endif

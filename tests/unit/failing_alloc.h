/*
 * failing_alloc - memory that runs out on demand
 *
 * A test includes this header and then the module's source, whose calls of malloc, calloc and
 * realloc thus come here. After failing_alloc_after(n) the next n calls succeed and all later ones
 * fail; failing_alloc_never() ends it. One thread.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_FAILING_ALLOC_H
#define RELAYWARDEN_TESTS_UNIT_FAILING_ALLOC_H

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

static unsigned long failing_alloc_left = ULONG_MAX;

static inline void failing_alloc_after(unsigned long calls)
{
    failing_alloc_left = calls;
}

static inline void failing_alloc_never(void)
{
    failing_alloc_left = ULONG_MAX;
}

static inline bool failing_alloc_strikes(void)
{
    if (failing_alloc_left == 0)
        return true;
    if (failing_alloc_left != ULONG_MAX)
        failing_alloc_left--;
    return false;
}

static inline void *failing_malloc(size_t size)
{
    return failing_alloc_strikes() ? NULL : malloc(size);
}

static inline void *failing_calloc(size_t count, size_t size)
{
    return failing_alloc_strikes() ? NULL : calloc(count, size);
}

static inline void *failing_realloc(void *old, size_t size)
{
    return failing_alloc_strikes() ? NULL : realloc(old, size);
}

#define malloc(size)        failing_malloc(size)
#define calloc(count, size) failing_calloc(count, size)
#define realloc(old, size)  failing_realloc(old, size)

#endif

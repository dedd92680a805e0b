/*
 * mask_index - which addresses are masked, for those who only ask
 *
 * A hash table for every MAIL of a trusted client, whom it costs a few atomic loads: no lock, and
 * no waiting for whoever writes. There are two tables: one is read while the other is written anew;
 * then they change places. A reader asks again if they did so meanwhile.
 *
 * mask_index_contains: any thread. The others: one thread at a time (masks.h: under its mutex).
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_MASK_INDEX_H
#define RELAYWARDEN_MILTER_TOKENS_MASK_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/state/mask_table.h"

#define MASK_INDEX_SLOTS ((size_t)2 * MASKS_MAX)

struct mask_index {
    atomic_uint version; /* the last bit names the table that is read */
    struct mask_index_slot {
        _Atomic uint64_t high;
        _Atomic uint64_t low;
        _Atomic uint64_t family; /* 0: empty */
    } slot[2][MASK_INDEX_SLOTS];
};

bool mask_index_contains(const struct mask_index *index, const struct address *address);

/* A new content: begin, add at most MASKS_MAX addresses (once or more often), then publish them. */
void mask_index_begin(struct mask_index *index);
void mask_index_add(struct mask_index *index, const struct address *address);
void mask_index_publish(struct mask_index *index);

#endif

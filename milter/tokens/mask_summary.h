/*
 * mask_summary - what the routes of one masked address come to
 *
 * For --masked and for the snapshot. Pure.
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_MASK_SUMMARY_H
#define RELAYWARDEN_MILTER_TOKENS_MASK_SUMMARY_H

#include "lib/state/mask_table.h"

struct mask_summary {
    const struct mask *last; /* the row that showed the address last */
    int64_t since;           /* the earliest of its routes */
    unsigned int routes;
    unsigned int healing; /* those that show role true */
    bool strict;
};

/* One address after the other: true with the next one's summary; *at begins at 0. Rows that are
 * dropped are passed over. */
bool mask_summary_next(const struct mask *masks, size_t count, size_t *at,
                       struct mask_summary *out);

#endif

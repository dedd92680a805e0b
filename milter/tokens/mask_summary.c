#include "milter/tokens/mask_summary.h"

static struct mask_summary sum_up(const struct mask *masks, size_t count,
                                  const struct address *address)
{
    struct mask_summary summary = {.last = NULL};

    for (size_t i = 0; i < count; i++) {
        if (masks[i].dropped != 0 || !address_equal(&masks[i].address, address)) {
            continue;
        }
        if (summary.last == NULL || masks[i].since < summary.since) {
            summary.since = masks[i].since;
        }
        summary.routes++;
        summary.healing += masks[i].true_since != 0;
        summary.strict = summary.strict || masks[i].strict;
        if (summary.last == NULL || masks[i].hidden > summary.last->hidden) {
            summary.last = &masks[i];
        }
    }
    return summary;
}

bool mask_summary_next(const struct mask *masks, size_t count, size_t *at, struct mask_summary *out)
{
    while (*at < count) {
        const struct mask *mask = &masks[(*at)++];
        const struct mask_summary summary = sum_up(masks, count, &mask->address);

        /* At the row that showed it last, which is one of them. */
        if (summary.last == mask) {
            *out = summary;
            return true;
        }
    }
    return false;
}

/*
 * page_size - what a page leaves out of very many endpoints
 *
 * A dialogue takes some 15 KB of a page, and no browser shows ten thousand of them.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_SIZE_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_SIZE_H

#include <stdbool.h>

#include "probe/report/history.h"

#define PAGE_WHOLE_MAX 500 /* endpoints of which the page has all */

/* Whether its dialogue is on the page: beyond PAGE_WHOLE_MAX that of one that is closed is not. */
static inline bool page_has_dialogue(const struct history_endpoint *endpoint)
{
    return endpoint->history->place_count <= PAGE_WHOLE_MAX ||
           history_state(endpoint)->verdict != VERDICT_CLOSED;
}

/* Whether the endpoint has more on the page than its row. One that is closed may have a finding
 * that is as bad as an open one. */
static inline bool page_has_article(const struct history_endpoint *endpoint)
{
    return page_has_dialogue(endpoint) || endpoint->warned;
}

#endif

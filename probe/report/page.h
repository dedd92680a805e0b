/*
 * page - the history as one HTML page that needs nothing else
 *
 * No script, no picture, no network: its policy forbids them to itself. Light and dark by the
 * reader's preference, for narrow screens, paper and screen readers: landmarks, captions, headers,
 * and all that the chart shows in words, too. Pure; the texts are escaped (html.h).
 */
#ifndef RELAYWARDEN_PROBE_PAGE_H
#define RELAYWARDEN_PROBE_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "probe/report/history.h"
#include "probe/report/milter_status.h"

/* False when memory is out or the stream failed. `snapshot` is what the filter saw, NULL if that is
 * not to be shown; `site` is the site's name. */
bool page_write(FILE *out, const struct history *history, const struct seen *snapshot,
                const char *site);

/* Its parts, each a section element. */
void page_chart(FILE *out, const struct history *history);
void page_techniques(FILE *out, const struct history *history);
void page_seen(FILE *out, const struct seen *snapshot, time_t now);

#endif

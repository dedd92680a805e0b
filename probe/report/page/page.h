/*
 * page - the history as one HTML page that needs nothing else
 *
 * No picture, no network, and no script but its own filter (page_filter.h), without which it has
 * all the same: its policy forbids them to itself. Light and dark by the reader's preference, for
 * narrow screens, paper and screen readers: landmarks, captions, headers, and all that the chart
 * shows in words, too. Pure; the texts are escaped (html.h).
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "probe/report/history.h"
#include "probe/report/milter_status.h"

struct page_look {
    const char *site; /* its name */
    bool served;      /* over HTTP: an endpoint has a page of its own, at endpoint/KEY beside it */
};

/* False when memory is out or the stream failed. `snapshot` is what the filter saw, NULL if that is
 * not to be shown. */
bool page_write(FILE *out, const struct history *history, const struct milter_status *snapshot,
                const struct page_look *look);

/* The page of one endpoint, with its dialogue unfolded, and a way back. */
bool page_write_endpoint(FILE *out, const struct history *history,
                         const struct history_endpoint *endpoint, const struct page_look *look);

/* The page's only script (page_filter.h), as Content-Security-Policy allows it: its SHA-256. */
#define PAGE_SCRIPT "'sha256-WajWRIsxTcxe5yKTAIbLyEP22wcgRmUq6mwVaFImMP8='"

#endif

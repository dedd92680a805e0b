/*
 * page_timeline - the page's picture of verdicts over time, and the same in words
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_TIMELINE_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_TIMELINE_H

#include "probe/report/history.h"
#include <stdio.h>

/* A section element. */
void page_timeline(FILE *out, const struct history *history);

#endif

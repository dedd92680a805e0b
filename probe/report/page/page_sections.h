/*
 * page_sections - the sections of a page, each in the file of its name
 *
 * Each writes one section element. Pure; the texts are escaped (html.h).
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_SECTIONS_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_SECTIONS_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "probe/report/history.h"
#include "probe/report/milter_status.h"

/* Of a fleet: from where endpoints are seen, and how. */
void page_vantages(FILE *out, const struct history *history);
/* No section: "open from east, west; closed from north; late: west". page_filter.h reads its
 * marks. */
void page_views(FILE *out, const struct history_endpoint *endpoint);

/* The picture of verdicts over time, and the same in words. */
void page_timeline(FILE *out, const struct history *history);

/* The picture that the filter has. */
void page_milter(FILE *out, const struct milter_status *snapshot, time_t now);

/* The table of what the techniques came to. False when memory is out. */
bool page_techniques(FILE *out, const struct history *history);

#endif

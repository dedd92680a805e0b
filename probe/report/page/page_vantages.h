/*
 * page_vantages - from where endpoints are seen, and how, on the page of a fleet
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_PAGE_VANTAGES_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_PAGE_VANTAGES_H

#include <stdio.h>

#include "probe/report/history.h"

/* "open from east, west; closed from north; late: west". page_filter.h reads its marks. */
void page_views(FILE *out, const struct history_endpoint *endpoint);

/* The section of all vantages. */
void page_vantages(FILE *out, const struct history *history);

#endif

/*
 * page_milter - the page's account of what the filter saw
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_MILTER_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_MILTER_H

#include "probe/report/milter_status.h"
#include <stdio.h>
#include <time.h>

/* A section element. */
void page_milter(FILE *out, const struct milter_status *snapshot, time_t now);

#endif

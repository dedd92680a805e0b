/*
 * page_techniques - the page's table of what the techniques came to
 */
#ifndef RELAYWARDEN_PROBE_REPORT_PAGE_TECHNIQUES_H
#define RELAYWARDEN_PROBE_REPORT_PAGE_TECHNIQUES_H

#include <stdbool.h>
#include <stdio.h>

#include "probe/report/history.h"

/* A section element. False when memory is out. */
bool page_techniques(FILE *out, const struct history *history);

#endif

#include "lib/finding_page.h"

#include <stdio.h>
#include <string.h>

/* The Makefile names it for this file alone. */
#ifndef RELAYWARDEN_DOC_BASE
#define RELAYWARDEN_DOC_BASE "/usr/local/share/doc/relaywarden/doc"
#endif
#define BASE RELAYWARDEN_DOC_BASE

const char *finding_page(enum finding_kind kind, char out[FINDING_PAGE_SIZE])
{
    snprintf(out, FINDING_PAGE_SIZE, BASE "/findings/%s.md", finding_kind_name(kind));
    return out;
}

const char *finding_page_of_alerts(char out[FINDING_PAGE_SIZE])
{
    snprintf(out, FINDING_PAGE_SIZE, BASE "/alerts.md");
    return out;
}

bool finding_page_is_address(const char *page)
{
    return strstr(page, "://") != NULL;
}

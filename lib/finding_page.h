/*
 * finding_page - where a person reads of a kind of finding: doc/findings/KIND.md
 *
 * Below DOC_BASE of the Makefile: an https address that the packager names, else the folder in
 * which the pages are installed. Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_FINDING_PAGE_H
#define RELAYWARDEN_LIB_FINDING_PAGE_H

#include <stdbool.h>

#include "lib/words.h"

#define FINDING_PAGE_SIZE 512

/* Returns `out`. */
const char *finding_page(enum finding_kind kind, char out[FINDING_PAGE_SIZE]);

/* The page about alerts, in the same place. */
const char *finding_page_of_alerts(char out[FINDING_PAGE_SIZE]);

/* Whether a page is an address, rather than a path of this machine. */
bool finding_page_is_address(const char *page);

#endif

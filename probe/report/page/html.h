/*
 * html - text into a page, so that nothing of it is taken for markup
 *
 * Everything that is not the page's own goes through html_text, in elements and in quoted
 * attributes alike. Control characters do not come here: the texts are printable (printable.h).
 */
#ifndef RELAYWARDEN_PROBE_REPORT_HTML_H
#define RELAYWARDEN_PROBE_REPORT_HTML_H

#include <stdio.h>
#include <time.h>

/* & < > " and ' become references. NULL is nothing. */
void html_text(FILE *out, const char *text);

/* The same for the first `length` octets of it. */
void html_part(FILE *out, const char *text, size_t length);

/* printf whose %s, the only conversion beside %zu and %lld, are escaped so. */
void html_format(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For a part of a path in an address: everything but letters, digits and "-._~" is encoded. */
void html_path(FILE *out, const char *text);

/* A time element: "2026-11-22 06:10" in UTC. */
void html_time(FILE *out, time_t when);

#endif

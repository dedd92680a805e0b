/*
 * service_line - one service as `postconf -M` says it: on one line, in columns
 *
 * It points into the text and owns nothing. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_SERVICE_LINE_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_SERVICE_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Name, type, four columns, the limit of processes, the program. */
#define SERVICE_COLUMNS 8
#define SERVICE_NAME    0
#define SERVICE_TYPE    1
#define SERVICE_PROGRAM 7

struct service_line {
    const char *begin[SERVICE_COLUMNS];
    int length[SERVICE_COLUMNS];
    const char *rest; /* arguments, "" = none */
    int rest_length;
};

/* False where it has fewer columns. */
bool service_line_split(const char *line, size_t length, struct service_line *out);

bool service_line_is(const struct service_line *line, size_t column, const char *word);

#endif

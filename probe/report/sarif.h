/*
 * sarif - findings as code scanning reads them
 *
 * SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), as much as GitHub's code
 * scanning and the editors read: one run, its rules, and a result each with a place. A result of a
 * file has its line; one of something that is no file (an endpoint) has a logical location alone.
 * Results are written as they come, so memory does not grow with them. Texts are printable
 * (printable.h). One thread a stream.
 */
#ifndef RELAYWARDEN_PROBE_REPORT_SARIF_H
#define RELAYWARDEN_PROBE_REPORT_SARIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum sarif_level {
    SARIF_NOTE,
    SARIF_WARNING,
    SARIF_ERROR,
};

struct sarif_rule {
    const char *id;
    const char *text; /* one sentence: what it is about */
};

struct sarif_result {
    const char *rule; /* its id */
    enum sarif_level level;
    const char *message;
    const char *file;  /* a path, absolute or below the folder that is scanned; NULL = none */
    int line;          /* from 1 on; 0 = none can be named */
    const char *place; /* what it is about if there is no file, "203.0.113.25:25"; NULL = none */
    const char *key;   /* stays the same while the finding does; NULL = none */
};

/* A run that is being written. */
struct sarif {
    FILE *out;
    bool any;    /* result was written */
    bool failed; /* memory was out */
};

struct sarif sarif_begin(FILE *out, const struct sarif_rule *rules, size_t count);
void sarif_write(struct sarif *sarif, const struct sarif_result *result);

/* False when memory was out or the stream failed; what was written is then no whole object. */
bool sarif_end(struct sarif *sarif);

#endif

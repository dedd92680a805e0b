/*
 * transcript - one technique as a person would type it, line by line
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_CLI_TRANSCRIPT_H
#define RELAYWARDEN_PROBE_CLI_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/model/result.h"
#include "probe/model/technique.h"

#define TRANSCRIPT_LINES     10
#define TRANSCRIPT_LINE_SIZE (2 * ENVELOPE_PATH_SIZE + 32)
#define TRANSCRIPT_CONNECTS  2

/* Names that the server has not said yet; the names in the paths stand for them. */
#define TRANSCRIPT_GREETED "name-in-the-greeting"
#define TRANSCRIPT_EHLO    "name-in-the-reply-to-ehlo"

struct transcript {
    char connect[TRANSCRIPT_CONNECTS][TRANSCRIPT_LINE_SIZE]; /* shell commands; either will do */
    size_t connect_count;
    char open[TRANSCRIPT_LINES][TRANSCRIPT_LINE_SIZE]; /* once a connection, after the greeting */
    size_t open_count;
    char ask[TRANSCRIPT_LINES][TRANSCRIPT_LINE_SIZE];
    size_t ask_count;
    char control[TRANSCRIPT_LINES][TRANSCRIPT_LINE_SIZE]; /* none where it has no control */
    size_t control_count;
};

/* Facts about the endpoint, and about us. */
struct transcript_place {
    const struct endpoint *endpoint;
    const char *canary;
    const char *helo;             /* our name; "" = our address literal */
    const struct address *source; /* our end; ADDRESS_NONE if it is not known */
};

/* False when the technique cannot be built here. */
bool transcript_write(const struct technique *technique, const struct transcript_place *place,
                      struct transcript *out);

#endif

/*
 * dictation - one technique as a person would type it, line by line
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_DICTATION_H
#define RELAYWARDEN_PROBE_DICTATION_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/model/result.h"
#include "probe/model/technique.h"

#define DICTATION_LINES     10
#define DICTATION_LINE_SIZE (2 * ENVELOPE_PATH_SIZE + 32)
#define DICTATION_CONNECTS  2

/* What is not known before the server has said it; the names in the paths stand for it. */
#define DICTATION_GREETED "name-in-the-greeting"
#define DICTATION_EHLO    "name-in-the-reply-to-ehlo"

struct dictation {
    char connect[DICTATION_CONNECTS][DICTATION_LINE_SIZE]; /* shell commands; either will do */
    size_t connect_count;
    char open[DICTATION_LINES][DICTATION_LINE_SIZE]; /* once a connection, after the greeting */
    size_t open_count;
    char ask[DICTATION_LINES][DICTATION_LINE_SIZE];
    size_t ask_count;
    char control[DICTATION_LINES][DICTATION_LINE_SIZE]; /* none where it has no control */
    size_t control_count;
};

/* What is known of the endpoint, and of us. */
struct dictation_place {
    const struct endpoint *endpoint;
    const char *canary;
    const char *helo;             /* our name; "" = our address literal */
    const struct address *source; /* our end; ADDRESS_NONE if it is not known */
};

/* False when the technique cannot be built here. */
bool dictation_write(const struct technique *technique, const struct dictation_place *place,
                     struct dictation *out);

#endif

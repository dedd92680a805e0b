/*
 * arrivals - the file in which receive records what reached the canary
 *
 * Lines of JSON, {"time":RFC3339,"token":TOKEN}, each appended by one write, so that readers see
 * whole lines. Writers, of which there may be any number, take turns by flock. Strangers may write
 * to the canary, so a token has one line, and the file ends at ARRIVALS_MAX: then the older half of
 * its lines is dropped. The arrivals that an audit waits for are recent, so it takes thousands of
 * messages within that time to push a real arrival out. One thread for a struct arrivals.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_ARRIVALS_H
#define RELAYWARDEN_PROBE_AUDIT_ARRIVALS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "probe/model/message.h"

#define ARRIVALS_ERROR_SIZE 512
#define ARRIVALS_MAX        (1024L * 1024) /* octets; some 13 000 lines */

/* The file in a state directory. */
void arrivals_path(const char *state_directory, char out[PATH_MAX]);

enum arrival {
    ARRIVAL_FAILED, /* and `error` is a sentence */
    ARRIVAL_RECORDED,
    ARRIVAL_KNOWN, /* it had its line already */
};

/* Makes the file (mode 0640) where it is missing, and waits until the disk has it; for a lock that
 * another holds, some seconds. A file that is not regular has every line, and no end. */
enum arrival arrivals_record(const char *path, const char *token, time_t now,
                             char error[ARRIVALS_ERROR_SIZE]);

/* A reader that goes on where it ended. */
struct arrivals {
    char path[PATH_MAX];
    long long offset; /* 0 at first */
};

/* Hands out the tokens of the lines that were added. A file that is not there, or cannot be read,
 * has none; one that has become shorter is read from its beginning. */
void arrivals_read(struct arrivals *arrivals, void (*found)(const char *token, void *user),
                   void *user);

#endif

/*
 * invocation - how the program was called, and how it says that it cannot do so
 */
#ifndef RELAYWARDEN_PROBE_INVOCATION_H
#define RELAYWARDEN_PROBE_INVOCATION_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

#define PROBE_PROGRAM "relaywarden-probe"

/* Monitoring plugins' UNKNOWN: bad usage, bad configuration, output that cannot be written. */
#define PROBE_EXIT_UNKNOWN 3

struct invocation {
    const char *conf_path;
    bool json;
    bool quiet;
    const char *record;  /* a file of arrivals; NULL = the one in the state directory */
    const char *maildir; /* NULL = standard input */
    bool copy;           /* what is not ours is somebody else's */
    const char *html;    /* the page's file; NULL = none */
    const char *milter;  /* the filter's snapshot; NULL = none */
    bool text;
    const char *wait;     /* a duration as it was written; NULL = none was */
    bool has_status_line; /* the verb's output begins with a plugin's status line */
    char **arguments;     /* after the verb */
    size_t argument_count;
};

/* Says why nothing was done: the sentence on standard error, and on standard output, for who reads
 * only that, a status line, or with --json an object with `error`. Returns PROBE_EXIT_UNKNOWN. */
int invocation_fail(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for a configuration with mistakes; each of them goes to standard error as it is. */
int invocation_fail_configuration(const struct invocation *invocation,
                                  const struct conf_report *report);

/* See owner.h: for a verb that writes to the state directory, once its configuration was read. That
 * it could not be done is said on standard error. */
void invocation_step_down(const struct conf *conf);

/* Whether all that was written to standard output got there. If not it is said on standard error.
 */
bool invocation_output_is_written(void);

#endif

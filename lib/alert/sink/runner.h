/*
 * runner - runs a program that a sink hands an announcement to
 *
 * An argument list without a shell, text on standard input, an environment that the sink writes.
 * One run at a time, on the sink's thread; any thread may interrupt it. SIGPIPE must be ignored.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_RUNNER_H
#define RELAYWARDEN_LIB_ALERT_SINK_RUNNER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/alert/sink/sink.h"

#define RUNNER_SECONDS 30 /* that a run may take */
#define RUNNER_PATH    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct runner {
    char **arguments; /* NULL-terminated; the first is the program's path */
    int interrupted;  /* an eventfd: readable once a run shall be given up */
};

struct runner_order {
    const char *text; /* for its standard input; it need not read it */
    char **environment;
};

/* Copies the arguments. False: memory or descriptors are out, and there is nothing to free. */
bool runner_init(struct runner *runner, char *const *arguments, size_t count);
void runner_free(struct runner *runner);

/* 0 when the program did its work (ended with code 0); else -1 and a sentence, with the first line
 * of what it said on standard error. */
int runner_run(const struct runner *runner, const struct runner_order *order,
               char error[SINK_ERROR_SIZE]);

/* Whether the program is there and may be run, without running it; returns as runner_run. */
int runner_check(const struct runner *runner, char error[SINK_ERROR_SIZE]);

/* Any thread: a run that is under way, and every later one, is given up. */
void runner_interrupt(const struct runner *runner);

#endif

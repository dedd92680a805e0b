/*
 * recorder - two sinks for tests of the reporter, which record, fail or hang as they are told
 *
 * "fast" is wanted unless syslog_format is SYSLOG_NONE, "slow" always. Any thread.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_RECORDER_H
#define RELAYWARDEN_TESTS_UNIT_RECORDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/alert/reporter.h"
#include "lib/alert/sink/sink.h"

/* The doings of one of the sinks; `mutex` guards it while a reporter runs. */
struct recorder {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool fails;
    bool hangs;
    bool hanging; /* it is in the call that hangs */
    size_t freed; /* sinks */
    size_t announcements;
    uint64_t resolved_sum; /* of the counts of resolved incidents */
    struct announcement last;
    char lines[4096]; /* what was said, each with a newline */
};

extern struct recorder *const recorder_fast;
extern struct recorder *const recorder_slow;
extern const struct sink_kind recorder_kinds[];

void recorder_clear(void); /* both; no reporter runs */

/* A reporter with both as its sinks. `database_path` may be NULL: it keeps no state. */
struct reporter *recorder_start_reporter(const struct alert_settings *alert,
                                         const char *database_path);
void recorder_let_fail(struct recorder *recorder, bool fails);
void recorder_let_hang(struct recorder *recorder, bool hangs);
size_t recorder_announcements(struct recorder *recorder);

/* How often a text is in the lines that the recorder heard. */
int recorder_heard(struct recorder *recorder, const char *text);

void recorder_wait_until_it_hangs(struct recorder *recorder);
void recorder_wait_until_freed(struct recorder *recorder, size_t sinks);

#endif

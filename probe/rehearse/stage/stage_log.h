/*
 * stage_log - what programs on the stage say to syslog
 *
 * A socket at /dev/log, and a process that reads it all the time: a full one would block whoever
 * logs. Lines are kept without priority and date, as "postfix/smtpd[12]: text" and a newline, up
 * to STAGE_LOG_MAX octets; what comes after that is dropped, and told. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STAGE_STAGE_LOG_H
#define RELAYWARDEN_PROBE_REHEARSE_STAGE_STAGE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STAGE_LOG_MAX ((size_t)256 * 1024 * 1024)

struct stage_log {
    int file;
    pid_t reader;
};

/* -1 with errno. */
int stage_log_begin(struct stage_log *log);

/* How long it is by now, everything in it that was said before this call. */
size_t stage_log_mark(struct stage_log *log);

/* How long it is, as far as was read. */
size_t stage_log_length(const struct stage_log *log);

/* The text from one mark to another, NUL-terminated, to be freed; NULL when memory is out. */
char *stage_log_text(const struct stage_log *log, size_t from, size_t to);

#endif

/*
 * banner - which software, and which version, a greeting gives away
 *
 * Pure; any thread. The texts belong to the reading.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_BANNER_H
#define RELAYWARDEN_PROBE_JUDGE_BANNER_H

#include <stdbool.h>

struct banner_reading {
    char software[64];
    char version[64]; /* "" if it is not told */
};

/* `line`: the first line of a greeting or of the reply to EHLO, without the code, printable. False
 * if it names no software. */
bool banner_read(const char *line, struct banner_reading *out);

#endif

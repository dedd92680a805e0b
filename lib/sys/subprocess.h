/*
 * subprocess - runs another program to its end and keeps what it printed
 *
 * For programs of the MTA that the operator runs as root anyway: found by PATH, then in the usual
 * folders of system programs; no shell.
 */
#ifndef RELAYWARDEN_LIB_SYS_SUBPROCESS_H
#define RELAYWARDEN_LIB_SYS_SUBPROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before any thread is started. Runs `argv` (NULL at its end) with `input` as its standard input
 * ("" for none; short, a pipe's worth) and this process's environment. `quiet`: its standard error
 * is thrown away. Returns its standard output, NUL-terminated, to be freed; NULL when it could not
 * be run, ended with another code than 0, or printed more than memory holds. */
char *subprocess_output(const char *const argv[], const char *input, bool quiet);

#define SUBPROCESS_OUTPUT_MAX ((size_t)4 * 1024 * 1024)

int64_t subprocess_now_ms(void); /* of a clock that nobody sets */

/* The same for a program that is running, on any thread: the other has nothing of this process but
 * its environment, no standard input and no standard error, and is killed with all that it started
 * at `deadline_ms` (subprocess_now_ms), or when it printed more than SUBPROCESS_OUTPUT_MAX: NULL.
 */
char *subprocess_output_until(const char *const argv[], int64_t deadline_ms);

/* The same with `input` as its standard input, of any length. Its output counts, whatever its
 * code: of `postmap -q -` that says whether anything was found. */
char *subprocess_answers_until(const char *const argv[], const char *input, int64_t deadline_ms);

/* The same, but its standard error is returned, whatever its code, and its standard output thrown
 * away. */
char *subprocess_errors_until(const char *const argv[], int64_t deadline_ms);

/* Whether a program of that name would be found. */
bool subprocess_exists(const char *name);

#endif

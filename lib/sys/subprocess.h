/*
 * command - runs another program to its end and keeps what it printed
 *
 * For programs of the MTA that the operator runs as root anyway: found by PATH, then in the usual
 * folders of system programs; no shell. Before any thread is started.
 */
#ifndef RELAYWARDEN_MILTER_COMMAND_H
#define RELAYWARDEN_MILTER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* Runs `argv` (NULL at its end) with `input` as its standard input ("" for none; short, a pipe's
 * worth) and this process's environment. `quiet`: its standard error is thrown away. Returns its
 * standard output, NUL-terminated, to be freed; NULL when it could not be run, ended with another
 * code than 0, or printed more than memory holds. */
char *command_output(const char *const argv[], const char *input, bool quiet);

/* Whether a program of that name would be found. */
bool command_exists(const char *name);

#endif

/*
 * standard_streams - descriptors 0, 1 and 2 of a process that was started with some of them closed
 *
 * The kernel gives the lowest free descriptor to the next file that is opened. Without this, a
 * state database or a socket becomes standard output, and gets what the program prints.
 */
#ifndef RELAYWARDEN_LIB_SYS_STANDARD_STREAMS_H
#define RELAYWARDEN_LIB_SYS_STANDARD_STREAMS_H

#include <stdbool.h>

/* Puts /dev/null on those that are closed. It is open for reading only, so that a write still
 * fails (EBADF) and is told, as it would be with the descriptor closed. Call it first in main(),
 * while there is one thread. False with errno where /dev/null cannot be opened. */
bool standard_streams_keep(void);

/* Writes out what standard output still holds. False, with a line on standard error that begins
 * with the program's name, where any of it was lost. */
bool standard_output_flush(const char *program);

#endif

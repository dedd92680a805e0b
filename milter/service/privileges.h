/*
 * privileges - dropping root for good
 *
 * Main thread, before any other is started, after the socket is bound.
 */
#ifndef RELAYWARDEN_MILTER_SERVICE_PRIVILEGES_H
#define RELAYWARDEN_MILTER_SERVICE_PRIVILEGES_H

#include <stdbool.h>

#define PRIVILEGES_ERROR_SIZE 400

/* Becomes `name` with its groups, and makes sure that there is no way back. Nothing to do when
 * `name` is "" or the process does not run as root. False and a sentence with a remedy; the process
 * must not go on then. */
bool privileges_drop_to(const char *name, char error[PRIVILEGES_ERROR_SIZE]);

#endif

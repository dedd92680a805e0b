/*
 * socket - the milter socket's surroundings: what is wrong with it before libmilter takes it, and
 * who may use it after
 *
 * Main thread, before any other is started; socket_connect in any.
 */
#ifndef RELAYWARDEN_MILTER_SERVICE_SOCKET_H
#define RELAYWARDEN_MILTER_SERVICE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#define SOCKET_ERROR_SIZE 512

/* The path of "unix:PATH" or "local:PATH"; NULL for TCP. Points into `socket`. */
const char *socket_unix_path(const char *socket);

/* Looks before binding. UNIX: the directory must exist, and nobody may be serving on the path (a
 * stale socket is fine, and is removed by libmilter; anything else that is not a socket is left
 * alone). TCP: the address must be this host's and free. False and a sentence with a remedy. */
bool socket_check(const char *socket, char error[SOCKET_ERROR_SIZE]);

/* After binding under a umask that gave the socket its mode: gives it to the group ("" = leaves
 * it). TCP: true.
 */
bool socket_grant(const char *socket, const char *group, char error[SOCKET_ERROR_SIZE]);

/* A new connection to the socket, as the MTA makes it: a non-blocking descriptor, on which
 * connecting may still be under way. -1 with errno. */
int socket_connect(const char *socket);

/* Whether members of the group can enter the socket's directory. TCP, or nothing to tell by: true.
 */
bool socket_is_reachable(const char *socket, const char *group);

#endif

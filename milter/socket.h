/*
 * socket - the milter socket's surroundings: what is wrong with it before libmilter takes it, and
 * who may use it after
 *
 * Main thread, before any other is started.
 */
#ifndef RELAYWARDEN_MILTER_SOCKET_H
#define RELAYWARDEN_MILTER_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#define SOCKET_ERROR_SIZE 512

/* The path of "unix:PATH" or "local:PATH"; NULL for TCP. Points into `socket`. */
const char *socket_unix_path(const char *socket);

/* Looks before binding: the directory must exist, and nobody may be serving on the path (a stale
 * socket is fine, and is removed by libmilter; anything else that is not a socket is left alone).
 * False and a sentence with a remedy. TCP: true. */
bool socket_check(const char *socket, char error[SOCKET_ERROR_SIZE]);

struct socket_access {
    const char *group; /* "" = leave */
    unsigned int mode; /* 0660 */
};

/* After binding: group and mode. TCP: true. */
bool socket_grant(const char *socket, const struct socket_access *access,
                  char error[SOCKET_ERROR_SIZE]);

#endif

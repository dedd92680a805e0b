/*
 * http_socket - the socket that HTTP is listened on
 *
 * Any thread.
 */
#ifndef RELAYWARDEN_LIB_HTTP_HTTP_SOCKET_H
#define RELAYWARDEN_LIB_HTTP_HTTP_SOCKET_H

#include <stdbool.h>

#include "lib/http/http_settings.h"

#define HTTP_ERROR_SIZE 256

/* Listens there, without blocking. -1, errno, and a sentence with a remedy. */
int http_socket_open(const struct http_place *place, char error[HTTP_ERROR_SIZE]);

/* Whether `program` itself listens there: it says its name as Server. Waits a second at most. */
bool http_socket_is_of(const struct http_place *place, const char *program);

/* A sentence for these, with the place. */
#define HTTP_EXPOSED                                                                               \
    "listen: %s is not a loopback address: whoever reaches it reads what it answers; a reverse "   \
    "proxy in front of a loopback address gives passwords and TLS"

/* Whether others than this host's own programs may reach it. */
bool http_socket_is_exposed(const struct http_place *place);

#endif

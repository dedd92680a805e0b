/*
 * http_server - a program's one HTTP port, and the thread that serves it
 *
 * A thread with a loop of its own (libevent): neither a mail nor an audit waits for it, and it
 * waits for neither. One request a connection, answered and closed. HTTP_CONNECTIONS_MAX at once;
 * who comes then gets 503 and is closed. A request has HTTP_REQUEST_SECONDS to come, however
 * slowly; a reply has as long to go, and a second more for each 64 KiB that the client took. What
 * waits for something is made by another thread (http_renderer.h), and by a third for routes that
 * are `slow`.
 *
 * Ownership: the routes and their `user` are the caller's, and outlive it.
 */
#ifndef RELAYWARDEN_LIB_HTTP_HTTP_SERVER_H
#define RELAYWARDEN_LIB_HTTP_HTTP_SERVER_H

#include <stdbool.h>

#include "lib/http/http_reply.h"
#include "lib/http/http_settings.h"
#include "lib/http/http_socket.h"

struct http_server;

/* Serves nowhere yet. NULL when memory is out. */
struct http_server *http_server_new(const struct http_pages *pages);

/* Listens where the settings say, under their names, and no more where it did before; nowhere, if
 * they say so. False and a sentence: all is as it was. Before http_server_start it only opens the
 * socket, as who we are then. One thread. */
bool http_server_listen(struct http_server *server, const struct http_settings *settings,
                        char error[HTTP_ERROR_SIZE]);

/* Where it listens. That thread. */
const struct http_place *http_server_place(const struct http_server *server);

/* Starts to answer: after the last fork, and after signals are blocked. False: no memory or thread
 * is to be had. */
bool http_server_start(struct http_server *server);

/* Ends and frees all; NULL is nothing. False: an answer is still being made after `wait_ms`, and
 * may use what it was given; then the process must end without taking that apart. */
bool http_server_stop(struct http_server *server, int wait_ms);

#endif

/*
 * http_connection - one client of the HTTP port: reads a request, gives the reply, and closes
 *
 * The loop's thread alone. `struct http_door` is what all of them share; the server has it.
 */
#ifndef RELAYWARDEN_LIB_HTTP_HTTP_CONNECTION_H
#define RELAYWARDEN_LIB_HTTP_HTTP_CONNECTION_H

#include <event2/event.h>
#include <stdbool.h>

#include "lib/http/http_names.h"
#include "lib/http/http_renderer.h"

#define HTTP_CONNECTIONS_MAX 64
#define HTTP_REQUEST_SECONDS 10

struct http_connection;

struct http_door {
    struct http_pages pages;
    struct event_base *base;
    struct http_renderer *renderer;
    struct http_renderer *slow; /* of the routes that are; NULL: there are none */
    struct http_names *names;
    struct http_connection *first; /* all that there are */
    size_t count;
};

/* Takes the descriptor over, whatever happens. */
void http_connection_begin(struct http_door *door, int descriptor);

/* The job's reply is there; frees it. */
void http_connection_reply(struct http_job *job);

/* All of them, at the end. The renderer has stopped, and has given back what it had. */
void http_connection_end_all(struct http_door *door);

#endif

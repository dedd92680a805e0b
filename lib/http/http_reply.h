/*
 * http_reply - what is answered: a status, a type and a body, which several connections may share
 *
 * A body is counted by its holders, in any threads; else one thread at a time.
 */
#ifndef RELAYWARDEN_LIB_HTTP_HTTP_REPLY_H
#define RELAYWARDEN_LIB_HTTP_HTTP_REPLY_H

#include <stddef.h>
#include <stdio.h>

#include "lib/http/http_request.h"

#define HTTP_TYPE_TEXT    "text/plain; charset=utf-8"
#define HTTP_TYPE_HTML    "text/html; charset=utf-8"
#define HTTP_TYPE_JSON    "application/json"
#define HTTP_TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

struct http_body;

/* `status` is HTTP_UNAVAILABLE with no body where memory was out. */
struct http_reply {
    enum http_status status;
    const char *type;       /* constant */
    const char *script;     /* as the route has it; NULL: none */
    struct http_body *body; /* NULL: the status' own sentence */
};

/* Writes a route's answer to `out`, and returns its status. Of any other than HTTP_OK it is a
 * sentence. `user` is the routes'. */
typedef enum http_status (*http_answer)(const struct http_request *request, FILE *out, void *user);

/* A path that can be asked for. */
struct http_route {
    const char *path; /* NULL ends a table */
    bool prefix;      /* and whatever begins so */
    bool quick;       /* it waits for nothing, so that it is answered whatever else is being made */
    bool asks;        /* its answer depends on the query */
    bool slow;        /* it may wait long, as for a database: no other answer waits for it */
    const char *type; /* of HTTP_OK */
    const char *script; /* what the answer's own script is allowed by, as Content-Security-Policy
                           has it; NULL: it has none */
    http_answer answer;
};

/* All that a program has. */
struct http_pages {
    const char *program; /* as Server has it; constant */
    const struct http_route *routes;
    void *user; /* the answers get it, in the thread that makes them */
};

/* NULL: there is no such route. */
const struct http_route *http_route_find(const struct http_route *routes, const char *path);

void http_reply_make(struct http_reply *reply, const struct http_route *route,
                     const struct http_request *request, void *user);
void http_reply_copy(struct http_reply *reply, const struct http_reply *from);
void http_reply_free(struct http_reply *reply);

/* The reply of a status alone. */
void http_reply_refuse(struct http_reply *reply, enum http_status status);

/* The body, as long as the reply has it. */
const char *http_reply_text(const struct http_reply *reply, size_t *length);

/* Status line and headers, with the empty line. */
#define HTTP_REPLY_HEAD_SIZE 1024
size_t http_reply_head(const struct http_reply *reply, const char *program,
                       char out[HTTP_REPLY_HEAD_SIZE]);

#endif

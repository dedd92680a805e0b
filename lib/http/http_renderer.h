/*
 * http_renderer - the thread that makes answers which may take a while
 *
 * Requests wait in a queue as long as there are connections. An answer is given again to whoever
 * asks the same for as long as it took to make it: so a flood of requests has this thread busy for
 * half of its time at most, whatever a page costs, and what is read is never older than its own
 * making. It runs at a lower priority than the audits beside it.
 */
#ifndef RELAYWARDEN_LIB_HTTP_HTTP_RENDERER_H
#define RELAYWARDEN_LIB_HTTP_HTTP_RENDERER_H

#include <stdbool.h>

#include "lib/http/http_reply.h"

struct http_renderer;

/* One request on its way. */
struct http_job {
    struct http_job *next;
    const struct http_route *route;
    void *asker; /* the caller's */
    struct http_request request;
    struct http_reply reply;
};

/* `user` is the routes'. `wake` is called in the thread when jobs are done. NULL: no memory or
 * thread is to be had. */
struct http_renderer *http_renderer_start(void *user, void (*wake)(void *waked), void *waked);

/* Takes the job over. Any thread. */
void http_renderer_order(struct http_renderer *renderer, struct http_job *job);

/* Jobs that are done, the first first, which are the caller's again. NULL: none. */
struct http_job *http_renderer_take(struct http_renderer *renderer);

/* False: an answer is still being made after `wait_ms`; then everything stays as it is. Jobs that
 * nobody took are freed. */
bool http_renderer_stop(struct http_renderer *renderer, int wait_ms);

void http_job_free(struct http_job *job); /* NULL is nothing */

#endif

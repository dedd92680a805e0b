/*
 * http - posts text to a receiver of alerts, on libcurl
 *
 * Bounded in every way: 5 s to connect, 15 s in all, 64 KiB of an answer; HTTP and HTTPS alone, no
 * redirects (they would carry secrets elsewhere), certificates verified. An address or a
 * header may hold a secret: messages name the host and nothing else. A struct http is one
 * thread's, but for http_interrupt.
 */
#ifndef RELAYWARDEN_LIB_ALERT_SINK_HTTP_H
#define RELAYWARDEN_LIB_ALERT_SINK_HTTP_H

#include <stddef.h>

#include "lib/alert/sink/sink.h"

struct http;

/* `header_file`: lines that go with each request, "" or NULL = none. NULL when memory is out. */
struct http *http_new(const char *header_file);
void http_free(struct http *http);

/* Reads the header file: at the start, so that a mistake is told at once. Where it cannot be read,
 * http_send tries to before each request, and sends none without it; once read, it is not read
 * again. 0, or -1 and a sentence. */
int http_open(struct http *http, char error[SINK_ERROR_SIZE]);

struct http_request {
    const char *url;
    const char *method; /* "POST", "PUT" */
    const char *body;
    const char *const *headers; /* "Name: value", ended by NULL */
};

/* SINK_TAKEN: answered with 2xx. The others come with a sentence, printable and free of secrets. */
enum sink_fate http_send(struct http *http, const struct http_request *request,
                         char error[SINK_ERROR_SIZE]);

/* Any thread: a request that is under way, and every later one, is given up. */
void http_interrupt(struct http *http);

#endif

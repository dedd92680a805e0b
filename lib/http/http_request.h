/*
 * http_request - what a client asks, read from the head of its request
 *
 * Sources: RFC 9112 (messages), RFC 9110 (meaning), RFC 3986 (targets). Only what a page, a scrape
 * and a health check need: GET and HEAD, without a body; a request is read whole, up to
 * HTTP_HEAD_MAX octets, and what the RFC leaves open is refused: lines that are continued, white
 * space in front of a colon, more than one Host. Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_HTTP_HTTP_REQUEST_H
#define RELAYWARDEN_LIB_HTTP_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX  8192 /* request line and headers, with the empty line */
#define HTTP_HOST_SIZE 256

enum http_status {
    HTTP_OK = 200,
    HTTP_BAD_REQUEST = 400,
    HTTP_NOT_FOUND = 404,
    HTTP_NOT_ALLOWED = 405,
    HTTP_TIMEOUT = 408,
    HTTP_MISDIRECTED = 421,
    HTTP_HEAD_TOO_LARGE = 431,
    HTTP_SERVER_ERROR = 500,
    HTTP_UNAVAILABLE = 503,
    HTTP_VERSION = 505,
};

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_OTHER,
};

struct http_request {
    enum http_method method;
    char host[HTTP_HOST_SIZE];    /* as it was sent, without its port; "" where a client of HTTP/1.0
                                     named none */
    char path[HTTP_HEAD_MAX + 1]; /* decoded; begins with a slash, and has no control characters */
    char query[HTTP_HEAD_MAX + 1]; /* behind the question mark, as it was sent */
};

/* How many of the octets are the head: up to its empty line, with that. 0: it is not whole yet. */
size_t http_request_head(const char *octets, size_t length);

/* Reads a whole head. HTTP_OK, or what is wrong with it; of `out` nothing may then be used but the
 * method. Whether the method is allowed and the host is ours is for the caller. */
enum http_status http_request_read(const char *head, size_t length, struct http_request *out);

/* The first value of that name in the query, decoded. False: there is none, or it is none that is
 * a text of fewer than `size` octets. */
bool http_request_parameter(const struct http_request *request, const char *name, char *out,
                            size_t size);

#endif

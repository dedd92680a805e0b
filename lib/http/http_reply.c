#include "lib/http/http_reply.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct http_body {
    char *text;
    size_t length;
    atomic_uint holders;
};

static const struct {
    enum http_status status;
    const char *reason;
    const char *sentence;
} statuses[] = {
    {HTTP_OK, "OK", ""},
    {HTTP_BAD_REQUEST, "Bad Request", "This is no request of HTTP/1.1 that is understood here.\n"},
    {HTTP_NOT_FOUND, "Not Found", "There is nothing under this path.\n"},
    {HTTP_NOT_ALLOWED, "Method Not Allowed", "Only GET and HEAD are answered here.\n"},
    {HTTP_TIMEOUT, "Request Timeout", "The request did not come within 10 seconds.\n"},
    {HTTP_MISDIRECTED, "Misdirected Request",
     "The request's Host is neither an address nor a name of this host. If it is a name of yours, "
     "such as a reverse proxy's, add it to listen_names in relaywarden.conf.\n"},
    {HTTP_HEAD_TOO_LARGE, "Request Header Fields Too Large",
     "The request line and headers have more than 8 KiB.\n"},
    {HTTP_SERVER_ERROR, "Internal Server Error", "This could not be answered.\n"},
    {HTTP_UNAVAILABLE, "Service Unavailable", "Not now: memory or connections are out.\n"},
    {HTTP_VERSION, "HTTP Version Not Supported", "Only HTTP/1.0 and HTTP/1.1 are spoken here.\n"},
};

static size_t row_of(enum http_status status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].status == status) {
            return i;
        }
    }
    return 0;
}

const struct http_route *http_route_find(const struct http_route *routes, const char *path)
{
    for (const struct http_route *route = routes; route->path != NULL; route++) {
        if (route->prefix ? strncmp(path, route->path, strlen(route->path)) == 0
                          : strcmp(path, route->path) == 0) {
            return route;
        }
    }
    return NULL;
}

/* ---- bodies ------------------------------------------------------------------------------ */

static void release(struct http_body *body)
{
    if (body != NULL && atomic_fetch_sub(&body->holders, 1) == 1) {
        free(body->text);
        free(body);
    }
}

void http_reply_refuse(struct http_reply *reply, enum http_status status)
{
    *reply = (struct http_reply){.status = status, .type = HTTP_TYPE_TEXT};
}

void http_reply_make(struct http_reply *reply, const struct http_route *route,
                     const struct http_request *request, void *user)
{
    struct http_body *body = calloc(1, sizeof(*body));
    FILE *out = body != NULL ? open_memstream(&body->text, &body->length) : NULL;

    http_reply_refuse(reply, HTTP_UNAVAILABLE);
    if (out == NULL) {
        free(body);
        return;
    }
    atomic_init(&body->holders, 1);
    const enum http_status status = route->answer(request, out, user);
    const bool written = ferror(out) == 0;
    if (fclose(out) != 0 || !written) {
        release(body);
        return;
    }
    *reply = (struct http_reply){.status = status,
                                 .type = status == HTTP_OK ? route->type : HTTP_TYPE_TEXT,
                                 .script = status == HTTP_OK ? route->script : NULL,
                                 .body = body};
}

void http_reply_copy(struct http_reply *reply, const struct http_reply *from)
{
    if (from->body != NULL) {
        atomic_fetch_add(&from->body->holders, 1);
    }
    *reply = *from;
}

void http_reply_free(struct http_reply *reply)
{
    release(reply->body);
    reply->body = NULL;
}

const char *http_reply_text(const struct http_reply *reply, size_t *length)
{
    const char *sentence = statuses[row_of(reply->status)].sentence;

    if (reply->body == NULL || reply->body->length == 0) {
        *length = strlen(sentence);
        return sentence;
    }
    *length = reply->body->length;
    return reply->body->text;
}

/* ---- the head ---------------------------------------------------------------------------- */

/* RFC 9110 section 5.6.7, in English whatever the locale is. "" when the clock is beyond it. */
static const char *date_now(char out[40])
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t now = time(NULL);
    struct tm utc;

    out[0] = '\0';
    if (gmtime_r(&now, &utc) != NULL && utc.tm_year >= 0 && utc.tm_year < 8000) {
        snprintf(out, 40, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday % 7],
                 utc.tm_mday % 100, months[utc.tm_mon % 12], (utc.tm_year + 1900) % 10000,
                 utc.tm_hour % 100, utc.tm_min % 100, utc.tm_sec % 100);
    }
    return out;
}

/* The page's own style, and its script where it has one, are all that it may use. Nobody may frame
 * it, keep it or guess its type, and a link from it tells nobody where the reader came from: its
 * path may be an endpoint's name. */
static const char guards[] = "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
                             "X-Content-Type-Options: nosniff\r\n"
                             "X-Frame-Options: DENY\r\n"
                             "Referrer-Policy: no-referrer\r\n"
                             "Cross-Origin-Resource-Policy: same-origin\r\n"
                             "Cache-Control: no-store\r\n";

size_t http_reply_head(const struct http_reply *reply, const char *program,
                       char out[HTTP_REPLY_HEAD_SIZE])
{
    const size_t row = row_of(reply->status);
    char date[40];
    size_t length;

    (void)http_reply_text(reply, &length);
    int written = snprintf(
        out, HTTP_REPLY_HEAD_SIZE,
        "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: %.64s\r\nContent-Type: %s\r\n"
        "Content-Length: %zu\r\nContent-Security-Policy: default-src 'none'; style-src "
        "'unsafe-inline'%s%s%s%sConnection: close\r\n\r\n",
        (int)reply->status, statuses[row].reason, date_now(date), program, reply->type, length,
        reply->script != NULL ? "; script-src " : "", reply->script != NULL ? reply->script : "",
        guards, reply->status == HTTP_NOT_ALLOWED ? "Allow: GET, HEAD\r\n" : "");
    return written > 0 && written < HTTP_REPLY_HEAD_SIZE ? (size_t)written : 0;
}

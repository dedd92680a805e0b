#include "milter/service/web.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <syslog.h>

#include "lib/alert/sink/metrics.h"
#include "milter/service/self_check.h"

#define BEAT_MS     2000
#define SOCKET_SIZE 512

struct web {
    struct http_server *server;
    struct reporter *reporter;
    char socket[SOCKET_SIZE];
    atomic_bool ready;
};

/* ---- answers ----------------------------------------------------------------------------- */

static enum http_status answer_index(const struct http_request *request, FILE *out, void *user)
{
    (void)request;
    (void)user;
    fputs("relaywarden-milter " RELAYWARDEN_VERSION "\n"
          "/metrics    numbers, for Prometheus\n"
          "/-/healthy  whether it answers at its socket\n"
          "/-/ready    whether it is in service\n",
          out);
    return HTTP_OK;
}

static enum http_status answer_metrics(const struct http_request *request, FILE *out, void *user)
{
    const struct web *web = user;
    struct metrics *metrics = reporter_numbers(web->reporter);
    size_t length = 0;
    const char *text = metrics != NULL ? metrics_text(metrics, &length) : NULL;
    const enum http_status status = text != NULL ? HTTP_OK : HTTP_UNAVAILABLE;

    (void)request;
    if (text != NULL) {
        (void)fwrite(text, 1, length, out);
    } else {
        fputs("Memory is out.\n", out);
    }
    metrics_free(metrics);
    return status;
}

static enum http_status answer_health(const struct http_request *request, FILE *out, void *user)
{
    const struct web *web = user;
    const bool beats = self_check_beats(web->socket, BEAT_MS);

    (void)request;
    fputs(beats ? "Healthy: the filter answers at its socket.\n"
                : "The filter does not answer at its socket; restart relaywarden-milter.\n",
          out);
    return beats ? HTTP_OK : HTTP_UNAVAILABLE;
}

static enum http_status answer_readiness(const struct http_request *request, FILE *out, void *user)
{
    const struct web *web = user;
    const bool ready = atomic_load(&web->ready);

    (void)request;
    fputs(ready ? "Ready: the filter is in service.\n" : "Not ready: starting or stopping.\n", out);
    return ready ? HTTP_OK : HTTP_UNAVAILABLE;
}

static const struct http_route routes[] = {
    {.path = "/", .quick = true, .type = HTTP_TYPE_TEXT, .answer = answer_index},
    {.path = "/metrics", .type = HTTP_TYPE_METRICS, .answer = answer_metrics},
    {.path = "/-/healthy", .type = HTTP_TYPE_TEXT, .answer = answer_health},
    {.path = "/-/ready", .quick = true, .type = HTTP_TYPE_TEXT, .answer = answer_readiness},
    {.path = NULL},
};

/* ---- life -------------------------------------------------------------------------------- */

struct web *web_open(const struct http_settings *settings, char error[HTTP_ERROR_SIZE])
{
    struct web *web = calloc(1, sizeof(*web));

    if (web != NULL) {
        web->server = http_server_new(
            &(struct http_pages){.program = "relaywarden-milter", .routes = routes, .user = web});
    }
    if (web == NULL || web->server == NULL) {
        snprintf(error, HTTP_ERROR_SIZE, "out of memory");
    } else if (http_server_listen(web->server, settings, error)) {
        return web;
    }
    (void)web_close(web, 0);
    return NULL;
}

bool web_close(struct web *web, int wait_ms)
{
    if (web != NULL && !http_server_stop(web->server, wait_ms)) {
        return false;
    }
    free(web);
    return true;
}

static void tell_place(const struct web *web, const struct http_place *place)
{
    char shown[ENDPOINT_TEXT_SIZE];

    address_format_port(&place->address, place->port, shown);
    reporter_say(web->reporter, LOG_INFO, "listening on http://%s/", shown);
    if (http_socket_is_exposed(place)) {
        reporter_say(web->reporter, LOG_WARNING, HTTP_EXPOSED, shown);
    }
}

/* False, and told: nobody is answered. */
static bool serve(struct web *web, const struct http_place *place)
{
    if (!http_server_start(web->server)) {
        reporter_say(web->reporter, LOG_ERR, "listen: out of memory or threads");
        return false;
    }
    tell_place(web, place);
    return true;
}

bool web_start(struct web *web, struct reporter *reporter, const char *socket)
{
    web->reporter = reporter;
    snprintf(web->socket, sizeof(web->socket), "%s", socket);
    const struct http_place *place = http_server_place(web->server);
    if (place->address.family == ADDRESS_NONE) {
        return true;
    }
    return serve(web, place);
}

bool web_move(struct web *web, const struct http_settings *settings)
{
    const struct http_place before = *http_server_place(web->server);
    const struct http_place *place = &settings->listen;
    char error[HTTP_ERROR_SIZE];

    if (!http_server_listen(web->server, settings, error)) {
        reporter_say(web->reporter, LOG_ERR, "%s", error);
        return false;
    }
    if (place->address.family == ADDRESS_NONE || http_place_is(&before, place)) {
        return true;
    }
    return serve(web, place);
}

void web_set_ready(struct web *web, bool ready)
{
    atomic_store(&web->ready, ready);
}

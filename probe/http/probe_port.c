#include "probe/http/probe_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "probe/model/program.h"

struct probe_port {
    struct probe_pages *pages;
    struct http_server *server;
    struct reporter *reporter; /* from probe_port_start on */
};

struct probe_port *probe_port_open(const struct http_settings *settings,
                                   const struct health *health, char error[HTTP_ERROR_SIZE])
{
    struct probe_port *port = calloc(1, sizeof(*port));

    snprintf(error, HTTP_ERROR_SIZE, "out of memory");
    if (port == NULL) {
        return NULL;
    }
    port->pages = probe_pages_new(health);
    if (port->pages != NULL) {
        port->server = http_server_new(&(struct http_pages){
            .program = PROBE_PROGRAM, .routes = probe_routes, .user = port->pages});
    }
    if (port->server == NULL || !http_server_listen(port->server, settings, error)) {
        (void)http_server_stop(port->server, 0);
        probe_pages_free(port->pages);
        free(port);
        return NULL;
    }
    return port;
}

static void warn_of_exposure(const struct probe_port *port, const struct http_place *place)
{
    char shown[ENDPOINT_TEXT_SIZE];

    if (http_socket_is_exposed(place)) {
        reporter_say(port->reporter, LOG_WARNING, HTTP_EXPOSED,
                     address_format_port(&place->address, place->port, shown));
    }
}

bool probe_port_start(struct probe_port *port, struct conf *conf, struct metrics_state *standing,
                      struct reporter *reporter, const struct probe_pages_reader *read)
{
    const struct http_place *place = &conf->probe.http.listen;
    char shown[ENDPOINT_TEXT_SIZE];

    port->reporter = reporter;
    probe_pages_configure(port->pages, conf);
    probe_pages_use(port->pages, standing, reporter, read);
    if (place->address.family == ADDRESS_NONE) {
        return true;
    }
    if (!http_server_start(port->server)) {
        return false;
    }
    reporter_say(reporter, LOG_INFO, "listening on http://%s/",
                 address_format_port(&place->address, place->port, shown));
    warn_of_exposure(port, place);
    return true;
}

bool probe_port_move(struct probe_port *port, const struct conf *conf)
{
    char error[HTTP_ERROR_SIZE];

    if (!http_server_listen(port->server, &conf->probe.http, error)) {
        reporter_say(port->reporter, LOG_ERR, "%s", error);
        return false;
    }
    if (conf->probe.http.listen.address.family != ADDRESS_NONE &&
        !http_server_start(port->server)) {
        reporter_say(port->reporter, LOG_ERR, "%s", PROBE_PORT_NO_THREAD);
        return false;
    }
    return true;
}

void probe_port_configure(struct probe_port *port, struct conf *conf)
{
    warn_of_exposure(port, &conf->probe.http.listen);
    probe_pages_configure(port->pages, conf);
}

bool probe_port_close(struct probe_port *port, int wait_ms)
{
    if (port == NULL) {
        return true;
    }
    if (!http_server_stop(port->server, wait_ms)) {
        return false;
    }
    probe_pages_free(port->pages);
    free(port);
    return true;
}

#include "probe/rehearse/exim/listeners.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/net/tcp_service.h"
#include "probe/rehearse/exim/reading.h"
#include "probe/rehearse/exim/script.h"

static bool list_has(const char *list, uint16_t port)
{
    struct script_list ports;
    struct script_item item;

    if (list == NULL) {
        return false;
    }
    script_list_begin(&ports, list, 0, strlen(list), NULL);
    while (script_list_next(&ports, &item)) {
        if (tcp_service_port(item.text) == port) {
            return true;
        }
    }
    return false;
}

/* The file and line that set the ports; the main file where nothing does. */
static void find_place(const struct candidate *candidate, const char *name,
                       struct candidate_listener *out)
{
    const struct exim_reading *reading = reading_exim_of(candidate);
    struct script_setting setting;

    out->file = reading->main_path;
    out->line = 1;
    for (size_t i = 0; i < reading->source_count; i++) {
        const struct reading_source *source = &reading->sources[i];
        out->file = i == 0 ? candidate_file(candidate, source->file)->path : out->file;
        for (size_t k = 0; k < source->script.count; k++) {
            const struct script_line *line = &source->script.lines[k];
            if (script_setting(line, &setting) && script_is_named(line, &setting, name)) {
                out->file = candidate_file(candidate, source->file)->path;
                out->line = line->number;
                return;
            }
        }
    }
}

static bool is_known(const struct candidate *candidate, uint16_t port)
{
    size_t count = 0;
    const struct candidate_listener *listeners = candidate_listeners(candidate, &count);

    for (size_t i = 0; i < count; i++) {
        if (listeners[i].port_number == port) {
            return true;
        }
    }
    return false;
}

static bool add_port(struct candidate *candidate, const char *where, uint16_t port)
{
    char service[TCP_SERVICE_SIZE];
    struct candidate_listener listener = {.service = service,
                                          .element = CANDIDATE_NO_ELEMENT,
                                          .type = CANDIDATE_INET,
                                          .host = "",
                                          .port = service,
                                          .port_number = port,
                                          .program = "exim",
                                          .pass = CANDIDATE_NO_LISTENER};

    if (port == 0 || is_known(candidate, port)) {
        return true;
    }
    tcp_service_name(port, service);
    find_place(candidate, where, &listener);
    char *at_once = reading_exim_value(candidate, NULL, "tls_on_connect_ports");
    char *proxy = reading_exim_value(candidate, NULL, "hosts_proxy");
    listener.tls = list_has(at_once, port) ? TLS_IMPLICIT : TLS_STARTTLS;
    /* Others than those that are listed are greeted at once. */
    listener.proxy = proxy != NULL && strcmp(proxy, "*") == 0;
    free(at_once);
    free(proxy);
    return candidate_add_listener(candidate, &listener) != CANDIDATE_NO_LISTENER;
}

/* "[192.0.2.1]:587", "192.0.2.1.587": an address may have a port of its own. */
static uint16_t port_of_interface(const char *text)
{
    const char *bracket = strchr(text, ']');
    struct in_addr address;
    char *end;

    if (bracket != NULL) {
        return bracket[1] == ':' || bracket[1] == '.' ? tcp_service_port(bracket + 2) : 0;
    }
    const char *dot = strrchr(text, '.');
    if (dot == NULL || inet_pton(AF_INET, text, &address) == 1) {
        return 0;
    }
    unsigned long number = strtoul(dot + 1, &end, 10);
    return *end == '\0' && dot[1] != '\0' && number <= UINT16_MAX ? (uint16_t)number : 0;
}

bool listeners_exim_read(struct candidate *candidate)
{
    char *ports = reading_exim_value(candidate, NULL, "daemon_smtp_ports");
    char *interfaces = reading_exim_value(candidate, NULL, "local_interfaces");
    struct script_list list;
    struct script_item item;
    bool good = true;

    if (ports != NULL) {
        script_list_begin(&list, ports, 0, strlen(ports), NULL);
        while (good && script_list_next(&list, &item)) {
            good = add_port(candidate, "daemon_smtp_ports", tcp_service_port(item.text));
        }
    }
    if (interfaces != NULL) {
        script_list_begin(&list, interfaces, 0, strlen(interfaces), NULL);
        while (good && script_list_next(&list, &item)) {
            good = add_port(candidate, "local_interfaces", port_of_interface(item.text));
        }
    }
    free(ports);
    free(interfaces);
    return good;
}

/*
 * probe_port - the daemon's HTTP port with its pages
 *
 * The daemon's thread calls it; the threads of http_server.h answer. What it is given outlives it.
 */
#ifndef RELAYWARDEN_PROBE_HTTP_PROBE_PORT_H
#define RELAYWARDEN_PROBE_HTTP_PROBE_PORT_H

#include <stdbool.h>

#include "lib/http/http_server.h"
#include "probe/http/probe_pages.h"

#define PROBE_PORT_NO_THREAD "listen: out of memory or threads"

struct probe_port;

/* Opens the port, as whom we are now: root may open any. Nothing is answered yet. NULL and a
 * sentence. */
struct probe_port *probe_port_open(const struct http_settings *settings,
                                   const struct health *health, char error[HTTP_ERROR_SIZE]);

/* Begins to answer, if the configuration has a port, and tells it. `standing` may be NULL. False:
 * PROBE_PORT_NO_THREAD. */
bool probe_port_start(struct probe_port *port, struct conf *conf, struct metrics_state *standing,
                      struct reporter *reporter, const struct probe_pages_reader *read);

/* Listens where another configuration says. False, and told: it listens where it did. */
bool probe_port_move(struct probe_port *port, const struct conf *conf);

/* That configuration is in force: its pages are shown. */
void probe_port_configure(struct probe_port *port, struct conf *conf);

/* Ends and frees it; NULL is nothing. False: an answer is still being made after `wait_ms` and may
 * use what it was given, so that the process must end without taking that apart. */
bool probe_port_close(struct probe_port *port, int wait_ms);

#endif

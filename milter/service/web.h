/*
 * web - what the filter answers over HTTP: its numbers, and whether it is well
 *
 * Healthy: it answers at its own socket, as the service manager's watchdog asks (self_check.h).
 * Ready: it is in service. No recipient waits for an answer. The main thread's, but for what the
 * threads of http_server.h do.
 */
#ifndef RELAYWARDEN_MILTER_SERVICE_WEB_H
#define RELAYWARDEN_MILTER_SERVICE_WEB_H

#include <stdbool.h>

#include "lib/alert/reporter.h"
#include "lib/http/http_server.h"

struct web;

/* Opens the port, as whom we are now; nothing is answered yet. NULL and a sentence. */
struct web *web_open(const struct http_settings *settings, char error[HTTP_ERROR_SIZE]);

/* Begins to answer, if there is a port. `reporter` outlives it; `socket`, the filter's own, is
 * copied. False: no memory or thread is to be had. */
bool web_start(struct web *web, struct reporter *reporter, const char *socket);

/* After a reload. False, and told: all is as it was. */
bool web_move(struct web *web, const struct http_settings *settings);

void web_set_ready(struct web *web, bool ready);

/* Ends and frees it; NULL is nothing. False: an answer is still being made after `wait_ms`, and may
 * use what it was given. */
bool web_close(struct web *web, int wait_ms);

#endif

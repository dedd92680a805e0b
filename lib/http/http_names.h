/*
 * http_names - under which names and addresses this host may be asked
 *
 * A page elsewhere can have a reader's browser ask this host, under a name of its own that it lets
 * point here (DNS rebinding), and would then read the answer. The browser says that name as Host:
 * so only what is known to be this host's is answered. Known are: its own host name, short and
 * whole, "localhost" and names below it (RFC 6761 section 6.3), loopback addresses, the addresses
 * of its interfaces, and what the operator has named. No name is looked up in DNS to see where it
 * points: that is just what the page elsewhere decides.
 *
 * One thread, but for http_names_learn.
 */
#ifndef RELAYWARDEN_LIB_HTTP_HTTP_NAMES_H
#define RELAYWARDEN_LIB_HTTP_HTTP_NAMES_H

#include <stdbool.h>

#include "lib/http/http_settings.h"

struct http_names;

/* Copies the operator's. NULL when memory is out. */
struct http_names *http_names_new(const struct http_settings *settings);
void http_names_free(struct http_names *names); /* NULL is nothing */

/* Whether `host` is one of them, as http_request.h gives it. */
bool http_names_have(const struct http_names *names, const char *host);

/* Asks the system for this host's whole name, once, and for the whole process: may wait for a name
 * server. Any thread. */
void http_names_learn(void);

#endif

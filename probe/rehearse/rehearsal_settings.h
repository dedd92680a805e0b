/*
 * rehearsal_settings - what is rehearsed, and for whom
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_REHEARSAL_SETTINGS_H
#define RELAYWARDEN_PROBE_REHEARSE_REHEARSAL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/site.h"
#include "probe/rehearse/private_server.h"

struct answers;

struct rehearsal_settings {
    const struct private_server *server;
    const char *directory; /* where the candidate lies, as the operator knows it */
    const char *as;        /* where it will stand */
    bool is_live;          /* and stands already */
    const struct site *site;
    const char *own;    /* a domain of the site */
    const char *canary; /* local@domain */
    const struct address *gateways;
    size_t gateway_count;
    struct answers *answers; /* for tables on the network; NULL: none */
    bool blame;
    bool progress; /* told on standard error, a line that is wiped at the end */
};

#endif

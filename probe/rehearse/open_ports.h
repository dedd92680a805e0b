/*
 * open_ports - where the server on the stage can be reached
 *
 * Read from the kernel's tables of sockets, not from the configuration: what listens, listens. Each
 * port is joined with the candidate's listener of that name. Of one that listens everywhere the
 * first address of each family is asked, a public one rather than a private one.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_OPEN_PORTS_H
#define RELAYWARDEN_PROBE_REHEARSE_OPEN_PORTS_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/stage/wires.h"
#include "probe/rehearse/strangers.h"

#define OPEN_PORTS_MAX 64

/* Of the thread's network namespace. Returns how many were found; `*left` says for how many more
 * there was no room. */
size_t open_ports_find(const struct wires *wires, const struct candidate *candidate,
                       struct stranger_endpoint out[OPEN_PORTS_MAX], size_t *left);

/* Likewise: whether strangers could reach this host, and nothing listens where they can. */
bool open_ports_is_private(const struct wires *wires);

#endif

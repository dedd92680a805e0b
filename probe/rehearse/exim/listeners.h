/*
 * listeners - the ports on which a candidate of Exim's waits for clients
 *
 * By its settings local_interfaces, daemon_smtp_ports and tls_on_connect_ports, as Exim itself says
 * them. On which addresses it really listens is seen when it runs.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_LISTENERS_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_LISTENERS_H

#include <stdbool.h>

#include "probe/rehearse/candidate.h"

/* Adds one listener a port. False when memory is out. */
bool listeners_exim_read(struct candidate *candidate);

#endif

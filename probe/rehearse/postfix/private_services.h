/*
 * private_services - which services a private Postfix asks about its clients, and who plays them
 *
 * Dovecot's SASL server, and policy servers that the candidate does not start itself.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_PRIVATE_SERVICES_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_PRIVATE_SERVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/stage/played_services.h"

struct private_services_of {
    const struct candidate *candidate;
    const char *folder; /* the copy */
    const char *queue;  /* relative sockets are in it */
    bool policy_ok;     /* policy services say OK */
};

/* Returns how many were found. */
size_t private_services_find(const struct private_services_of *of,
                             struct played_service out[PLAYED_SERVICES_MAX]);

#endif

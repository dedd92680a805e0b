/*
 * played_services - what stands in for the services that a server asks about its clients
 *
 * A SASL server that knows nobody (Dovecot's authentication protocol, version 1.1), and a policy
 * server (Postfix's SMTPD_POLICY_README) that gives one answer to all. Both speak lines, one
 * connection after another and side by side. They are served by the first process of an instance
 * (instance.h), on UNIX sockets and on TCP ones of loopback.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STAGE_PLAYED_SERVICES_H
#define RELAYWARDEN_PROBE_REHEARSE_STAGE_PLAYED_SERVICES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"

#define PLAYED_SERVICES_MAX 16

enum played_service_kind {
    PLAYED_SASL,
    PLAYED_POLICY_DUNNO,
    PLAYED_POLICY_OK,
};

struct played_service {
    enum played_service_kind kind;
    char path[PATH_MAX];    /* of a UNIX socket; "" = TCP */
    struct address address; /* loopback */
    uint16_t port;
};

struct played_services;

/* Opens the sockets; folders are made. A socket that cannot be opened is left out: whoever asks
 * there is told so by the system. NULL when memory is out. */
struct played_services *played_services_open(const struct played_service *services, size_t count);

/* Serves whoever asks, for at most `ms`. */
void played_services_serve(struct played_services *services, int ms);

#endif

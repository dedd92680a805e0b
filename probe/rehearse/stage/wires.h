/*
 * wires - the two networks of a rehearsal: the server's, and that of the strangers
 *
 * The server's namespace gets the interfaces of this host once more, by name, with their addresses
 * (so that inet_interfaces and mynetworks_style mean the same), and one further interface without
 * an address, behind which every stranger is, each by a route of its own. There is no other route:
 * nothing that is sent to anybody else leaves, or waits.
 *
 * Made by messages of rtnetlink(7). One thread, which moves between the namespaces (wires_enter).
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_STAGE_WIRES_H
#define RELAYWARDEN_PROBE_REHEARSE_STAGE_WIRES_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"

#define WIRES_ERROR_SIZE    256
#define WIRES_ADDRESSES_MAX 256
#define WIRES_GATEWAYS_MAX  16

/* An address of the host on one of its interfaces. */
struct wires_address {
    char link[IF_NAMESIZE];
    struct address address;
    unsigned int prefix;
};

/* The host's network as an MTA sees it. */
struct wires_host {
    struct wires_address addresses[WIRES_ADDRESSES_MAX];
    size_t address_count;
    struct address gateways[WIRES_GATEWAYS_MAX];
    size_t gateway_count;
    bool left_out; /* it has more than there is room for */
};

enum wires_side {
    WIRES_SERVER,
    WIRES_STRANGERS,
    WIRES_SIDES /* how many */
};

struct wires {
    int namespaces[WIRES_SIDES]; /* descriptors */
    void *sockets[WIRES_SIDES];  /* of libmnl */
    unsigned int links[WIRES_SIDES];
    struct wires_host host;
};

/* Reads addresses and default gateways of the network namespace that this thread is in. -1 and a
 * sentence. */
int wires_read_host(struct wires_host *out, char error[WIRES_ERROR_SIZE]);

/* Makes both namespaces and leaves this thread in the server's. `host` is copied. -1 and a
 * sentence; what was made goes with the process. */
int wires_lay(struct wires *wires, const struct wires_host *host, char error[WIRES_ERROR_SIZE]);

/* Gives the strangers an address, and the server the way to it; one that is there already is left.
 * -1 and a sentence. */
int wires_add_stranger(struct wires *wires, const struct address *stranger,
                       char error[WIRES_ERROR_SIZE]);

/* Sockets that this thread makes from now on are of that side. */
int wires_enter(const struct wires *wires, enum wires_side side);

/* Whether it is one of the host's. */
bool wires_is_own(const struct wires *wires, const struct address *address);

#endif

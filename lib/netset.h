/*
 * netset - a set of IP networks
 *
 * Built once, then only read: any number of threads may ask at once. Asking is a binary search over
 * merged ranges (logarithmic in the number of networks), takes no lock and allocates nothing.
 */
#ifndef RELAYWARDEN_LIB_NETSET_H
#define RELAYWARDEN_LIB_NETSET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"

struct network {
    struct address base;
    unsigned int prefix; /* 0-32 or 0-128 */
};

enum network_error {
    NETWORK_OK,
    NETWORK_BAD_ADDRESS,
    NETWORK_BAD_PREFIX,
    NETWORK_HOST_BITS_SET, /* 10.0.0.1/8: did they mean 10.0.0.0/8 or 10.0.0.1? */
};

/* Reads "ADDRESS/PREFIX" or a bare address (a /32 or /128), with or without brackets round an IPv6
 * address. An IPv4-mapped network of /96 or longer is normalised to IPv4 (::ffff:10.0.0.0/104 is
 * 10.0.0.0/8); a shorter one with mapped form is NETWORK_BAD_PREFIX. On NETWORK_HOST_BITS_SET *out
 * holds the network with these bits cleared, for the remedy; on other errors it is untouched. */
enum network_error network_parse(const char *text, struct network *out);

const char *network_format(const struct network *from, char out[NETWORK_TEXT_SIZE]);
bool network_contains(const struct network *network, const struct address *address);

/* Public space wider than /16 (IPv6: /32): needs allow_wide_networks. Networks wholly inside
 * private, loopback, link-local or RFC 6598/4193 space are never wide. */
bool network_is_wide(const struct network *network);

struct netset;

/* Copies the networks. NULL when memory is out. The caller owns the set: netset_free. */
struct netset *netset_new(const struct network *networks, size_t count);
void netset_free(struct netset *set);

/* False for ADDRESS_NONE and for a NULL set. */
bool netset_contains(const struct netset *set, const struct address *address);

/* The narrowest declared network that holds the address, for explanations (linear in the number of
 * networks); NULL if none. Belongs to the set. */
const struct network *netset_find(const struct netset *set, const struct address *address);

#endif

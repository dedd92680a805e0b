/*
 * address - one IP address
 *
 * IPv4-mapped IPv6 (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2) is normalised to IPv4 wherever an
 * address is made, so that one client is one address however the socket saw it. Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_ADDRESS_H
#define RELAYWARDEN_LIB_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum address_family {
    ADDRESS_NONE, /* no IP address: a UNIX socket, or unknown */
    ADDRESS_IPV4,
    ADDRESS_IPV6,
};

struct address {
    enum address_family family;
    uint8_t octets[16]; /* network order; IPv4 uses the first 4, the rest is zero */
};

#define ADDRESS_TEXT_SIZE  46 /* INET6_ADDRSTRLEN */
#define NETWORK_TEXT_SIZE  50 /* with "/128" */
#define ENDPOINT_TEXT_SIZE 54 /* "[v6]:65535" */

/* Reads "192.0.2.1", "2001:db8::1", and the MTAs' forms "[192.0.2.1]", "IPv6:2001:db8::1",
 * "[IPv6:2001:db8::1]", also "[2001:db8::1]". No host names, no ports, no zone ids. False leaves
 * `out` untouched. */
bool address_parse(const char *text, struct address *out);

/* From a socket address; AF_UNIX and NULL give ADDRESS_NONE. */
struct address address_from_sockaddr(const struct sockaddr *from);

/* Fills `out` (AF_INET or AF_INET6) and returns its length; 0 for ADDRESS_NONE. */
socklen_t address_to_sockaddr(const struct address *from, uint16_t port,
                              struct sockaddr_storage *out);

/* Canonical text (RFC 5952); "unknown" for ADDRESS_NONE. Returns out. */
const char *address_format(const struct address *from, char out[ADDRESS_TEXT_SIZE]);

/* "192.0.2.1:25" or "[2001:db8::1]:25"; "unknown" for ADDRESS_NONE. Returns out. */
const char *address_format_port(const struct address *from, uint16_t port,
                                char out[ENDPOINT_TEXT_SIZE]);

/* The address as an SMTP address literal (RFC 5321 section 4.1.3): "[192.0.2.1]", "[IPv6:...]";
 * "unknown" for ADDRESS_NONE. Returns out. */
const char *address_format_literal(const struct address *from, char out[ENDPOINT_TEXT_SIZE]);

/* The network that incidents fold by, as text: IPv4 /24, IPv6 /48; "unknown" for ADDRESS_NONE. */
const char *address_format_fold(const struct address *from, char out[NETWORK_TEXT_SIZE]);

bool address_equal(const struct address *a, const struct address *b);

/* Whether the first `prefix` bits (at most the family's width) are those of `base`. The families
 * are the caller's to compare. */
bool address_in_prefix(const struct address *address, const uint8_t base[16], unsigned int prefix);

/* Not reachable from the internet: loopback, link-local, RFC 1918, RFC 6598, RFC 4193, unspecified.
 * Documentation networks count as public. ADDRESS_NONE is not public and not private: false. */
bool address_is_private(const struct address *address);

/* The prefix length of the block that makes it private (10.1.2.3: 8); 0 if it is not private. */
unsigned int address_private_prefix(const struct address *address);

/* No server of the internet has such an address: private, multicast, reserved, or an IPv6 address
 * that leads to such an IPv4 one (6to4 of RFC 3056, NAT64 of RFC 6052 and 8215, the old
 * IPv4-compatible form). Documentation networks count as public here, too. ADDRESS_NONE: false. */
bool address_is_unreachable(const struct address *address);

/* In ::/96, and neither :: nor ::1: the old IPv4-compatible form (RFC 4291 section 2.5.5.1), which
 * no host has. Who writes one means an address and a port, as in ::1:25. */
bool address_is_ipv4_compatible(const struct address *address);

bool address_is_loopback(const struct address *address);

#endif

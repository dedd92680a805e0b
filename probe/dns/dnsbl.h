/*
 * dnsbl - DNS block lists: what to ask, and what an answer means (RFC 5782)
 *
 * An address of 127.0.0.0/8 says that the address is listed, its last octets why. Lists differ in
 * what they mean by it, and the difference matters: a listing for abuse says that spam was seen
 * from this address; one by policy says that nothing was seen, but that the whole range is not
 * meant to send mail (homes, hosts without a name); one of the neighbourhood says that others in
 * the range were seen. A table has the lists that say which. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_DNSBL_H
#define RELAYWARDEN_PROBE_DNSBL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/domain.h"

enum dnsbl_meaning {
    DNSBL_NOTHING,       /* no address of a listing */
    DNSBL_ERROR,         /* the list does not answer us, or is no list (`text` says why) */
    DNSBL_POLICY,        /* the range is not meant to send mail */
    DNSBL_NEIGHBOURHOOD, /* others in the range were seen */
    DNSBL_ABUSE,         /* this address was seen */
};

struct dnsbl_reading {
    enum dnsbl_meaning meaning;
    const char *list; /* its name and part: "Spamhaus PBL"; NULL = unknown */
    const char *text; /* of an error: one clause; else NULL. Both static */
};

/* "25.113.0.203.ZONE", or for IPv6 the nibbles (RFC 5782 sections 2.1 and 2.4); with in-addr.arpa
 * or ip6.arpa the name of the PTR record. False when it is too long. */
bool dnsbl_name(const struct address *address, const char *zone, char out[DOMAIN_SIZE]);
bool dnsbl_pointer_name(const struct address *address, char out[DOMAIN_SIZE]);

/* What one address in an answer of the zone means. */
struct dnsbl_reading dnsbl_read(const char *zone, const struct address *answer);

/* Where to ask for removal, as a URL; NULL for a list that is not in the table. */
const char *dnsbl_removal(const char *zone);

/* The zone as it may be shown: customers of some lists have their key in it, which is cut off. */
const char *dnsbl_shown(const char *zone);

const char *dnsbl_meaning_name(enum dnsbl_meaning meaning); /* "policy", "abuse", ... */

#endif

/*
 * dnsbl - DNS block lists: what to ask, and what an answer means (RFC 5782)
 *
 * An address of 127.0.0.0/8 says that the address is listed, its last octets why. Lists differ in
 * what they mean by it, and the difference matters: one says that spam was seen from this address;
 * another that the whole range is not meant to send mail; a third vouches for the address. A table
 * (dnsbl_table.h) has the lists that say which. An answer that no row of its list knows means
 * nothing here: it is told as it is.
 *
 * Of a list that is not in the table only 127.0.0.2 is understood, the plain "listed" of RFC 5782
 * section 2.1: as a listing for abuse, or by policy where the zone calls itself a list of ranges
 * (dul, pbl), and not at all where it calls itself a welcome list (wl, white) or a score.
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_DNS_DNSBL_H
#define RELAYWARDEN_PROBE_DNS_DNSBL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/address.h"
#include "lib/domain.h"
#include "probe/dns/dnsbl_table.h"

struct dnsbl_reading {
    enum dnsbl_meaning meaning;
    const char *list; /* its name and part: "Spamhaus PBL"; NULL = unknown */
    const char *text; /* of an error: one clause; else NULL. Both static */
};

/* "25.113.0.203.ZONE", or for IPv6 the nibbles (RFC 5782 sections 2.1 and 2.4); with in-addr.arpa
 * or ip6.arpa the name of the PTR record. False when it is too long. */
bool dnsbl_name(const struct address *address, const char *zone, char out[DOMAIN_SIZE]);
bool dnsbl_pointer_name(const struct address *address, char out[DOMAIN_SIZE]);

/* The two test entries of RFC 5782 section 5 for an address family: a working list has
 * 127.0.0.2 (for IPv6 ::FFFF:7F00:2) and has not 127.0.0.1 (::FFFF:7F00:1). */
struct address dnsbl_listed_entry(enum address_family family);
struct address dnsbl_unlisted_entry(enum address_family family);

/* The meaning of one address in an answer of the zone. */
struct dnsbl_reading dnsbl_read(const char *zone, const struct address *answer);

/* Whether the zone lists the domain names in messages, and so says nothing about an address. */
bool dnsbl_is_of_names(const char *zone);

/* A known list whose zone is below this one, which is none itself: "zen.spamhaus.org" of
 * "spamhaus.org". NULL = there is none. */
const char *dnsbl_zone_below(const char *zone);

/* Where to ask for removal, as a URL; NULL for a list that is not in the table. */
const char *dnsbl_removal(const char *zone);

/* The zone as it may be shown: customers of some lists have their key in it, which is cut off. */
const char *dnsbl_shown(const char *zone);

const char *dnsbl_meaning_name(enum dnsbl_meaning meaning); /* "policy", "abuse", ... */

#endif

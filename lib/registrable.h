/*
 * registrable - the part of a domain name that somebody registered
 *
 * "example.co.uk" of "mx.example.co.uk": the public suffix (co.uk) and the one label before it.
 * The holder of that name makes up all names below it at will, so whatever counts domains, or asks
 * whether two names have one owner, has to compare this part. The suffixes are those of the Public
 * Suffix List (publicsuffix.org), both its sections: names below a host of many sites (github.io)
 * belong to different people. libpsl has the list built in; a top-level domain that the list does
 * not know (test, example, a site's own "lan") is a suffix by the list's own default rule.
 *
 * Pure, and without allocation: the list is constant data of the library. Any thread.
 */
#ifndef RELAYWARDEN_LIB_REGISTRABLE_H
#define RELAYWARDEN_LIB_REGISTRABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/domain.h"

/*
 * `domain` is in compared form (domain_normalise). Points into `domain`; never NULL.
 *
 * A name that has no registrable part is its own: a public suffix ("co.uk", "com", a single label
 * such as "localhost"), an address literal, an address without brackets, and "".
 */
const char *registrable_domain(const char *domain);

/* Of a name as it came: any case, U- or A-labels, a trailing dot. False, `out` untouched, when it
 * is no domain (domain_normalise says which those are). */
bool registrable_of_text(const char *text, size_t length, char out[DOMAIN_SIZE]);

/* Whether two names in compared form have one registrable domain. */
bool registrable_same(const char *one, const char *other);

#endif

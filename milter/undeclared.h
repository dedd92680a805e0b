/*
 * undeclared - how many different domains the MTA takes that the site does not declare
 *
 * One or two are an omission in the configuration; more than UNDECLARED_MAX mean that the MTA takes
 * mail for anybody (a relay_domains that matches everything). Counts up to UNDECLARED_MAX + 1 and
 * then stops. Any thread, without a lock.
 */
#ifndef RELAYWARDEN_MILTER_UNDECLARED_H
#define RELAYWARDEN_MILTER_UNDECLARED_H

#include <stdatomic.h>
#include <stdint.h>

#define UNDECLARED_MAX 16

struct undeclared {
    _Atomic uint64_t domain[UNDECLARED_MAX + 1]; /* hashes; 0 = free. Zero-initialise. */
};

/* Notes a domain (compared form; the caller decides what counts as one) and returns how many
 * different ones were noted so far, at most UNDECLARED_MAX + 1. */
unsigned int undeclared_note(struct undeclared *undeclared, const char *domain);

#endif

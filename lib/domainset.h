/*
 * domainset - a set of domains, exact or with all their subdomains
 *
 * A hash table in two blocks of memory, made for a million domains: about 40 bytes each. Filled by
 * one thread, then only read: any number of threads may ask at once; asking takes no lock and
 * allocates nothing.
 */
#ifndef RELAYWARDEN_LIB_DOMAINSET_H
#define RELAYWARDEN_LIB_DOMAINSET_H

#include <stdbool.h>
#include <stddef.h>

struct domainset;

struct domainset *domainset_new(void); /* NULL: out of memory */
void domainset_free(struct domainset *set);

/* `pattern` is normalised (domain_normalise_pattern); ".example.org" means every subdomain but not
 * example.org itself. Doubles are no error. False: out of memory, the set is as before. */
bool domainset_add(struct domainset *set, const char *pattern);

/* `domain` is normalised; a pattern is no domain. False for a NULL set. */
bool domainset_contains(const struct domainset *set, const char *domain);

/* Goes through the patterns in the order in which they were added: the one at `place`, or the next
 * one behind it, is returned, and `place` is set behind that. 0 is the first's place; NULL at the
 * end. A place is good for any set that was filled with the same patterns in the same order; one of
 * another set is some pattern's. */
const char *domainset_next(const struct domainset *set, size_t *place);

size_t domainset_count(const struct domainset *set);

#endif

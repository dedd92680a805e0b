/*
 * undeclared - how many different domains the MTA takes that the site does not declare
 *
 * One or two are an omission in the configuration; more than UNDECLARED_MAX mean that the MTA takes
 * mail for anybody (a relay_domains that matches everything). Counts up to UNDECLARED_MAX + 1 and
 * then stops.
 *
 * Many spellings of one fact are one domain: subdomains of a declared domain count as that, and the
 * address literals that an own mailer takes name this host itself.
 *
 * Any thread. A domain that was noted before takes no lock.
 */
#ifndef RELAYWARDEN_MILTER_UNDECLARED_H
#define RELAYWARDEN_MILTER_UNDECLARED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "lib/domain.h"
#include "lib/site.h"

#define UNDECLARED_MAX 16

struct undeclared {
    pthread_mutex_t mutex;                        /* PTHREAD_MUTEX_INITIALIZER, the rest zero */
    _Atomic uint64_t hash[UNDECLARED_MAX + 1];    /* of what counts as one domain; 0: free */
    char domain[UNDECLARED_MAX + 1][DOMAIN_SIZE]; /* the first of each; guarded by the mutex */
};

/* Notes a domain (compared form) that `site` does not declare, and returns how many different ones
 * were noted so far, at most UNDECLARED_MAX + 1. */
unsigned int undeclared_note(struct undeclared *undeclared, const struct site *site,
                             const char *domain);

/* Notes all that `before` has and `site`, which is the new one, does not declare. */
void undeclared_take_over(struct undeclared *undeclared, const struct site *site,
                          struct undeclared *before);

/* Copies the first name of each; how many there are. */
unsigned int undeclared_list(struct undeclared *undeclared,
                             char out[UNDECLARED_MAX + 1][DOMAIN_SIZE]);

#endif

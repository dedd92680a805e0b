/*
 * undeclared - which undeclared domains each of the MTA's own mailers carried
 *
 * A few are an omission in the configuration. A mailer that carried more than UNDECLARED_MAX of
 * them takes mail for anybody (a relay_domains that matches everything, a smarthost's mailer among
 * own_mailers), and what it carries is external from then on.
 *
 * Counted are registrable domains (registrable.h): the MTA may take whatever sub-domain a stranger
 * makes up. A name that nobody can register (localhost, a single label, an address literal, a name
 * of a network's own top-level domain, what is no domain) is noted, but not counted: an MTA takes
 * several such names of its own host (Debian's Postfix four), and a stranger who sends to each must
 * not have the mail of the site's one undeclared domain refused.
 *
 * Each leaves the count a day after it entered it, so that what strangers bring about does not
 * last; a new configuration begins with an empty one.
 *
 * Any thread. Bounded: nothing is allocated after undeclared_init.
 */
#ifndef RELAYWARDEN_MILTER_UNDECLARED_H
#define RELAYWARDEN_MILTER_UNDECLARED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/domain.h"

#define UNDECLARED_MAX    4
#define UNDECLARED_LISTED 64 /* of all mailers together */
#define UNDECLARED_DAY    ((int64_t)24 * 60 * 60)

/* Oldest first. */
struct undeclared_names {
    unsigned int count;
    int64_t noted[UNDECLARED_MAX + 1];
    char domain[UNDECLARED_MAX + 1][DOMAIN_SIZE];
};

/* Of one mailer; guarded by the mutex. */
struct undeclared_carrier {
    struct undeclared_names counted;
    struct undeclared_names uncounted; /* of what nobody can register; the first few */
};

struct undeclared {
    pthread_mutex_t mutex;
    size_t carrier_count;
    struct undeclared_carrier *carriers;
};

/* For mailers that are numbered from 0; at least one. False: out of memory. */
bool undeclared_init(struct undeclared *undeclared, size_t mailers);
void undeclared_free(struct undeclared *undeclared);

/* Notes that this mailer carries mail for `domain` (compared form; "" for what is no domain), which
 * the site does not declare; `now` is of the steady clock, in seconds. How many different ones that
 * count that mailer carried in the last day, at most UNDECLARED_MAX + 1. */
unsigned int undeclared_note(struct undeclared *undeclared, size_t mailer, const char *domain,
                             int64_t now);

/* Copies the domains that are noted, each once; how many there are. */
unsigned int undeclared_list(struct undeclared *undeclared, int64_t now,
                             char out[UNDECLARED_LISTED][DOMAIN_SIZE]);

#endif

/*
 * lookup - the endpoints of one target, from DNS alone
 *
 * For what connects to nothing: resolves as an audit does, and waits for it. One thread.
 */
#ifndef RELAYWARDEN_PROBE_LOOKUP_H
#define RELAYWARDEN_PROBE_LOOKUP_H

#include <stddef.h>

#include "conf/conf.h"
#include "probe/dns/endpoints.h"

#define LOOKUP_ERROR_SIZE   256
#define LOOKUP_TROUBLE_SIZE 512

struct looked_up {
    struct endpoint endpoint;
    char trouble[LOOKUP_TROUBLE_SIZE]; /* no address, and why; printable. "" if it has one */
};

struct lookup {
    struct looked_up *found; /* in the order in which an audit shows them */
    size_t count;
};

/* -1 and one sentence when nothing could be asked. Else lookup_free frees what it found. */
int lookup_target(const struct conf *conf, const struct target *target, struct lookup *out,
                  char error[LOOKUP_ERROR_SIZE]);
void lookup_free(struct lookup *lookup);

#endif

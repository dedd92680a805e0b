/*
 * transactions - what all transactions have in common: where findings go, and the counters
 *
 * Connections whose transaction has brought a finding stand in a list, so that a stop loses none of
 * them. A transaction without a finding is never in it and takes no lock.
 *
 * Threads: the list and the `pending` members of connections are guarded by the mutex.
 */
#ifndef RELAYWARDEN_MILTER_TRANSACTIONS_H
#define RELAYWARDEN_MILTER_TRANSACTIONS_H

#include <pthread.h>

#include "lib/alert/reporter.h"
#include "milter/counters.h"

struct audit_desk;
struct connection;

struct transactions {
    struct reporter *reporter; /* takes the findings */
    struct audit_desk *desk;   /* what the probe's audits share; NULL: none is recognised */
    pthread_mutex_t mutex;
    struct connection *first; /* with findings that wait for their queue id */
    struct counters counters; /* needs no lock */
};

/* Hands over what is pending in every connection. For the end: when no callback runs any more. */
void transactions_finish(struct transactions *transactions);

#endif

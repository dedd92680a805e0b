/*
 * orders - what other threads order of the reporter's: new settings, reviews, and to stop
 *
 * One short mutex; nothing here waits for anything else. Who gives an order wakes the reporter's
 * thread (inbox_wake), which takes what was ordered in its next round.
 */
#ifndef RELAYWARDEN_LIB_ALERT_ORDERS_H
#define RELAYWARDEN_LIB_ALERT_ORDERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/alert/dispatch.h"
#include "lib/finding.h"

#define ORDERS_REVIEWS_MAX 8 /* that wait; each audit orders one */

/* Settings on their way to the reporter's thread. */
struct orders_change {
    struct dispatch_sinks sinks;
    long remind_seconds;
    long quiet_after_seconds;
};

/* Every open incident is looked at, and ends if `is_over` says so; then `forget` gets `user`. */
struct reporter_review {
    bool (*is_over)(const struct finding *finding, const void *user);
    void (*forget)(void *user);
    void *user;
};

struct orders {
    pthread_mutex_t mutex; /* guards the others */
    struct orders_change *change;
    struct reporter_review reviews[ORDERS_REVIEWS_MAX];
    size_t review_count;
    bool stop;
};

/* NULL when memory is out. */
struct orders_change *orders_change_new(const struct dispatch_parts *parts,
                                        const struct sink_source *source, long remind_seconds,
                                        long quiet_after_seconds);

void orders_begin(struct orders *orders);
/* Orders that were not taken are forgotten. */
void orders_end(struct orders *orders, struct teller *teller);

/* Any thread. The change becomes the orders'; one that was not taken yet is overtaken by it. */
void orders_give_change(struct orders *orders, struct orders_change *change, struct teller *teller);
/* False: so many wait already that this one is left to the next, and is still the caller's. */
bool orders_give_review(struct orders *orders, const struct reporter_review *review);
void orders_stop(struct orders *orders);

/* The reporter's thread: whether to stop; and the change, which is the caller's (NULL: none). */
bool orders_take(struct orders *orders, struct orders_change **change);
/* How many there are. Each is to be forgotten. */
size_t orders_take_reviews(struct orders *orders, struct reporter_review out[ORDERS_REVIEWS_MAX]);

#endif

#include "lib/alert/orders.h"

#include <stdlib.h>
#include <string.h>

struct orders_change *orders_change_new(const struct dispatch_parts *parts,
                                        const struct sink_source *source, long remind_seconds,
                                        long quiet_after_seconds)
{
    struct orders_change *change = calloc(1, sizeof(*change));

    if (change == NULL) {
        return NULL;
    }
    change->remind_seconds = remind_seconds;
    change->quiet_after_seconds = quiet_after_seconds;
    if (dispatch_make_sinks(parts, source, &change->sinks)) {
        return change;
    }
    free(change);
    return NULL;
}

static void free_change(struct orders_change *change, struct teller *teller)
{
    if (change != NULL) {
        dispatch_free_sinks(&change->sinks, teller);
        free(change);
    }
}

void orders_begin(struct orders *orders)
{
    memset(orders, 0, sizeof(*orders));
    pthread_mutex_init(&orders->mutex, NULL);
}

void orders_end(struct orders *orders, struct teller *teller)
{
    free_change(orders->change, teller);
    for (size_t i = 0; i < orders->review_count; i++) {
        orders->reviews[i].forget(orders->reviews[i].user);
    }
    pthread_mutex_destroy(&orders->mutex);
}

void orders_give_change(struct orders *orders, struct orders_change *change, struct teller *teller)
{
    pthread_mutex_lock(&orders->mutex);
    struct orders_change *overtaken = orders->change;
    orders->change = change;
    pthread_mutex_unlock(&orders->mutex);
    free_change(overtaken, teller);
}

bool orders_give_review(struct orders *orders, const struct reporter_review *review)
{
    pthread_mutex_lock(&orders->mutex);
    bool room = orders->review_count < ORDERS_REVIEWS_MAX;
    if (room) {
        orders->reviews[orders->review_count++] = *review;
    }
    pthread_mutex_unlock(&orders->mutex);
    return room;
}

void orders_stop(struct orders *orders)
{
    pthread_mutex_lock(&orders->mutex);
    orders->stop = true;
    pthread_mutex_unlock(&orders->mutex);
}

bool orders_take(struct orders *orders, struct orders_change **change)
{
    pthread_mutex_lock(&orders->mutex);
    *change = orders->change;
    orders->change = NULL;
    bool stop = orders->stop;
    pthread_mutex_unlock(&orders->mutex);
    return stop;
}

size_t orders_take_reviews(struct orders *orders, struct reporter_review out[ORDERS_REVIEWS_MAX])
{
    pthread_mutex_lock(&orders->mutex);
    size_t count = orders->review_count;
    memcpy(out, orders->reviews, count * sizeof(out[0]));
    orders->review_count = 0;
    pthread_mutex_unlock(&orders->mutex);
    return count;
}

#include "lib/alert/sink/delivery.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct delivery {
    struct delivery *next; /* in the box */
    atomic_uint holders;
    atomic_bool taken;
    atomic_uint refused; /* rows of sinks */
    bool shown;
    struct delivery_box *box;
    struct announcement announcement;
};

struct delivery_box {
    struct teller *teller;
    struct sink_stats *speaker;
    pthread_mutex_t mutex;
    unsigned int holders;
    bool closed;
    struct delivery *first;
    struct delivery **end;
};

struct delivery_box *delivery_box_new(struct teller *teller, struct sink_stats *speaker)
{
    struct delivery_box *box = calloc(1, sizeof(*box));

    if (box == NULL) {
        return NULL;
    }
    pthread_mutex_init(&box->mutex, NULL);
    box->teller = teller_hold(teller);
    box->speaker = sink_stats_hold(speaker);
    box->holders = 1;
    box->end = &box->first;
    return box;
}

static void release_box(struct delivery_box *box)
{
    pthread_mutex_lock(&box->mutex);
    bool last = --box->holders == 0;
    pthread_mutex_unlock(&box->mutex);
    if (!last) {
        return;
    }
    pthread_mutex_destroy(&box->mutex);
    sink_stats_release(box->speaker);
    teller_release(box->teller);
    free(box);
}

void delivery_box_close(struct delivery_box *box)
{
    pthread_mutex_lock(&box->mutex);
    box->closed = true;
    pthread_mutex_unlock(&box->mutex);
    for (struct delivery *delivery = delivery_box_empty(box); delivery != NULL;) {
        struct delivery *next = delivery->next;

        delivery_free(delivery);
        delivery = next;
    }
    release_box(box);
}

struct delivery *delivery_box_empty(struct delivery_box *box)
{
    pthread_mutex_lock(&box->mutex);
    struct delivery *first = box->first;
    box->first = NULL;
    box->end = &box->first;
    pthread_mutex_unlock(&box->mutex);
    return first;
}

struct delivery *delivery_next(const struct delivery *delivery)
{
    return delivery->next;
}

void delivery_free(struct delivery *delivery)
{
    release_box(delivery->box);
    free(delivery);
}

struct delivery *delivery_new(const struct incident *incident, enum incident_state state,
                              time_t time, bool standing, struct delivery_box *box)
{
    struct delivery *delivery = malloc(sizeof(*delivery));

    if (delivery == NULL) {
        return NULL;
    }
    delivery->next = NULL;
    atomic_init(&delivery->holders, 1);
    atomic_init(&delivery->taken, false);
    atomic_init(&delivery->refused, 0);
    delivery->shown = false;
    delivery->box = box;
    delivery->announcement.state = state;
    delivery->announcement.time = time;
    delivery->announcement.test = false;
    delivery->announcement.standing = standing;
    delivery->announcement.incident = *incident;
    pthread_mutex_lock(&box->mutex);
    box->holders++;
    pthread_mutex_unlock(&box->mutex);
    return delivery;
}

struct delivery *delivery_hold(struct delivery *delivery)
{
    atomic_fetch_add(&delivery->holders, 1);
    return delivery;
}

/* Where one sink took it, the others have lost it; else it is due, and they will get it yet. */
static void count_lost(const struct delivery *delivery)
{
    unsigned int refused = atomic_load(&delivery->refused);

    for (size_t row = 0; row < SINK_KINDS_MAX && atomic_load(&delivery->taken); row++) {
        if ((refused >> row & 1U) != 0) {
            atomic_fetch_add(&delivery->box->speaker->sink[row].lost, 1);
        }
    }
}

void delivery_release(struct delivery *delivery, bool taken)
{
    struct delivery_box *box = delivery->box;
    struct teller *teller = teller_hold(box->teller);

    if (taken) {
        atomic_store(&delivery->taken, true);
    }
    if (atomic_fetch_sub(&delivery->holders, 1) > 1) {
        /* Who waits for it may need wait no longer. */
        teller_wake(teller);
        teller_release(teller);
        return;
    }
    teller_release(teller);
    count_lost(delivery);
    pthread_mutex_lock(&box->mutex);
    bool closed = box->closed;
    /* The delivery may be freed by whoever empties the box, and its share of the box with it. */
    if (!closed) {
        *box->end = delivery;
        box->end = &delivery->next;
        teller_wake(box->teller);
    }
    pthread_mutex_unlock(&box->mutex);
    if (closed) {
        delivery_free(delivery);
    }
}

void delivery_refuse(struct delivery *delivery, unsigned int rows)
{
    atomic_fetch_or(&delivery->refused, rows);
}

void delivery_set_shown(struct delivery *delivery)
{
    delivery->shown = true;
}

bool delivery_is_shown(const struct delivery *delivery)
{
    return delivery->shown;
}

bool delivery_is_alone(const struct delivery *delivery)
{
    return atomic_load(&delivery->holders) == 1;
}

bool delivery_is_taken(const struct delivery *delivery)
{
    return atomic_load(&delivery->taken);
}

const struct announcement *delivery_announcement(const struct delivery *delivery)
{
    return &delivery->announcement;
}

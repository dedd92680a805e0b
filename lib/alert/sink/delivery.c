#include "lib/alert/sink/delivery.h"

#include <stdatomic.h>
#include <stdlib.h>

struct delivery {
    atomic_uint holders;
    atomic_bool taken;
    struct store *store;
    struct announcement announcement;
};

struct delivery *delivery_new(const struct announcement *announcement, struct store *store)
{
    struct delivery *delivery = malloc(sizeof(*delivery));

    if (delivery == NULL)
        return NULL;
    atomic_init(&delivery->holders, 1);
    atomic_init(&delivery->taken, false);
    delivery->store = store == NULL ? NULL : store_hold(store);
    delivery->announcement = *announcement;
    return delivery;
}

struct delivery *delivery_hold(struct delivery *delivery)
{
    atomic_fetch_add(&delivery->holders, 1);
    return delivery;
}

void delivery_release(struct delivery *delivery, bool taken)
{
    if (taken)
        atomic_store(&delivery->taken, true);
    if (atomic_fetch_sub(&delivery->holders, 1) > 1)
        return;
    if (delivery->store != NULL) {
        if (atomic_load(&delivery->taken))
            store_mark(delivery->store, &delivery->announcement.incident);
        store_release(delivery->store);
    }
    free(delivery);
}

const struct announcement *delivery_announcement(const struct delivery *delivery)
{
    return &delivery->announcement;
}

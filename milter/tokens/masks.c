#include "milter/tokens/masks.h"

#include <string.h>

static bool same_route(const uint8_t a[TOKEN_ROUTE], const uint8_t b[TOKEN_ROUTE])
{
    return memcmp(a, b, TOKEN_ROUTE) == 0;
}

/* ---- under the mutex ------------------------------------------------------------------------- */

/* The place of the row with this address and route; masks->count: there is none. */
static size_t find(const struct masks *masks, const struct mask *like)
{
    size_t place = 0;

    while (place < masks->count &&
           !(same_route(masks->row[place].mask.route, like->route) &&
             address_equal(&masks->row[place].mask.address, &like->address))) {
        place++;
    }
    return place;
}

static void remove_row(struct masks *masks, size_t place)
{
    masks->row[place] = masks->row[--masks->count];
}

/* The set of masks has changed: tells those who ask. */
static void publish(struct masks *masks)
{
    unsigned int masked = 0;

    mask_index_begin(&masks->index);
    for (size_t i = 0; i < masks->count; i++) {
        if (masks->row[i].mask.dropped == 0) {
            mask_index_add(&masks->index, &masks->row[i].mask.address);
            masked++;
        }
    }
    mask_index_publish(&masks->index);
    atomic_store(&masks->masked, masked);
}

static bool is_masked(const struct masks *masks, const struct address *address)
{
    for (size_t i = 0; i < masks->count; i++) {
        if (masks->row[i].mask.dropped == 0 &&
            address_equal(&masks->row[i].mask.address, address)) {
            return true;
        }
    }
    return false;
}

/* Whether healing must take long: it must for what is masked so, or was dropped not long ago. */
static bool is_flapping(const struct masks *masks, const struct address *address, int64_t now)
{
    bool masked = is_masked(masks, address);

    for (size_t i = 0; i < masks->count; i++) {
        const struct mask *mask = &masks->row[i].mask;
        if (!address_equal(&mask->address, address)) {
            continue;
        }
        if (masked ? mask->dropped == 0 && mask->strict
                   : mask->dropped != 0 && now - mask->dropped < MASK_FLAP_SECONDS) {
            return true;
        }
    }
    return false;
}

/* A place for one more, if need be of what was dropped the longest ago. MASKS_MAX: all are masked.
 */
static size_t make_room(struct masks *masks)
{
    size_t oldest = MASKS_MAX;

    if (masks->count < MASKS_MAX) {
        return masks->count++;
    }
    for (size_t i = 0; i < masks->count; i++) {
        int64_t dropped = masks->row[i].mask.dropped;
        if (dropped != 0 && (oldest == MASKS_MAX || dropped < masks->row[oldest].mask.dropped)) {
            oldest = i;
        }
    }
    return oldest;
}

static bool hide(struct masks *masks, const struct mask *seen, int64_t now)
{
    size_t place = find(masks, seen);
    struct mask *mask = place < masks->count ? &masks->row[place].mask : NULL;
    bool masked = mask != NULL && mask->dropped == 0;

    /* A minute is as exact as the database need be. */
    if (masked && mask->true_since == 0 && now - mask->hidden < 60 &&
        strcmp(mask->listener, seen->listener) == 0) {
        return true;
    }
    bool strict = is_flapping(masks, &seen->address, now);
    int64_t since = mask != NULL && mask->dropped == 0 ? mask->since : now;
    if (mask == NULL) {
        place = make_room(masks);
    }
    if (place == MASKS_MAX) {
        return false;
    }
    mask = &masks->row[place].mask;
    *mask = *seen;
    mask->hidden = now;
    mask->since = since;
    mask->true_since = 0;
    mask->dropped = 0;
    mask->strict = strict;
    masks->row[place].unsaved = true;
    masks->row[place].untold = MASKS_DROP_TOLD;
    if (!masked) {
        publish(masks);
    }
    return true;
}

static bool has_healed(const struct masks *masks, const struct address *address, int64_t now)
{
    for (size_t i = 0; i < masks->count; i++) {
        const struct mask *mask = &masks->row[i].mask;
        if (mask->dropped != 0 || !address_equal(&mask->address, address)) {
            continue;
        }
        if (mask->true_since == 0 || (mask->strict && now - mask->true_since < MASK_FLAP_SECONDS)) {
            return false;
        }
    }
    return true;
}

static void drop_address(struct masks *masks, const struct address *address, int64_t now)
{
    for (size_t i = 0; i < masks->count; i++) {
        struct mask *mask = &masks->row[i].mask;
        if (mask->dropped != 0 || !address_equal(&mask->address, address)) {
            continue;
        }
        mask->dropped = now;
        masks->row[i].unsaved = true;
        masks->row[i].untold = MASKS_DROP_HEALED;
    }
}

static void show(struct masks *masks, const uint8_t route[TOKEN_ROUTE], int64_t now)
{
    bool healed = false;

    for (size_t i = 0; i < masks->count; i++) {
        struct mask *mask = &masks->row[i].mask;
        if (mask->dropped == 0 && same_route(mask->route, route) && mask->true_since == 0) {
            mask->true_since = now;
            masks->row[i].unsaved = true;
        }
    }
    for (size_t i = 0; i < masks->count; i++) {
        const struct mask *mask = &masks->row[i].mask;
        if (mask->dropped == 0 && same_route(mask->route, route) &&
            has_healed(masks, &mask->address, now)) {
            const struct address address = mask->address;
            drop_address(masks, &address, now);
            healed = true;
        }
    }
    if (healed) {
        publish(masks);
    }
}

/* ---- the interface --------------------------------------------------------------------------- */

bool masks_contain(const struct masks *masks, const struct address *address)
{
    return mask_index_contains(&masks->index, address);
}

bool masks_hide(struct masks *masks, const struct mask *seen, int64_t now)
{
    pthread_mutex_lock(&masks->mutex);
    bool hidden = hide(masks, seen, now);
    pthread_mutex_unlock(&masks->mutex);
    return hidden;
}

void masks_show(struct masks *masks, const uint8_t route[TOKEN_ROUTE], int64_t now)
{
    if (atomic_load(&masks->masked) == 0) {
        return;
    }
    pthread_mutex_lock(&masks->mutex);
    show(masks, route, now);
    pthread_mutex_unlock(&masks->mutex);
}

size_t masks_take_dropped(struct masks *masks, enum masks_drop how, struct mask *out, size_t max)
{
    size_t taken = 0;

    pthread_mutex_lock(&masks->mutex);
    for (size_t i = 0; i < masks->count && taken < max; i++) {
        if (masks->row[i].untold == how) {
            masks->row[i].untold = MASKS_DROP_TOLD;
            out[taken++] = masks->row[i].mask;
        }
    }
    pthread_mutex_unlock(&masks->mutex);
    return taken;
}

bool masks_have_listener(struct masks *masks, const char *listener)
{
    bool found = false;

    pthread_mutex_lock(&masks->mutex);
    for (size_t i = 0; i < masks->count && !found; i++) {
        const struct mask *row = &masks->row[i].mask;
        found = row->dropped == 0 && strcmp(row->listener, listener) == 0;
    }
    pthread_mutex_unlock(&masks->mutex);
    return found;
}

bool masks_have_subject(struct masks *masks, const struct mask *mask)
{
    char network[NETWORK_TEXT_SIZE];
    char other[NETWORK_TEXT_SIZE];
    bool found = false;

    address_format_fold(&mask->address, network);
    pthread_mutex_lock(&masks->mutex);
    for (size_t i = 0; i < masks->count && !found; i++) {
        const struct mask *row = &masks->row[i].mask;
        found = row->dropped == 0 && strcmp(row->listener, mask->listener) == 0 &&
                strcmp(address_format_fold(&row->address, other), network) == 0;
    }
    pthread_mutex_unlock(&masks->mutex);
    return found;
}

/* ---- the keeper's ---------------------------------------------------------------------------- */

static void merge_one(struct masks *masks, const struct mask *stored)
{
    size_t place = find(masks, stored);
    bool known = place < masks->count;
    enum masks_drop untold = MASKS_DROP_TOLD;

    if (place == MASKS_MAX || (known && masks->row[place].unsaved)) {
        return;
    }
    if (known && stored->dropped != 0) {
        untold =
            masks->row[place].mask.dropped == 0 ? MASKS_DROP_ORDERED : masks->row[place].untold;
    }
    masks->row[place].mask = *stored;
    masks->row[place].unsaved = false;
    masks->row[place].untold = untold;
    masks->count += !known;
}

void masks_merge(struct masks *masks, const struct mask *stored, size_t count)
{
    pthread_mutex_lock(&masks->mutex);
    for (size_t i = 0; i < count; i++) {
        merge_one(masks, &stored[i]);
    }
    publish(masks);
    pthread_mutex_unlock(&masks->mutex);
}

size_t masks_take_unsaved(struct masks *masks, struct mask *out, size_t max)
{
    size_t taken = 0;

    pthread_mutex_lock(&masks->mutex);
    for (size_t i = 0; i < masks->count && taken < max; i++) {
        if (masks->row[i].unsaved) {
            masks->row[i].unsaved = false;
            out[taken++] = masks->row[i].mask;
        }
    }
    pthread_mutex_unlock(&masks->mutex);
    return taken;
}

void masks_put_back(struct masks *masks, const struct mask *unsaved, size_t count)
{
    pthread_mutex_lock(&masks->mutex);
    for (size_t i = 0; i < count; i++) {
        size_t place = find(masks, &unsaved[i]);
        if (place < masks->count) {
            masks->row[place].unsaved = true;
        }
    }
    pthread_mutex_unlock(&masks->mutex);
}

void masks_expire(struct masks *masks, int64_t time)
{
    pthread_mutex_lock(&masks->mutex);
    for (size_t i = masks->count; i-- > 0;) {
        if (masks->row[i].mask.dropped != 0 && masks->row[i].mask.dropped < time) {
            remove_row(masks, i);
        }
    }
    pthread_mutex_unlock(&masks->mutex);
}

size_t masks_list(struct masks *masks, struct mask *out, size_t max)
{
    size_t listed = 0;

    pthread_mutex_lock(&masks->mutex);
    for (size_t i = 0; i < masks->count && listed < max; i++) {
        if (masks->row[i].mask.dropped == 0) {
            out[listed++] = masks->row[i].mask;
        }
    }
    pthread_mutex_unlock(&masks->mutex);
    return listed;
}

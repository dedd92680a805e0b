#include "milter/masks.h"

#include <string.h>

static bool same_route(const uint8_t a[TOKEN_ROUTE], const uint8_t b[TOKEN_ROUTE])
{
    return memcmp(a, b, TOKEN_ROUTE) == 0;
}

/* ---- under the mutex ------------------------------------------------------------------------- */

static struct mask *find(struct masks *masks, const struct mask *like)
{
    for (size_t i = 0; i < masks->count; i++) {
        struct mask *mask = &masks->row[i].mask;
        if (same_route(mask->route, like->route) && address_equal(&mask->address, &like->address)) {
            return mask;
        }
    }
    return NULL;
}

static void mark(struct masks *masks, const struct mask *mask)
{
    for (size_t i = 0; i < masks->count; i++) {
        if (&masks->row[i].mask == mask) {
            masks->row[i].unsaved = true;
        }
    }
}

static void remove_row(struct masks *masks, size_t place)
{
    masks->row[place] = masks->row[--masks->count];
}

static void count_masked(struct masks *masks)
{
    unsigned int masked = 0;

    for (size_t i = 0; i < masks->count; i++) {
        masked += masks->row[i].mask.dropped == 0;
    }
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

/* A place for one more, if need be of what was dropped the longest ago. NULL: all are masked. */
static struct mask *make_room(struct masks *masks)
{
    struct mask *oldest = NULL;

    if (masks->count < MASKS_MAX) {
        return &masks->row[masks->count++].mask;
    }
    for (size_t i = 0; i < masks->count; i++) {
        struct mask *mask = &masks->row[i].mask;
        if (mask->dropped != 0 && (oldest == NULL || mask->dropped < oldest->dropped)) {
            oldest = mask;
        }
    }
    return oldest;
}

static bool hide(struct masks *masks, const struct mask *seen, int64_t now)
{
    struct mask *mask = find(masks, seen);
    bool known = mask != NULL && mask->dropped == 0 && mask->true_since == 0;

    /* A minute is as exact as the database need be. */
    if (known && now - mask->hidden < 60 && strcmp(mask->listener, seen->listener) == 0) {
        return true;
    }
    bool strict = is_flapping(masks, &seen->address, now);
    if (mask == NULL) {
        mask = make_room(masks);
    }
    if (mask == NULL) {
        return false;
    }
    *mask = *seen;
    mask->hidden = now;
    mask->true_since = 0;
    mask->dropped = 0;
    mask->strict = strict;
    mark(masks, mask);
    count_masked(masks);
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

static void drop_address(struct masks *masks, const struct address *address, int64_t now,
                         struct masks_dropped *dropped)
{
    for (size_t i = 0; i < masks->count; i++) {
        struct mask *mask = &masks->row[i].mask;
        if (mask->dropped != 0 || !address_equal(&mask->address, address)) {
            continue;
        }
        mask->dropped = now;
        masks->row[i].unsaved = true;
        if (dropped->count < MASKS_DROPPED_MAX) {
            dropped->mask[dropped->count++] = *mask;
        }
    }
}

static void show(struct masks *masks, const uint8_t route[TOKEN_ROUTE], int64_t now,
                 struct masks_dropped *dropped)
{
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
            drop_address(masks, &address, now, dropped);
        }
    }
    count_masked(masks);
}

/* ---- the interface --------------------------------------------------------------------------- */

bool masks_contain(struct masks *masks, const struct address *address)
{
    if (atomic_load(&masks->masked) == 0) {
        return false;
    }
    pthread_mutex_lock(&masks->mutex);
    bool masked = is_masked(masks, address);
    pthread_mutex_unlock(&masks->mutex);
    return masked;
}

bool masks_hide(struct masks *masks, const struct mask *seen, int64_t now)
{
    pthread_mutex_lock(&masks->mutex);
    bool hidden = hide(masks, seen, now);
    pthread_mutex_unlock(&masks->mutex);
    return hidden;
}

void masks_show(struct masks *masks, const uint8_t route[TOKEN_ROUTE], int64_t now,
                struct masks_dropped *dropped)
{
    dropped->count = 0;
    if (atomic_load(&masks->masked) == 0) {
        return;
    }
    pthread_mutex_lock(&masks->mutex);
    show(masks, route, now, dropped);
    pthread_mutex_unlock(&masks->mutex);
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

static void merge_one(struct masks *masks, const struct mask *stored, struct masks_dropped *dropped)
{
    struct mask *mask = find(masks, stored);

    for (size_t i = 0; i < masks->count; i++) {
        if (&masks->row[i].mask == mask && masks->row[i].unsaved) {
            return;
        }
    }
    if (mask == NULL && masks->count < MASKS_MAX) {
        mask = &masks->row[masks->count].mask;
        masks->row[masks->count++].unsaved = false;
    } else if (mask == NULL) {
        return;
    } else if (mask->dropped == 0 && stored->dropped != 0 && dropped->count < MASKS_DROPPED_MAX) {
        dropped->mask[dropped->count++] = *stored;
    }
    *mask = *stored;
}

void masks_merge(struct masks *masks, const struct mask *stored, size_t count,
                 struct masks_dropped *dropped)
{
    dropped->count = 0;
    pthread_mutex_lock(&masks->mutex);
    for (size_t i = 0; i < count; i++) {
        merge_one(masks, &stored[i], dropped);
    }
    count_masked(masks);
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
        const struct mask *mask = find(masks, &unsaved[i]);
        if (mask != NULL) {
            mark(masks, mask);
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

/*
 * masks - trusted addresses behind which strangers were shown to reach the MTA
 *
 * An address is masked by the first valid ask of role hidden that comes from it, and remembers the
 * ask's route. It heals when every such route has shown role true since it last showed the
 * address; if it was masked again within MASK_FLAP_SECONDS of being dropped, each must have done so
 * for that long. What is dropped is remembered for as long, to know that.
 *
 * Pure but for the mutex: times are arguments, nothing is stored or said here (keeper.h does). Any
 * thread. Asking costs no lock while no address is masked.
 */
#ifndef RELAYWARDEN_MILTER_MASKS_H
#define RELAYWARDEN_MILTER_MASKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lib/alert/mask_table.h"

#define MASKS_DROPPED_MAX 16 /* at a time */

struct masks {
    pthread_mutex_t mutex; /* PTHREAD_MUTEX_INITIALIZER, the rest zero */
    atomic_uint masked;    /* rows that are not dropped */
    size_t count;
    struct {
        struct mask mask;
        bool unsaved;
    } row[MASKS_MAX];
};

/* Rows that were dropped by one call. */
struct masks_dropped {
    size_t count;
    struct mask mask[MASKS_DROPPED_MAX];
};

bool masks_contain(struct masks *masks, const struct address *address);

/* A route showed strangers under `seen->address`: masks it. Of `seen` address, route and listener
 * count. False: MASKS_MAX rows are masked already, and this one is not. */
bool masks_hide(struct masks *masks, const struct mask *seen, int64_t now);

/* A route showed role true. Fills `dropped` with what has healed by that. */
void masks_show(struct masks *masks, const uint8_t route[TOKEN_ROUTE], int64_t now,
                struct masks_dropped *dropped);

/* Whether a masked address shares this listener and network, that is, this incident. */
bool masks_have_subject(struct masks *masks, const struct mask *mask);

/* ---- for the keeper ---- */

/* Takes over what the database holds: rows that are new here, and drops that another process made,
 * which are put into `dropped`. What is unsaved here is newer, and stays. */
void masks_merge(struct masks *masks, const struct mask *stored, size_t count,
                 struct masks_dropped *dropped);

/* Copies at most `max` unsaved rows and counts them as saved; how many. */
size_t masks_take_unsaved(struct masks *masks, struct mask *out, size_t max);

/* They could not be saved after all. */
void masks_put_back(struct masks *masks, const struct mask *unsaved, size_t count);

/* Forgets what was dropped before `time`. */
void masks_expire(struct masks *masks, int64_t time);

/* Copies the masked rows; how many. */
size_t masks_list(struct masks *masks, struct mask *out, size_t max);

#endif

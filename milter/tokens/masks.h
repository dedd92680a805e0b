/*
 * masks - trusted addresses behind which strangers were shown to reach the MTA
 *
 * An address is masked by the first valid ask of role hidden that comes from it, and remembers the
 * ask's route. It heals when every such route has shown role true since it last showed the
 * address; if it was masked again within MASK_FLAP_SECONDS of being dropped, each must have done so
 * for that long. A dropped mask is remembered for as long, to know that.
 *
 * Pure but for the mutex: times are arguments, of a clock that nobody sets (clocks.h: steady; in
 * the database they are Unix time), nothing is stored or said here (housekeeper.h, unmasked.h). Any
 * thread. Asking takes no lock.
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_MASKS_H
#define RELAYWARDEN_MILTER_TOKENS_MASKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lib/state/mask_table.h"
#include "milter/tokens/mask_index.h"

/* Why a row was dropped, as long as that is not told. */
enum masks_drop {
    MASKS_DROP_TOLD,
    MASKS_DROP_HEALED,
    MASKS_DROP_ORDERED, /* by another process, on an operator's order */
};

struct masks {
    pthread_mutex_t mutex; /* PTHREAD_MUTEX_INITIALIZER, the rest zero */
    atomic_uint masked;    /* rows that are not dropped */
    struct mask_index index;
    size_t count;
    struct {
        struct mask mask;
        bool unsaved;
        enum masks_drop untold;
    } row[MASKS_MAX];
};

bool masks_contain(const struct masks *masks, const struct address *address);

/* A route showed strangers under `seen->address`: masks it. Of `seen` address, route and listener
 * count. False: MASKS_MAX rows are masked already, and this one is not. */
bool masks_hide(struct masks *masks, const struct mask *seen, int64_t now);

/* A route showed role true: drops what has healed by that. */
void masks_show(struct masks *masks, const uint8_t route[TOKEN_ROUTE], int64_t now);

/* Copies at most `max` rows that were dropped so and not told yet, and counts them as told; how
 * many. Each row is given to one caller. */
size_t masks_take_dropped(struct masks *masks, enum masks_drop how, struct mask *out, size_t max);

/* Whether a masked address shares this listener and network, that is, this incident. */
bool masks_have_subject(struct masks *masks, const struct mask *mask);

/* Whether a masked address was seen at this listener. */
bool masks_have_listener(struct masks *masks, const char *listener);

/* ---- for the keeper ---- */

/* Takes over what the database holds: rows that are new here, and drops that another process made.
 * Unsaved masks here are newer, and stay. */
void masks_merge(struct masks *masks, const struct mask *stored, size_t count);

/* Copies at most `max` unsaved rows and counts them as saved; how many. */
size_t masks_take_unsaved(struct masks *masks, struct mask *out, size_t max);

/* They could not be saved after all. */
void masks_put_back(struct masks *masks, const struct mask *unsaved, size_t count);

/* Forgets what was dropped before `time`. */
void masks_expire(struct masks *masks, int64_t time);

/* Copies the masked rows; how many. */
size_t masks_list(struct masks *masks, struct mask *out, size_t max);

#endif

#include "probe/audit/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "lib/name_index.h"

/* The interval is spread by this part of it, either way. */
#define SPREAD_PART 10
/* Of many targets some are due every second: those that will be within a moment are audited with
 * those that are, since what an audit costs beside its endpoints grows with all targets. */
#define GATHER_TARGETS 100
#define GATHER_PART    100 /* of the interval */
#define GATHER_MOST    60  /* seconds */

struct slot {
    char *name;
    char *place; /* the domain or host */
    bool by_mx;
    int64_t interval;
    int64_t due;
};

struct schedule {
    struct slot *slots;
    size_t count;
    struct name_index *names; /* of the slots */
};

static const struct slot *find(const struct schedule *schedule, const struct slot *wanted)
{
    size_t number =
        schedule != NULL ? name_index_find(schedule->names, wanted->name) : NAME_INDEX_NONE;

    if (number == NAME_INDEX_NONE) {
        return NULL;
    }
    const struct slot *slot = &schedule->slots[number];
    bool same = strcmp(slot->place, wanted->place) == 0 && slot->by_mx == wanted->by_mx;
    return same ? slot : NULL;
}

struct schedule *schedule_new(const struct conf_probe *probe, const struct schedule *before,
                              int64_t now)
{
    struct schedule *schedule = calloc(1, sizeof(*schedule));

    if (schedule == NULL) {
        return NULL;
    }
    schedule->slots = calloc(probe->target_count + 1, sizeof(*schedule->slots));
    schedule->names = name_index_new(probe->target_count);
    if (schedule->slots == NULL || schedule->names == NULL) {
        schedule_free(schedule);
        return NULL;
    }
    for (size_t i = 0; i < probe->target_count; i++) {
        const struct conf_target *target = &probe->targets[i];
        struct slot *slot = &schedule->slots[i];
        schedule->count = i + 1;
        slot->by_mx = target->domain != NULL;
        slot->name = strdup(target->name);
        slot->place = strdup(slot->by_mx ? target->domain : target->host);
        if (slot->name == NULL || slot->place == NULL) {
            schedule_free(schedule);
            return NULL;
        }
        (void)name_index_add(schedule->names, slot->name, i);
        slot->interval = target->interval_seconds;
        const struct slot *earlier = find(before, slot);
        slot->due = earlier == NULL ? now : earlier->due;
        if (slot->due > now + slot->interval) {
            slot->due = now + slot->interval;
        }
    }
    return schedule;
}

void schedule_free(struct schedule *schedule)
{
    if (schedule == NULL) {
        return;
    }
    for (size_t i = 0; i < schedule->count; i++) {
        free(schedule->slots[i].name);
        free(schedule->slots[i].place);
    }
    name_index_free(schedule->names);
    free(schedule->slots);
    free(schedule);
}

int64_t schedule_wait(const struct schedule *schedule, int64_t now)
{
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < schedule->count; i++) {
        int64_t left = schedule->slots[i].due - now;
        least = left < least ? left : least;
    }
    return least > 0 ? least : 0;
}

bool schedule_is_due(const struct schedule *schedule, size_t target, int64_t now)
{
    const struct slot *slot = &schedule->slots[target];
    int64_t early = schedule->count > GATHER_TARGETS ? slot->interval / GATHER_PART : 0;

    return slot->due <= now + (early < GATHER_MOST ? early : GATHER_MOST);
}

void schedule_hurry(struct schedule *schedule, int64_t now)
{
    for (size_t i = 0; i < schedule->count; i++) {
        schedule->slots[i].due = now;
    }
}

void schedule_done(struct schedule *schedule, size_t target, int64_t now, uint32_t chance)
{
    struct slot *slot = &schedule->slots[target];
    int64_t spread = slot->interval / SPREAD_PART;

    slot->due = now + slot->interval - spread + (int64_t)(chance % (uint64_t)(2 * spread + 1));
}

void schedule_failed(struct schedule *schedule, size_t target, int64_t now)
{
    struct slot *slot = &schedule->slots[target];

    slot->due = now + (slot->interval < SCHEDULE_RETRY_S ? slot->interval : SCHEDULE_RETRY_S);
}

#include "lib/alert/dispatch.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/sys/thread.h"

struct dispatch {
    struct dispatch_parts parts;
    struct outlets *fast;
    struct delivery *queued[DISPATCH_QUEUE_MAX];
    size_t queued_count;
    struct delivery *held[DISPATCH_HELD_MAX];
    size_t held_count;
    uint64_t awaited; /* by the store's numbers */
    bool late;        /* the disk hangs, and it was told */

    pthread_mutex_t mutex; /* guards the lanes: made by one thread, awaited by another */
    struct lane *lane[SINK_KINDS_MAX];
    size_t lanes_hanging; /* after dispatch_finish */
};

struct dispatch *dispatch_new(const struct dispatch_parts *parts)
{
    struct dispatch *dispatch = calloc(1, sizeof(*dispatch));

    if (dispatch == NULL)
        return NULL;
    dispatch->parts = *parts;
    pthread_mutex_init(&dispatch->mutex, NULL);
    return dispatch;
}

static void give_held_back(struct dispatch *dispatch, bool taken)
{
    for (size_t i = 0; i < dispatch->held_count; i++)
        delivery_release(dispatch->held[i], taken);
    dispatch->held_count = 0;
}

void dispatch_close(struct dispatch *dispatch)
{
    struct outlets *fast = dispatch->fast;

    if (fast != NULL) {
        outlets_retry(fast, dispatch->parts.inbox);
        give_held_back(dispatch, !outlets_wait(fast, false));
    }
    dispatch->fast = NULL;
    outlets_free(fast, dispatch->parts.inbox);
}

void dispatch_free(struct dispatch *dispatch)
{
    if (dispatch == NULL)
        return;
    dispatch_close(dispatch);
    give_held_back(dispatch, false);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++)
        if (dispatch->lane[i] != NULL)
            lane_free(dispatch->lane[i]);
    pthread_mutex_destroy(&dispatch->mutex);
    free(dispatch);
}

/* ---- sinks ----------------------------------------------------------------------------------- */

bool dispatch_make_sinks(const struct dispatch_parts *parts, const struct sink_source *source,
                         struct dispatch_sinks *sinks)
{
    memset(sinks, 0, sizeof(*sinks));
    sinks->fast = outlets_new(parts->kinds, NULL, source, parts->speaker);
    bool complete = sinks->fast != NULL;
    for (size_t i = 0; complete && parts->kinds[i].name != NULL; i++) {
        if (!parts->kinds[i].slow)
            continue;
        sinks->slow[i] = outlets_new(parts->kinds, &parts->kinds[i], source, parts->speaker);
        complete = sinks->slow[i] != NULL;
    }
    if (!complete)
        dispatch_free_sinks(sinks, parts->inbox);
    return complete;
}

void dispatch_free_sinks(struct dispatch_sinks *sinks, struct inbox *inbox)
{
    outlets_free(sinks->fast, inbox);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++)
        outlets_free(sinks->slow[i], inbox);
    memset(sinks, 0, sizeof(*sinks));
}

/* The lane of a row, which is started when its sink is first wanted. */
static struct lane *lane_for(struct dispatch *dispatch, size_t row, bool wanted)
{
    struct lane *lane = dispatch->lane[row];

    if (lane != NULL || !wanted)
        return lane;
    lane = lane_start(dispatch->parts.inbox, dispatch->parts.kinds[row].name);
    pthread_mutex_lock(&dispatch->mutex);
    dispatch->lane[row] = lane;
    pthread_mutex_unlock(&dispatch->mutex);
    return lane;
}

static bool use_slow(struct dispatch *dispatch, size_t row, struct outlets *outlets)
{
    bool wanted = outlets->count > 0;
    struct lane *lane = lane_for(dispatch, row, wanted);

    if (lane != NULL) {
        lane_use(lane, outlets);
        return true;
    }
    outlets_free(outlets, dispatch->parts.inbox);
    if (wanted)
        inbox_say(dispatch->parts.inbox, LOG_ERR,
                  "alerts do not reach %s: no thread could be started for it",
                  dispatch->parts.kinds[row].name);
    return !wanted;
}

/* For the numbers: which rows are in use. */
static void name_sinks(struct dispatch *dispatch, const struct dispatch_sinks *sinks)
{
    struct sink_tally *tally = dispatch->parts.speaker->sink;

    for (size_t i = 0; i < SINK_KINDS_MAX; i++)
        atomic_store(&tally[i].name, sinks->slow[i] != NULL && sinks->slow[i]->count > 0
                                         ? sinks->slow[i]->outlet[0].sink->name
                                         : NULL);
    for (size_t i = 0; i < sinks->fast->count; i++)
        atomic_store(&sinks->fast->outlet[i].tally->name, sinks->fast->outlet[i].sink->name);
}

bool dispatch_use(struct dispatch *dispatch, struct dispatch_sinks *sinks)
{
    struct outlets *before = dispatch->fast;
    bool complete = true;

    name_sinks(dispatch, sinks);
    outlets_succeed(sinks->fast, before);
    dispatch->fast = sinks->fast;
    outlets_free(before, dispatch->parts.inbox);
    outlets_open(dispatch->fast, dispatch->parts.inbox);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++)
        if (sinks->slow[i] != NULL && !use_slow(dispatch, i, sinks->slow[i]))
            complete = false;
    memset(sinks, 0, sizeof(*sinks));
    return complete;
}

struct outlets *dispatch_fast(const struct dispatch *dispatch)
{
    return dispatch->fast;
}

/* ---- announcements --------------------------------------------------------------------------- */

/* Whether the disk has caught up with what was awaited in vain. */
static void look_at_disk(struct dispatch *dispatch)
{
    struct timespec now = thread_moment(0);

    if (!dispatch->late || !store_await(dispatch->parts.store, dispatch->awaited, &now))
        return;
    dispatch->late = false;
    inbox_say(dispatch->parts.inbox, LOG_NOTICE, "the disk with the state answers again");
}

/* Has all that is queued committed, or goes on without. */
static void save_queued(struct dispatch *dispatch)
{
    struct store *store = dispatch->parts.store;
    struct timespec until = thread_moment(DISPATCH_SAVE_MS);

    if (store == NULL)
        return;
    look_at_disk(dispatch);
    for (size_t i = 0; i < dispatch->queued_count; i++) {
        uint64_t number = store_save(store, &delivery_announcement(dispatch->queued[i])->incident);

        if (number != 0)
            dispatch->awaited = number;
    }
    if (dispatch->late || store_await(store, dispatch->awaited, &until))
        return;
    dispatch->late = true;
    inbox_say(dispatch->parts.inbox, LOG_ERR,
              "the disk with the state hangs: alerts go out before they are saved");
}

static void hold(struct dispatch *dispatch, struct delivery *delivery)
{
    if (dispatch->held_count == DISPATCH_HELD_MAX) {
        /* It may be lost: then it is better told again after a restart. */
        delivery_release(dispatch->held[0], false);
        dispatch->held_count--;
        for (size_t i = 0; i < dispatch->held_count; i++)
            dispatch->held[i] = dispatch->held[i + 1];
    }
    dispatch->held[dispatch->held_count++] = delivery;
}

static void announce(struct dispatch *dispatch, struct delivery *delivery)
{
    const struct announcement *announcement = delivery_announcement(delivery);
    const struct incident *incident = &announcement->incident;
    bool only_slow = false;

    atomic_fetch_add(
        &dispatch->parts.speaker->announced[incident->finding.kind][announcement->state], 1);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        struct lane *lane = dispatch->lane[i];

        if (lane == NULL)
            continue;
        lane_announce(lane, delivery);
        if (dispatch->fast->count == 0 && lane_receives(lane))
            only_slow = true;
    }
    bool taken = outlets_announce(dispatch->fast, announcement, dispatch->parts.inbox) > 0;
    if (!taken && !only_slow)
        dispatch->parts.fallback(announcement, dispatch->parts.user);
    if (taken && outlets_wait(dispatch->fast, true))
        hold(dispatch, delivery);
    else
        delivery_release(delivery, taken);
}

void dispatch_send(struct dispatch *dispatch)
{
    if (dispatch->queued_count == 0)
        return;
    save_queued(dispatch);
    for (size_t i = 0; i < dispatch->queued_count; i++)
        announce(dispatch, dispatch->queued[i]);
    dispatch->queued_count = 0;
}

void dispatch_announce(struct dispatch *dispatch, const struct announcement *announcement)
{
    struct delivery *delivery = delivery_new(announcement, dispatch->parts.store);

    if (dispatch->queued_count == DISPATCH_QUEUE_MAX)
        dispatch_send(dispatch);
    if (delivery != NULL) {
        dispatch->queued[dispatch->queued_count++] = delivery;
        return;
    }
    /* Without memory it goes at least to those that need none. */
    dispatch_send(dispatch);
    if (outlets_announce(dispatch->fast, announcement, dispatch->parts.inbox) == 0)
        dispatch->parts.fallback(announcement, dispatch->parts.user);
}

void dispatch_settle(struct dispatch *dispatch)
{
    look_at_disk(dispatch);
    if (dispatch->held_count > 0 && !outlets_wait(dispatch->fast, true))
        give_held_back(dispatch, !outlets_wait(dispatch->fast, false));
}

/* ---- for other threads ----------------------------------------------------------------------- */

/* The lanes that there are; they stay until the end. */
static void list_lanes(struct dispatch *dispatch, struct lane *lanes[SINK_KINDS_MAX])
{
    pthread_mutex_lock(&dispatch->mutex);
    memcpy(lanes, dispatch->lane, sizeof(dispatch->lane));
    pthread_mutex_unlock(&dispatch->mutex);
}

void dispatch_tick_lanes(struct dispatch *dispatch)
{
    struct lane *lanes[SINK_KINDS_MAX];

    list_lanes(dispatch, lanes);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++)
        if (lanes[i] != NULL)
            lane_tick(lanes[i]);
}

bool dispatch_flush_lanes(struct dispatch *dispatch, const struct timespec *until)
{
    struct lane *lanes[SINK_KINDS_MAX];
    bool flushed = true;

    list_lanes(dispatch, lanes);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++)
        if (lanes[i] != NULL && !lane_flush(lanes[i], until))
            flushed = false;
    return flushed;
}

bool dispatch_finish(struct dispatch *dispatch, const struct timespec *until)
{
    struct lane *lanes[SINK_KINDS_MAX];
    bool finished = true;

    list_lanes(dispatch, lanes);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++)
        if (lanes[i] != NULL && !lane_finish(lanes[i], until)) {
            inbox_say(dispatch->parts.inbox, LOG_ERR, "%s hangs: alerts did not reach it",
                      dispatch->parts.kinds[i].name);
            finished = false;
        }
    return finished;
}

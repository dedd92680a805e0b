#include "lib/alert/dispatch.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/sys/thread.h"

/* A delivery that waits in a fast sink. */
struct held {
    struct delivery *delivery;
    bool sent;              /* another one has delivered it */
    bool due;               /* only sinks that fail keep it: it was settled as not taken, for now */
    unsigned long given_up; /* by then, of what waited in the fast sinks */
};

struct dispatch {
    struct dispatch_parts parts;
    struct delivery_box *box;
    struct sink_set *fast;
    unsigned long given_up; /* by sinks of earlier settings */
    struct delivery *queued[DISPATCH_QUEUE_MAX];
    size_t queued_count;
    struct held held[DISPATCH_HELD_MAX];
    size_t held_count;
    uint64_t awaited; /* by the store's numbers */
    bool late;        /* the disk hangs, and it was told */

    pthread_mutex_t mutex; /* guards the lanes: made by one thread, awaited by another */
    struct sink_thread *lane[SINK_KINDS_MAX];
    size_t lanes_hanging; /* after dispatch_finish */
};

struct dispatch *dispatch_new(const struct dispatch_parts *parts)
{
    struct dispatch *dispatch = calloc(1, sizeof(*dispatch));

    if (dispatch == NULL) {
        return NULL;
    }
    dispatch->parts = *parts;
    dispatch->box = delivery_box_new(parts->teller, parts->speaker);
    if (dispatch->box == NULL) {
        free(dispatch);
        return NULL;
    }
    pthread_mutex_init(&dispatch->mutex, NULL);
    return dispatch;
}

static unsigned long given_up(const struct dispatch *dispatch)
{
    return dispatch->given_up + (dispatch->fast == NULL ? 0 : dispatch->fast->given_up);
}

/* Others are to be tried meanwhile, if only sinks that fail keep it. */
static void keep_waiting(const struct dispatch *dispatch, const struct held *held,
                         struct held *place)
{
    bool fails = !held->sent && delivery_is_alone(held->delivery) &&
                 !delivery_is_taken(held->delivery) && !sink_set_wait(dispatch->fast, true);
    struct held kept = *held;

    if (fails && !held->due) {
        dispatch->parts.settled(delivery_announcement(held->delivery), false, dispatch->parts.user);
    }
    kept.due |= fails;
    *place = kept;
}

/* Gives back what waits no longer: all of it, or where only sinks that fail keep it, what another
 * one has delivered. At the end the rest, too. */
static void give_held_back(struct dispatch *dispatch, bool end)
{
    bool waits = dispatch->fast != NULL && sink_set_wait(dispatch->fast, false);
    bool works = dispatch->fast != NULL && sink_set_wait(dispatch->fast, true);
    size_t left = 0;

    for (size_t i = 0; i < dispatch->held_count; i++) {
        const struct held held = dispatch->held[i];
        bool whole = !waits && held.given_up == given_up(dispatch);

        bool sent = held.sent || delivery_is_taken(held.delivery);

        if (end || !waits || (sent && !works)) {
            delivery_release(held.delivery, held.sent || whole);
        } else {
            keep_waiting(dispatch, &held, &dispatch->held[left++]);
        }
    }
    dispatch->held_count = left;
}

/* Announcements that were delivered. */
static void empty_box(struct dispatch *dispatch)
{
    struct delivery *delivery = delivery_box_empty(dispatch->box);

    while (delivery != NULL) {
        struct delivery *next = delivery_next(delivery);
        const struct announcement *announcement = delivery_announcement(delivery);
        bool taken = delivery_is_taken(delivery);

        if (announcement->standing) {
            delivery_free(delivery);
            delivery = next;
            continue;
        }
        if (!taken && !delivery_is_shown(delivery) && !announcement->incident.again) {
            dispatch->parts.fallback(announcement, dispatch->parts.user);
        }
        dispatch->parts.settled(announcement, taken, dispatch->parts.user);
        delivery_free(delivery);
        delivery = next;
    }
}

void dispatch_close(struct dispatch *dispatch)
{
    struct sink_set *fast = dispatch->fast;

    if (fast != NULL) {
        sink_set_retry(fast, dispatch->parts.teller);
    }
    give_held_back(dispatch, true);
    empty_box(dispatch);
    dispatch->fast = NULL;
    sink_set_free(fast, dispatch->parts.teller);
}

void dispatch_free(struct dispatch *dispatch)
{
    if (dispatch == NULL) {
        return;
    }
    sink_set_free(dispatch->fast, dispatch->parts.teller);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        if (dispatch->lane[i] != NULL) {
            sink_thread_free(dispatch->lane[i]);
        }
    }
    delivery_box_close(dispatch->box);
    pthread_mutex_destroy(&dispatch->mutex);
    free(dispatch);
}

/* ---- sinks ----------------------------------------------------------------------------------- */

bool dispatch_make_sinks(const struct dispatch_parts *parts, const struct sink_source *source,
                         struct dispatch_sinks *sinks)
{
    memset(sinks, 0, sizeof(*sinks));
    sinks->fast = sink_set_new(parts->kinds, NULL, source, parts->speaker);
    bool complete = sinks->fast != NULL;
    for (size_t i = 0; complete && parts->kinds[i].name != NULL; i++) {
        if (!parts->kinds[i].slow) {
            continue;
        }
        sinks->slow[i] = sink_set_new(parts->kinds, &parts->kinds[i], source, parts->speaker);
        complete = sinks->slow[i] != NULL;
    }
    if (!complete) {
        dispatch_free_sinks(sinks, parts->teller);
    }
    return complete;
}

void dispatch_free_sinks(struct dispatch_sinks *sinks, struct teller *teller)
{
    sink_set_free(sinks->fast, teller);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        sink_set_free(sinks->slow[i], teller);
    }
    memset(sinks, 0, sizeof(*sinks));
}

/* The lane of a row, which is started when its sink is first wanted. */
static struct sink_thread *lane_for(struct dispatch *dispatch, size_t row, bool wanted)
{
    struct sink_thread *lane = dispatch->lane[row];

    if (lane != NULL || !wanted) {
        return lane;
    }
    lane = sink_thread_start(dispatch->parts.teller, dispatch->parts.kinds[row].name);
    pthread_mutex_lock(&dispatch->mutex);
    dispatch->lane[row] = lane;
    pthread_mutex_unlock(&dispatch->mutex);
    return lane;
}

static bool use_slow(struct dispatch *dispatch, size_t row, struct sink_set *outlets)
{
    bool wanted = outlets->count > 0;
    struct sink_thread *lane = lane_for(dispatch, row, wanted);

    if (lane != NULL) {
        sink_thread_use(lane, outlets);
        return true;
    }
    sink_set_free(outlets, dispatch->parts.teller);
    if (wanted) {
        teller_say(dispatch->parts.teller, LOG_ERR,
                   "alerts do not reach %s: no thread could be started for it",
                   dispatch->parts.kinds[row].name);
    }
    return !wanted;
}

/* For the numbers: which rows are in use. */
static void name_sinks(struct dispatch *dispatch, const struct dispatch_sinks *sinks)
{
    struct sink_tally *tally = dispatch->parts.speaker->sink;

    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        atomic_store(&tally[i].name, sinks->slow[i] != NULL && sinks->slow[i]->count > 0
                                         ? sinks->slow[i]->outlet[0].sink->name
                                         : NULL);
    }
    for (size_t i = 0; i < sinks->fast->count; i++) {
        atomic_store(&sinks->fast->outlet[i].tally->name, sinks->fast->outlet[i].sink->name);
    }
}

bool dispatch_use(struct dispatch *dispatch, struct dispatch_sinks *sinks)
{
    struct sink_set *before = dispatch->fast;
    bool complete = true;

    name_sinks(dispatch, sinks);
    sink_set_succeed(sinks->fast, before);
    dispatch->fast = sinks->fast;
    if (before != NULL) {
        dispatch->given_up += before->given_up + sink_set_wait(before, false);
    }
    sink_set_free(before, dispatch->parts.teller);
    sink_set_open(dispatch->fast, dispatch->parts.teller);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        if (sinks->slow[i] != NULL && !use_slow(dispatch, i, sinks->slow[i])) {
            complete = false;
        }
    }
    memset(sinks, 0, sizeof(*sinks));
    return complete;
}

struct sink_set *dispatch_fast(const struct dispatch *dispatch)
{
    return dispatch->fast;
}

/* ---- announcements --------------------------------------------------------------------------- */

/* Whether the disk has caught up with what was awaited in vain. */
static void look_at_disk(struct dispatch *dispatch)
{
    struct timespec now = thread_moment(0);

    if (!dispatch->late || !incident_store_await(dispatch->parts.store, dispatch->awaited, &now)) {
        return;
    }
    dispatch->late = false;
    teller_say(dispatch->parts.teller, LOG_NOTICE, "state database responds again");
}

/* Has all that is queued committed, or goes on without. */
static void save_queued(struct dispatch *dispatch)
{
    struct incident_store *store = dispatch->parts.store;
    struct timespec until = thread_moment(DISPATCH_SAVE_MS);

    if (store == NULL) {
        return;
    }
    look_at_disk(dispatch);
    for (size_t i = 0; i < dispatch->queued_count; i++) {
        uint64_t number =
            incident_store_save(store, &delivery_announcement(dispatch->queued[i])->incident);

        if (number != 0) {
            dispatch->awaited = number;
        }
    }
    if (dispatch->late || incident_store_await(store, dispatch->awaited, &until)) {
        return;
    }
    dispatch->late = true;
    teller_say(dispatch->parts.teller, LOG_ERR,
               "state database not responding; sending alerts unsaved");
}

static void hold(struct dispatch *dispatch, struct delivery *delivery, bool sent)
{
    if (dispatch->held_count == DISPATCH_HELD_MAX) {
        /* It may be lost: then it is better told again. */
        delivery_release(dispatch->held[0].delivery, dispatch->held[0].sent);
        dispatch->held_count--;
        for (size_t i = 0; i < dispatch->held_count; i++) {
            dispatch->held[i] = dispatch->held[i + 1];
        }
    }
    dispatch->held[dispatch->held_count++] =
        (struct held){delivery, sent, false, given_up(dispatch)};
}

static void count_announcement(struct dispatch *dispatch, const struct announcement *announcement)
{
    const struct incident *incident = &announcement->incident;

    if (!incident->again) {
        atomic_fetch_add(
            &dispatch->parts.speaker->announced[incident->finding.kind][announcement->state], 1);
    }
}

static void announce(struct dispatch *dispatch, struct delivery *delivery)
{
    const struct announcement *announcement = delivery_announcement(delivery);
    bool only_slow = false;

    count_announcement(dispatch, announcement);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        struct sink_thread *lane = dispatch->lane[i];

        if (lane != NULL && sink_thread_announce(lane, delivery) && dispatch->fast->count == 0 &&
            sink_thread_receives(lane)) {
            only_slow = true;
        }
    }
    const struct sink_set_fate fate =
        sink_set_announce(dispatch->fast, announcement, dispatch->parts.teller);
    delivery_refuse(delivery, fate.refused);
    if (fate.took == 0 && !only_slow && !announcement->incident.again) {
        dispatch->parts.fallback(announcement, dispatch->parts.user);
        delivery_set_shown(delivery);
    }
    if (fate.waits && !(fate.sent && !sink_set_wait(dispatch->fast, true))) {
        hold(dispatch, delivery, fate.sent);
    } else {
        delivery_release(delivery, fate.sent);
    }
}

void dispatch_send(struct dispatch *dispatch)
{
    if (dispatch->queued_count == 0) {
        return;
    }
    save_queued(dispatch);
    for (size_t i = 0; i < dispatch->queued_count; i++) {
        announce(dispatch, dispatch->queued[i]);
    }
    dispatch->queued_count = 0;
}

bool dispatch_has_standing(const struct dispatch *dispatch)
{
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        if (dispatch->lane[i] != NULL && sink_thread_stands(dispatch->lane[i])) {
            return true;
        }
    }
    return false;
}

void dispatch_stand(struct dispatch *dispatch, const struct incident *incident, time_t now)
{
    struct delivery *delivery = delivery_new(incident, INCIDENT_REPEATED, now, true, dispatch->box);

    if (delivery == NULL) {
        return;
    }
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        if (dispatch->lane[i] != NULL) {
            (void)sink_thread_announce(dispatch->lane[i], delivery);
        }
    }
    delivery_release(delivery, false);
}

/* Without memory it goes at least to those that need none. */
static void announce_now(struct dispatch *dispatch, const struct incident *incident,
                         enum incident_state state, time_t now)
{
    const struct announcement announcement = {.state = state, .time = now, .incident = *incident};

    dispatch_send(dispatch);
    count_announcement(dispatch, &announcement);
    const struct sink_set_fate fate =
        sink_set_announce(dispatch->fast, &announcement, dispatch->parts.teller);
    if (fate.took == 0 && !incident->again) {
        dispatch->parts.fallback(&announcement, dispatch->parts.user);
    }
    if (!fate.sent) {
        dispatch->parts.settled(&announcement, false, dispatch->parts.user);
    } else if (state != INCIDENT_RESOLVED) {
        dispatch->parts.settled(&announcement, true, dispatch->parts.user);
    }
}

void dispatch_announce(struct dispatch *dispatch, const struct incident *incident,
                       enum incident_state state, time_t now)
{
    struct delivery *delivery = delivery_new(incident, state, now, false, dispatch->box);

    if (dispatch->queued_count == DISPATCH_QUEUE_MAX) {
        dispatch_send(dispatch);
    }
    if (delivery != NULL) {
        dispatch->queued[dispatch->queued_count++] = delivery;
    } else {
        announce_now(dispatch, incident, state, now);
    }
}

void dispatch_settle(struct dispatch *dispatch)
{
    look_at_disk(dispatch);
    give_held_back(dispatch, false);
    empty_box(dispatch);
}

/* ---- for other threads ----------------------------------------------------------------------- */

/* The lanes that there are; they stay until the end. */
static void list_lanes(struct dispatch *dispatch, struct sink_thread *lanes[SINK_KINDS_MAX])
{
    pthread_mutex_lock(&dispatch->mutex);
    memcpy(lanes, dispatch->lane, sizeof(dispatch->lane));
    pthread_mutex_unlock(&dispatch->mutex);
}

void dispatch_tick_lanes(struct dispatch *dispatch)
{
    struct sink_thread *lanes[SINK_KINDS_MAX];

    list_lanes(dispatch, lanes);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        if (lanes[i] != NULL) {
            sink_thread_tick(lanes[i]);
        }
    }
}

bool dispatch_flush_lanes(struct dispatch *dispatch, const struct timespec *until)
{
    struct sink_thread *lanes[SINK_KINDS_MAX];
    bool flushed = true;

    list_lanes(dispatch, lanes);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        if (lanes[i] != NULL && !sink_thread_flush(lanes[i], until)) {
            flushed = false;
        }
    }
    return flushed;
}

/* sink_thread_each_left's; after the reporter's thread nobody else shows anything. Several threads
 * may have the same one. */
static void show_left(struct delivery *delivery, void *user)
{
    const struct dispatch *dispatch = user;
    const struct announcement *announcement = delivery_announcement(delivery);

    if (!delivery_is_taken(delivery) && !delivery_is_shown(delivery) &&
        !announcement->incident.again && !announcement->standing) {
        dispatch->parts.fallback(announcement, dispatch->parts.user);
        delivery_set_shown(delivery);
    }
}

void dispatch_show_left(struct dispatch *dispatch)
{
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        if (dispatch->lane[i] != NULL) {
            sink_thread_each_left(dispatch->lane[i], show_left, dispatch);
        }
    }
}

bool dispatch_finish(struct dispatch *dispatch, const struct timespec *until)
{
    struct sink_thread *lanes[SINK_KINDS_MAX];
    bool finished = true;

    list_lanes(dispatch, lanes);
    for (size_t i = 0; i < SINK_KINDS_MAX; i++) {
        if (lanes[i] != NULL && !sink_thread_finish(lanes[i], until)) {
            teller_say(dispatch->parts.teller, LOG_ERR, "%s hangs: alerts did not reach it",
                       dispatch->parts.kinds[i].name);
            finished = false;
        }
    }
    return finished;
}

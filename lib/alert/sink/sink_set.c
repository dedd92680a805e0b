#include "lib/alert/sink/sink_set.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static bool make(struct sink_set *outlets, const struct sink_kind *kinds,
                 const struct sink_kind *kind, const struct sink_source *source)
{
    if (!kind->wanted(source)) {
        return true;
    }
    if (outlets->count == SINK_KINDS_MAX) {
        return false;
    }
    struct outlet *outlet = &outlets->outlet[outlets->count];
    outlet->sink = kind->make(source);
    if (outlet->sink == NULL) {
        return false;
    }
    outlet->tally = &outlets->speaker->sink[kind - kinds];
    outlet->told = atomic_load(&outlet->tally->lost);
    outlets->count++;
    return true;
}

static bool make_all(struct sink_set *outlets, const struct sink_kind *kinds,
                     const struct sink_kind *row, const struct sink_source *source)
{
    if (row != NULL) {
        return make(outlets, kinds, row, source);
    }
    for (const struct sink_kind *kind = kinds; kind->name != NULL; kind++) {
        if (!kind->slow && !make(outlets, kinds, kind, source)) {
            return false;
        }
    }
    return true;
}

static void free_all(struct sink_set *outlets)
{
    for (size_t i = 0; i < outlets->count; i++) {
        outlets->outlet[i].sink->free(outlets->outlet[i].sink);
    }
    sink_stats_release(outlets->speaker);
    free(outlets);
}

struct sink_set *sink_set_new(const struct sink_kind *kinds, const struct sink_kind *row,
                              const struct sink_source *source, struct sink_stats *speaker)
{
    struct sink_set *outlets = calloc(1, sizeof(*outlets));

    if (outlets != NULL) {
        outlets->speaker = sink_stats_hold(speaker);
    }
    if (outlets != NULL && !make_all(outlets, kinds, row, source)) {
        free_all(outlets);
        outlets = NULL;
    }
    return outlets;
}

/* Losses that were not told yet; they are from now on. */
static unsigned long long count_untold(struct outlet *outlet)
{
    unsigned long long lost = atomic_load(&outlet->tally->lost);
    unsigned long long untold = lost - outlet->told;

    outlet->told = lost;
    return untold;
}

/* At a sink's end. Standard error has the program's own lines, and what no sink took. */
static void tell_unsent(struct outlet *outlet, const struct sink_stats *speaker,
                        struct teller *teller)
{
    const struct sink *sink = outlet->sink;
    unsigned long long lost = count_untold(outlet);
    unsigned long long unsent = lost + outlet->lines + sink->lost + sink->waiting;
    const char *what = sink->say == NULL ? "alert" : "line";
    bool shown = sink->say != NULL && lost == 0 && !atomic_load(&speaker->terminal_lacks);

    if (unsent == 0) {
        return;
    }
    if (shown) {
        teller_say(teller, LOG_ERR, "%llu %s%s did not reach %s; standard error has %s", unsent,
                   what, unsent == 1 ? "" : "s", sink->name, unsent == 1 ? "it" : "them");
    } else {
        teller_say(teller, LOG_ERR, "%llu %s%s did not reach %s and %s lost", unsent, what,
                   unsent == 1 ? "" : "s", sink->name, unsent == 1 ? "is" : "are");
    }
}

void sink_set_free(struct sink_set *outlets, struct teller *teller)
{
    if (outlets == NULL) {
        return;
    }
    for (size_t i = 0; i < outlets->count; i++) {
        outlets->outlet[i].sink->ending = true;
    }
    sink_set_retry(outlets, teller);
    for (size_t i = 0; i < outlets->count; i++) {
        tell_unsent(&outlets->outlet[i], outlets->speaker, teller);
    }
    free_all(outlets);
}

/* Judges what a sink returned. A sink in which something still waits has not recovered. */
static void judge(struct outlet *outlet, int result, const char *error, struct teller *teller)
{
    const struct sink *sink = outlet->sink;

    if (result == 0 && sink->waiting == 0) {
        atomic_store(&outlet->tally->failing, false);
    }
    if (result != 0) {
        atomic_store(&outlet->tally->failing, true);
        if (!outlet->failing) {
            teller_say(teller, LOG_ERR, "alerts do not reach %s%s: %s",
                       result == SINK_PARTLY ? "all of " : "", sink->name, error);
        }
        outlet->failing = true;
        return;
    }
    if (!outlet->failing || sink->waiting > 0) {
        return;
    }
    outlet->failing = false;
    unsigned long long lost = count_untold(outlet);
    teller_say(teller, LOG_NOTICE, "alerts reach %s again; %llu %s lost", sink->name, lost,
               lost == 1 ? "was" : "were");
    outlet->lines = 0;
}

void sink_set_open(struct sink_set *outlets, struct teller *teller)
{
    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;
        char error[SINK_ERROR_SIZE] = "";

        if (sink->open != NULL) {
            judge(&outlets->outlet[i], sink->open(sink, error), error, teller);
        }
    }
}

void sink_set_succeed(struct sink_set *outlets, struct sink_set *before)
{
    if (before == NULL) {
        return;
    }
    for (size_t i = 0; i < outlets->count; i++) {
        struct outlet *after = &outlets->outlet[i];

        for (size_t j = 0; j < before->count; j++) {
            struct outlet *old = &before->outlet[j];

            if (after->sink->succeed == NULL || strcmp(after->sink->name, old->sink->name) != 0) {
                continue;
            }
            after->sink->succeed(after->sink, old->sink);
            after->failing = old->failing;
            after->lines = old->lines;
            old->lines = 0;
        }
    }
}

/* Losses that a sink counted meanwhile: they are counted here or by the delivery instead. Of those
 * that waited no delivery is left, and in a sink that takes no lines they are announcements. */
static unsigned long take_lost(struct sink *sink)
{
    unsigned long lost = sink->lost;

    sink->lost = 0;
    return lost;
}

static void retry(struct sink_set *outlets, struct outlet *outlet, struct teller *teller)
{
    char error[SINK_ERROR_SIZE] = "";
    int result = outlet->sink->retry(outlet->sink, error);
    unsigned long lost = take_lost(outlet->sink);

    outlets->given_up += lost;
    if (outlet->sink->say == NULL) {
        atomic_fetch_add(&outlet->tally->lost, lost);
    } else {
        outlet->lines += lost;
    }
    judge(outlet, result, error, teller);
}

struct sink_set_fate sink_set_announce(struct sink_set *outlets,
                                       const struct announcement *announcement,
                                       struct teller *teller)
{
    struct sink_set_fate fate = {0};

    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;
        char error[SINK_ERROR_SIZE] = "";

        /* An announcement that is made again waits there already. */
        if (announcement->incident.again && (sink->watches || sink->waiting > 0)) {
            continue;
        }
        if (announcement->standing && !sink->stands) {
            continue;
        }
        /* Those that wait there go first, and a loss among them is not this one's. */
        if (sink->retry != NULL && sink->waiting > 0) {
            retry(outlets, &outlets->outlet[i], teller);
        }
        int result = sink->announce(sink, announcement, error);

        bool lost = take_lost(sink) > 0;
        judge(&outlets->outlet[i], result, error, teller);
        if (sink->watches) {
            continue;
        }
        fate.took += result >= 0;
        fate.sent |= result >= 0 && sink->waiting == 0;
        fate.waits |= !lost && sink->waiting > 0;
        if (result < 0 && !sink->stands && (lost || sink->waiting == 0)) {
            fate.refused |= 1U << (outlets->outlet[i].tally - outlets->speaker->sink);
        }
    }
    return fate;
}

size_t sink_set_say(struct sink_set *outlets, int priority, const char *line, struct teller *teller)
{
    size_t took = 0;

    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;
        char error[SINK_ERROR_SIZE] = "";

        if (sink->say == NULL) {
            continue;
        }
        int result = sink->say(sink, priority, line, error);
        outlets->outlet[i].lines += take_lost(sink);
        judge(&outlets->outlet[i], result, error, teller);
        took += result == 0;
    }
    return took;
}

void sink_set_retry(struct sink_set *outlets, struct teller *teller)
{
    for (size_t i = 0; i < outlets->count; i++) {
        const struct sink *sink = outlets->outlet[i].sink;

        if (sink->retry != NULL && sink->waiting > 0) {
            retry(outlets, &outlets->outlet[i], teller);
        }
    }
}

void sink_set_tick(struct sink_set *outlets, struct teller *teller)
{
    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;
        char error[SINK_ERROR_SIZE] = "";

        if (sink->tick != NULL) {
            judge(&outlets->outlet[i], sink->tick(sink, error), error, teller);
        }
    }
}

int sink_set_period_ms(const struct sink_set *outlets)
{
    int shortest_ms = 0;

    for (size_t i = 0; i < outlets->count; i++) {
        int period_ms = outlets->outlet[i].sink->period_ms;

        if (period_ms > 0 && (shortest_ms == 0 || period_ms < shortest_ms)) {
            shortest_ms = period_ms;
        }
    }
    return shortest_ms;
}

void sink_set_interrupt(const struct sink_set *outlets)
{
    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;

        if (sink->interrupt != NULL) {
            sink->interrupt(sink);
        }
    }
}

bool sink_set_have(const struct sink_set *outlets, const char *name)
{
    for (size_t i = 0; i < outlets->count; i++) {
        if (strcmp(outlets->outlet[i].sink->name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool sink_set_wait(const struct sink_set *outlets, bool working)
{
    for (size_t i = 0; i < outlets->count; i++) {
        if (outlets->outlet[i].sink->waiting > 0 && !(working && outlets->outlet[i].failing)) {
            return true;
        }
    }
    return false;
}

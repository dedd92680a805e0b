#include "lib/alert/sink/sink_set.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static bool make(struct outlets *outlets, const struct sink_kind *kinds,
                 const struct sink_kind *kind, const struct sink_source *source)
{
    if (!kind->wanted(source))
        return true;
    if (outlets->count == SINK_KINDS_MAX)
        return false;
    struct outlet *outlet = &outlets->outlet[outlets->count];
    outlet->sink = kind->make(source);
    if (outlet->sink == NULL)
        return false;
    outlet->tally = &outlets->speaker->sink[kind - kinds];
    outlets->count++;
    return true;
}

static bool make_all(struct outlets *outlets, const struct sink_kind *kinds,
                     const struct sink_kind *row, const struct sink_source *source)
{
    if (row != NULL)
        return make(outlets, kinds, row, source);
    for (const struct sink_kind *kind = kinds; kind->name != NULL; kind++)
        if (!kind->slow && !make(outlets, kinds, kind, source))
            return false;
    return true;
}

static void free_all(struct outlets *outlets)
{
    for (size_t i = 0; i < outlets->count; i++)
        outlets->outlet[i].sink->free(outlets->outlet[i].sink);
    speaker_release(outlets->speaker);
    free(outlets);
}

struct outlets *outlets_new(const struct sink_kind *kinds, const struct sink_kind *row,
                            const struct sink_source *source, struct speaker *speaker)
{
    struct outlets *outlets = calloc(1, sizeof(*outlets));

    if (outlets != NULL)
        outlets->speaker = speaker_hold(speaker);
    if (outlets != NULL && !make_all(outlets, kinds, row, source)) {
        free_all(outlets);
        outlets = NULL;
    }
    return outlets;
}

void outlets_free(struct outlets *outlets, struct inbox *inbox)
{
    if (outlets == NULL)
        return;
    outlets_retry(outlets, inbox);
    for (size_t i = 0; i < outlets->count; i++) {
        const struct sink *sink = outlets->outlet[i].sink;
        unsigned long lost = sink->lost + sink->waiting;

        atomic_fetch_add(&outlets->outlet[i].tally->lost, lost - outlets->outlet[i].counted);
        if (lost > 0)
            inbox_say(inbox, LOG_ERR, "%lu line%s did not reach %s and %s lost", lost,
                      lost == 1 ? "" : "s", sink->name, lost == 1 ? "is" : "are");
    }
    free_all(outlets);
}

/* Judges what a sink returned. A sink in which something still waits has not recovered. */
static void judge(struct outlet *outlet, int result, const char *error, struct inbox *inbox)
{
    struct sink *sink = outlet->sink;

    atomic_fetch_add(&outlet->tally->lost, sink->lost - outlet->counted);
    outlet->counted = sink->lost;
    if (result == 0 && sink->waiting == 0)
        atomic_store(&outlet->tally->failing, false);
    if (result != 0) {
        atomic_store(&outlet->tally->failing, true);
        if (!outlet->failing)
            inbox_say(inbox, LOG_ERR, "alerts do not reach %s: %s", sink->name, error);
        outlet->failing = true;
        return;
    }
    if (!outlet->failing || sink->waiting > 0)
        return;
    outlet->failing = false;
    inbox_say(inbox, LOG_NOTICE, "alerts reach %s again; %lu %s lost", sink->name, sink->lost,
              sink->lost == 1 ? "was" : "were");
    sink->lost = 0;
    outlet->counted = 0;
}

void outlets_open(struct outlets *outlets, struct inbox *inbox)
{
    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;
        char error[SINK_ERROR_SIZE] = "";

        if (sink->open != NULL)
            judge(&outlets->outlet[i], sink->open(sink, error), error, inbox);
    }
}

void outlets_succeed(struct outlets *outlets, struct outlets *before)
{
    if (before == NULL)
        return;
    for (size_t i = 0; i < outlets->count; i++) {
        struct outlet *after = &outlets->outlet[i];

        for (size_t j = 0; j < before->count; j++) {
            const struct outlet *old = &before->outlet[j];

            if (after->sink->succeed == NULL || strcmp(after->sink->name, old->sink->name) != 0)
                continue;
            after->sink->succeed(after->sink, old->sink);
            after->failing = old->failing;
            after->counted = old->counted;
        }
    }
}

size_t outlets_announce(struct outlets *outlets, const struct announcement *announcement,
                        struct inbox *inbox)
{
    size_t took = 0;

    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;
        char error[SINK_ERROR_SIZE] = "";
        int result = sink->announce(sink, announcement, error);

        judge(&outlets->outlet[i], result, error, inbox);
        took += result == 0 && !sink->watches;
    }
    return took;
}

size_t outlets_say(struct outlets *outlets, int priority, const char *line, struct inbox *inbox)
{
    size_t took = 0;

    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;
        char error[SINK_ERROR_SIZE] = "";

        if (sink->say == NULL)
            continue;
        int result = sink->say(sink, priority, line, error);
        judge(&outlets->outlet[i], result, error, inbox);
        took += result == 0;
    }
    return took;
}

void outlets_retry(struct outlets *outlets, struct inbox *inbox)
{
    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;
        char error[SINK_ERROR_SIZE] = "";

        if (sink->retry != NULL && sink->waiting > 0)
            judge(&outlets->outlet[i], sink->retry(sink, error), error, inbox);
    }
}

void outlets_tick(struct outlets *outlets, struct inbox *inbox)
{
    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;
        char error[SINK_ERROR_SIZE] = "";

        if (sink->tick != NULL)
            judge(&outlets->outlet[i], sink->tick(sink, error), error, inbox);
    }
}

int outlets_period_ms(const struct outlets *outlets)
{
    int shortest_ms = 0;

    for (size_t i = 0; i < outlets->count; i++) {
        int period_ms = outlets->outlet[i].sink->period_ms;

        if (period_ms > 0 && (shortest_ms == 0 || period_ms < shortest_ms))
            shortest_ms = period_ms;
    }
    return shortest_ms;
}

void outlets_interrupt(const struct outlets *outlets)
{
    for (size_t i = 0; i < outlets->count; i++) {
        struct sink *sink = outlets->outlet[i].sink;

        if (sink->interrupt != NULL)
            sink->interrupt(sink);
    }
}

bool outlets_have(const struct outlets *outlets, const char *name)
{
    for (size_t i = 0; i < outlets->count; i++)
        if (strcmp(outlets->outlet[i].sink->name, name) == 0)
            return true;
    return false;
}

bool outlets_wait(const struct outlets *outlets, bool working)
{
    for (size_t i = 0; i < outlets->count; i++)
        if (outlets->outlet[i].sink->waiting > 0 && !(working && outlets->outlet[i].failing))
            return true;
    return false;
}

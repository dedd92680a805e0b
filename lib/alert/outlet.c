#include "lib/alert/outlet.h"

#include <stdlib.h>
#include <syslog.h>

static bool make_all(struct outlets *outlets, const struct outlet_source *source,
                     const struct alert_settings *settings, bool slow)
{
    for (const struct sink_kind *kind = source->kinds; kind->name != NULL; kind++) {
        if (kind->slow != slow || !kind->wanted(settings))
            continue;
        if (outlets->count == SINK_KINDS_MAX)
            return false;
        struct sink *sink = kind->make(source->identity, settings, source->syslog_socket);
        if (sink == NULL)
            return false;
        outlets->outlet[outlets->count++].sink = sink;
    }
    return true;
}

static void free_all(struct outlets *outlets)
{
    for (size_t i = 0; i < outlets->count; i++)
        outlets->outlet[i].sink->free(outlets->outlet[i].sink);
    free(outlets);
}

struct outlets *outlets_new(const struct outlet_source *source,
                            const struct alert_settings *settings, bool slow)
{
    struct outlets *outlets = calloc(1, sizeof(*outlets));

    if (outlets != NULL && !make_all(outlets, source, settings, slow)) {
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

    if (result != 0) {
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

            if (after->sink->succeed == NULL || after->sink->succeed != old->sink->succeed)
                continue;
            after->sink->succeed(after->sink, old->sink);
            after->failing = old->failing;
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
        took += result == 0;
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

bool outlets_wait(const struct outlets *outlets, bool working)
{
    for (size_t i = 0; i < outlets->count; i++)
        if (outlets->outlet[i].sink->waiting > 0 && !(working && outlets->outlet[i].failing))
            return true;
    return false;
}

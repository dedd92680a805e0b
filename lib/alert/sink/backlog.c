#include "lib/alert/sink/backlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/thread.h"

#define FIRST_MS 2000
#define LAST_MS  60000

void backlog_init(struct backlog *backlog, struct sink *sink, backlog_send send)
{
    backlog->sink = sink;
    backlog->send = send;
}

static void drop_oldest(struct backlog *backlog)
{
    free(backlog->kept[0]);
    backlog->sink->waiting--;
    for (size_t i = 0; i < backlog->sink->waiting; i++) {
        backlog->kept[i] = backlog->kept[i + 1];
    }
}

void backlog_free(struct backlog *backlog)
{
    while (backlog->sink->waiting > 0) {
        drop_oldest(backlog);
    }
}

static void keep(struct backlog *backlog, const struct announcement *announcement)
{
    struct announcement *copy = malloc(sizeof(*copy));

    if (copy == NULL) {
        backlog->sink->lost++;
        return;
    }
    if (backlog->sink->waiting == BACKLOG_MAX) {
        drop_oldest(backlog);
        backlog->sink->lost++;
    }
    *copy = *announcement;
    backlog->kept[backlog->sink->waiting++] = copy;
}

static void put_off(struct backlog *backlog)
{
    backlog->distance_ms = backlog->distance_ms == 0            ? FIRST_MS
                           : backlog->distance_ms * 2 < LAST_MS ? backlog->distance_ms * 2
                                                                : LAST_MS;
    backlog->next = thread_moment(backlog->distance_ms);
}

/* ---- what was taken late --------------------------------------------------------------------- */

/* "0123456789abcdef1": the id and the state of an announcement. */
static void name_late(const struct announcement *announcement, char out[BACKLOG_NAME_SIZE])
{
    snprintf(out, BACKLOG_NAME_SIZE, "%.16s%d", announcement->incident.id,
             (int)announcement->state % 10);
}

static void remember_late(struct backlog *backlog, const struct announcement *announcement)
{
    name_late(announcement, backlog->late[backlog->late_next++ % BACKLOG_MAX]);
}

/* Whether it was, and forgets it: tomorrow's reminder has the same name as today's. */
static bool forget_late(struct backlog *backlog, const struct announcement *announcement)
{
    char name[BACKLOG_NAME_SIZE];
    bool found = false;

    name_late(announcement, name);
    for (size_t i = 0; i < BACKLOG_MAX; i++) {
        if (strcmp(backlog->late[i], name) == 0) {
            backlog->late[i][0] = '\0';
            found = true;
        }
    }
    return found;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Sends those that wait, when it is time or never will be, until one is not taken. */
static void send_kept(struct backlog *backlog)
{
    while (backlog->sink->waiting > 0 &&
           (backlog->sink->ending || thread_moment_left(&backlog->next) == 0)) {
        enum sink_fate fate = backlog->send(backlog->sink, backlog->kept[0], backlog->last_error);

        if (fate == SINK_FAILED) {
            put_off(backlog);
            return;
        }
        if (fate == SINK_REFUSED) {
            backlog->sink->lost++;
        } else {
            remember_late(backlog, backlog->kept[0]);
        }
        drop_oldest(backlog);
        backlog->distance_ms = 0;
    }
}

static int tell(const struct backlog *backlog, char error[SINK_ERROR_SIZE])
{
    if (backlog->sink->waiting == 0 && backlog->sink->lost == 0) {
        return 0;
    }
    snprintf(error, SINK_ERROR_SIZE, "%s", backlog->last_error);
    return -1;
}

int backlog_announce(struct backlog *backlog, const struct announcement *announcement,
                     char error[SINK_ERROR_SIZE])
{
    struct sink *sink = backlog->sink;

    if (forget_late(backlog, announcement) && announcement->incident.again) {
        return 0;
    }
    if (sink->waiting > 0) {
        keep(backlog, announcement);
        send_kept(backlog);
        return tell(backlog, error);
    }
    enum sink_fate fate = backlog->send(sink, announcement, backlog->last_error);
    if (fate == SINK_TAKEN) {
        backlog->distance_ms = 0;
    } else if (fate == SINK_FAILED && !announcement->test) {
        keep(backlog, announcement);
        put_off(backlog);
    } else {
        sink->lost++;
    }
    return tell(backlog, error);
}

int backlog_retry(struct backlog *backlog, char error[SINK_ERROR_SIZE])
{
    send_kept(backlog);
    return tell(backlog, error);
}

/* The settings may have changed for the very reason that it was not taken. */
void backlog_succeed(struct backlog *backlog, struct backlog *before)
{
    memcpy(backlog->kept, before->kept, sizeof(backlog->kept));
    memcpy(backlog->late, before->late, sizeof(backlog->late));
    memcpy(backlog->last_error, before->last_error, sizeof(backlog->last_error));
    backlog->late_next = before->late_next;
    backlog->distance_ms = 0;
    backlog->next = thread_moment(0);
    backlog->sink->waiting = before->sink->waiting;
    backlog->sink->lost = before->sink->lost;
    before->sink->waiting = 0;
    before->sink->lost = 0;
}

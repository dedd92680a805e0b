#include <stdio.h>

#include "probe/audit/audit_private.h"

#define TICK_MS    1000
#define REDRAW_MS  100  /* not more often than this: a terminal is slow */
#define RATE_MS    3000 /* before that a rate says nothing */
#define RATE_LEAST 20   /* endpoints that are done, likewise */

/* The entry that is asked again first; NULL when none waits for that. */
static const struct entry *first_due(const struct audit *audit)
{
    const struct entry *first = NULL;

    for (const struct entry *entry = audit->first_live; entry != NULL; entry = entry->next) {
        if (entry->state == ENTRY_PATIENT && (first == NULL || entry->due < first->due)) {
            first = entry;
        }
    }
    return first;
}

static size_t count_expecting(const struct audit *audit)
{
    size_t count = 0;

    for (const struct entry *entry = audit->first_live; entry != NULL; entry = entry->next) {
        count += entry->state == ENTRY_EXPECTING;
    }
    return count;
}

/* While targets are looked up yet, those that were say how many the others may have. */
static size_t guess_all(const struct audit *audit)
{
    size_t targets = audit->request.target_count;
    double guess = (double)audit->place_count * (double)targets / (double)(audit->searched + 1);

    if (audit->searched == targets) {
        return audit->place_count;
    }
    return guess > (double)audit->place_count ? (size_t)guess : audit->place_count;
}

static void show_time_left(const struct audit *audit, size_t all, int64_t now)
{
    double seconds = (double)(now - audit->began) / 1000;
    double rate = (double)audit->done / seconds;

    if (now - audit->began < RATE_MS || audit->done < RATE_LEAST || all <= audit->done) {
        return;
    }
    long left = (long)((double)(all - audit->done) / rate) + 1;
    fprintf(stderr, ", %.*f a second, ", rate < 10 ? 1 : 0, rate);
    if (left >= 60) {
        fprintf(stderr, "%ld min %ld s left", left / 60, left % 60);
    } else {
        fprintf(stderr, "%ld s left", left);
    }
}

static void show_put_off(const struct audit *audit, int64_t now)
{
    const struct entry *due = first_due(audit);

    if (due != NULL) {
        int64_t left = due->due > now ? (due->due - now + 999) / 1000 : 0;
        fprintf(stderr, "; put off, asking again in %lld s", (long long)left);
    }
}

static void tick_in(struct audit *audit, int64_t ms)
{
    if (audit->tick != NULL) {
        (void)loop_timer_set(audit->tick, loop_now(audit->loop) + ms);
    }
}

void audit_show_progress(struct audit *audit)
{
    int64_t now = loop_now(audit->loop);

    if (!audit->request.progress) {
        return;
    }
    if (audit->tick != NULL && audit->shown != 0 && now - audit->shown < REDRAW_MS) {
        tick_in(audit, REDRAW_MS);
        return;
    }
    size_t all = guess_all(audit);
    size_t expecting = count_expecting(audit);
    audit->shown = now;
    fprintf(stderr, "\r\033[K%zu of %s%zu endpoints done", audit->done,
            audit->searched < audit->request.target_count ? "about " : "", all);
    show_time_left(audit, all, now);
    show_put_off(audit, now);
    if (expecting > 0) {
        fprintf(stderr, "; waiting for %zu message%s to arrive", expecting,
                expecting == 1 ? "" : "s");
    }
    fflush(stderr);
    tick_in(audit, TICK_MS);
}

void audit_clear_progress(const struct audit *audit)
{
    if (audit->request.progress) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

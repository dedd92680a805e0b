#include <stdio.h>

#include "probe/audit/audit_private.h"

#define TICK_MS 1000

/* The entry that is asked again first; NULL when none waits for that. */
static const struct entry *first_due(const struct audit *audit)
{
    const struct entry *first = NULL;

    for (size_t i = 0; i < audit->entry_count; i++) {
        const struct entry *entry = audit->entries[i];
        if (entry->state == ENTRY_PATIENT && (first == NULL || entry->due < first->due)) {
            first = entry;
        }
    }
    return first;
}

static size_t count_expecting(const struct audit *audit)
{
    size_t count = 0;

    for (size_t i = 0; i < audit->entry_count; i++) {
        count += audit->entries[i]->state == ENTRY_EXPECTING;
    }
    return count;
}

void audit_show_progress(struct audit *audit)
{
    const struct entry *due = first_due(audit);
    size_t expecting = count_expecting(audit);

    if (!audit->request.progress) {
        return;
    }
    fprintf(stderr, "\r\033[K%zu of %zu endpoints done", audit->done, audit->entry_count);
    if (due != NULL) {
        int64_t now = loop_now(audit->loop);
        int64_t left = due->due > now ? (due->due - now + 999) / 1000 : 0;
        fprintf(stderr, "; put off, asking again in %lld s", (long long)left);
        if (audit->tick != NULL) {
            (void)loop_timer_set(audit->tick, now + TICK_MS);
        }
    }
    if (expecting > 0) {
        fprintf(stderr, "; waiting for %zu message%s to arrive", expecting,
                expecting == 1 ? "" : "s");
    }
    fflush(stderr);
}

void audit_clear_progress(const struct audit *audit)
{
    if (audit->request.progress) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

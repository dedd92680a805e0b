#include "probe/audit_parts.h"

static void on_later(void *user)
{
    struct entry *entry = user;

    entry->state = ENTRY_WAITING;
    entry->round = DIALOGUE_AGAIN;
    entry->audit->first_waiting = 0;
    audit_start_waiting(entry->audit);
}

/* Without memory for a timer the audit goes on without. */
static bool set_later(struct entry *entry, int64_t when)
{
    struct loop *loop = entry->audit->loop;

    if (entry->later == NULL) {
        entry->later = loop_timer_new(loop, on_later, entry);
    }
    entry->due = when;
    return entry->later != NULL && loop_timer_set(entry->later, when) == 0;
}

bool audit_next_round(struct entry *entry)
{
    struct audit *audit = entry->audit;
    int64_t now = loop_now(audit->loop);
    int64_t when;

    if (entry->round == DIALOGUE_ALL) {
        entry->patience.until = now + audit->request.wait_ms;
    }
    if (patience_next(&entry->patience, &entry->result, now, &when) && set_later(entry, when)) {
        entry->state = ENTRY_PATIENT;
        audit_show_progress(audit);
        return true;
    }
    return false;
}

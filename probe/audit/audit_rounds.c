#include <stdio.h>

#include "probe/audit/audit_private.h"

/* ---- from audit to audit ------------------------------------------------------------------ */

static void forget(struct audit *audit, const char *why)
{
    snprintf(audit->summary.forgotten, sizeof(audit->summary.forgotten), "%.500s", why);
}

void audit_recall(struct audit *audit)
{
    char error[MEMORY_ERROR_SIZE];
    bool configured = false;
    const char *record = audit->request.record;

    arrivals_path(audit->request.conf->state_directory, audit->arrivals.path);
    if (record != NULL) {
        snprintf(audit->arrivals.path, sizeof(audit->arrivals.path), "%s", record);
    }
    for (size_t i = 0; i < audit->request.target_count; i++) {
        configured |= audit->request.targets[i].configured;
    }
    if (configured) {
        audit->memory = memory_open(audit->request.conf->state_directory, error);
        if (audit->memory == NULL) {
            forget(audit, error);
        }
    }
}

void audit_remember(struct audit *audit)
{
    const struct audit_summary *summary = &audit->summary;
    char error[MEMORY_ERROR_SIZE];

    if (audit->memory != NULL &&
        !memory_keep(audit->memory, summary->results, summary->count, time(NULL), error)) {
        forget(audit, error);
    }
}

/* ---- within one --------------------------------------------------------------------------- */

static void on_later(void *user)
{
    struct entry *entry = user;

    if (entry->state == ENTRY_EXPECTING) {
        audit_message_is_late(entry);
        return;
    }
    entry->state = ENTRY_WAITING;
    entry->round = DIALOGUE_AGAIN;
    entry->audit->first_waiting = 0;
    audit_start_waiting(entry->audit);
}

bool audit_set_later(struct entry *entry, int64_t when)
{
    struct loop *loop = entry->audit->loop;

    if (entry->later == NULL) {
        entry->later = loop_timer_new(loop, on_later, entry);
    }
    entry->due = when;
    return entry->later != NULL && loop_timer_set(entry->later, when) == 0;
}

static bool is_asked_again(struct entry *entry)
{
    struct audit *audit = entry->audit;
    int64_t now = loop_now(audit->loop);
    int64_t when;

    if (entry->round == DIALOGUE_ALL) {
        entry->patience.until = now + audit->request.wait_ms;
    }
    if (patience_next(&entry->patience, &entry->result, now, &when) &&
        audit_set_later(entry, when)) {
        entry->state = ENTRY_PATIENT;
        audit_show_progress(audit);
        return true;
    }
    return false;
}

bool audit_next_round(struct entry *entry)
{
    if (entry->round == DIALOGUE_MESSAGE) {
        return audit_expects_message(entry);
    }
    if (is_asked_again(entry)) {
        return true;
    }
    if (audit_sends_message(entry)) {
        entry->round = DIALOGUE_MESSAGE;
        entry->state = ENTRY_WAITING;
        entry->audit->first_waiting = 0;
        return true;
    }
    return audit_expects_message(entry);
}

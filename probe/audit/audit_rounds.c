#include <stdio.h>

#include "probe/audit/audit_private.h"

/* ---- from audit to audit ------------------------------------------------------------------ */

static void forget(struct audit *audit, const char *why)
{
    snprintf(audit->summary.forgotten, sizeof(audit->summary.forgotten), "%.500s", why);
}

void audit_recall(struct audit *audit)
{
    char error[CARRY_OVER_ERROR_SIZE];
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
        audit->memory = carry_over_open(audit->request.conf->state_directory, error);
        if (audit->memory == NULL) {
            forget(audit, error);
        }
    }
}

void audit_remember(struct audit *audit)
{
    const struct audit_summary *summary = &audit->summary;
    char error[CARRY_OVER_ERROR_SIZE];

    if (audit->memory != NULL && !carry_over_keep(audit->memory, summary, time(NULL), error)) {
        forget(audit, error);
    }
}

/* ---- within one --------------------------------------------------------------------------- */

static bool is_asked_again(struct entry *entry)
{
    struct audit *audit = entry->audit;
    int64_t now = loop_now(audit->loop);
    int64_t when;

    if (entry->round == CLIENT_ALL) {
        entry->patience.until = now + audit->request.wait_ms;
    }
    if (retry_next(&entry->patience, &entry->result, now, &when) && audit_set_later(entry, when)) {
        entry->state = ENTRY_PATIENT;
        audit_show_progress(audit);
        return true;
    }
    return false;
}

bool audit_next_round(struct entry *entry)
{
    if (entry->round == CLIENT_MESSAGE) {
        return audit_expects_message(entry);
    }
    if (is_asked_again(entry)) {
        return true;
    }
    if (audit_sends_message(entry)) {
        entry->round = CLIENT_MESSAGE;
        entry->state = ENTRY_WAITING;
        return true;
    }
    return audit_expects_message(entry);
}

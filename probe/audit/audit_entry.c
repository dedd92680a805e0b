#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/audit/audit_private.h"
#include "probe/judge/verdict.h"

/* ---- making them ------------------------------------------------------------------------- */

/* auto: where it has answered before. */
static bool expects_milter(const struct audit *audit, size_t target,
                           const struct endpoint *endpoint)
{
    enum conf_tristate expected = audit->request.targets[target].expect_milter;

    /* Nobody has our key there. */
    if (endpoint->hosted) {
        return false;
    }
    return expected == CONF_TRUE ||
           (expected == CONF_AUTO && audit->memory != NULL && endpoint->configured &&
            endpoint->address.family != ADDRESS_NONE &&
            carry_over_has_answered(audit->memory, endpoint, time(NULL)));
}

void audit_fill_entry(struct entry *entry, struct audit *audit, size_t target,
                      const struct resolved *resolved)
{
    entry->audit = audit;
    entry->target = target;
    entry->result.endpoint = resolved->endpoint;
    entry->result.reach = REACH_NO_CONNECT;
    entry->result.milter.expected = expects_milter(audit, target, &resolved->endpoint);
}

void audit_not_asked(struct audit *audit, size_t target)
{
    if (audit->not_asked++ == 0) {
        audit->not_asked_target = target;
    }
}

struct entry *audit_add_entry(struct audit *audit, size_t target, const struct resolved *resolved)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    struct place *place = entry != NULL ? audit_add_place(audit, target, resolved) : NULL;

    if (place == NULL) {
        free(entry);
        audit_not_asked(audit, target);
        return NULL;
    }
    audit_fill_entry(entry, audit, target, resolved);
    place->entry = entry;
    entry->place = place;
    entry->previous = audit->last_live;
    if (audit->last_live != NULL) {
        audit->last_live->next = entry;
    } else {
        audit->first_live = entry;
    }
    audit->last_live = entry;
    audit->live++;
    return entry;
}

/* ---- their end --------------------------------------------------------------------------- */

struct vantage_known audit_vantage(const struct audit *audit)
{
    return (struct vantage_known){.declared = audit->request.conf->probe.vantage,
                                  .site = audit->request.conf->site};
}

/* From those that are live to those that are gone. */
static void take_out(struct entry *entry)
{
    struct audit *audit = entry->audit;

    if (entry->previous != NULL) {
        entry->previous->next = entry->next;
    } else {
        audit->first_live = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    } else {
        audit->last_live = entry->previous;
    }
    audit->live--;
    entry->next = audit->gone;
    audit->gone = entry;
}

void audit_judge(struct entry *entry)
{
    const struct audit *audit = entry->audit;
    const struct vantage_known vantage = audit_vantage(audit);

    entry->state = ENTRY_DONE;
    verdict_endpoint(&entry->result, &vantage);
    if (audit->request.judged != NULL) {
        audit->request.judged(&entry->result, audit->request.user);
    }
}

void audit_entry_done(struct entry *entry)
{
    struct audit *audit = entry->audit;
    struct place *place = entry->place;

    audit_judge(entry);
    place->entry = NULL;
    place->result.verdict = entry->result.verdict;
    place->result.critical = verdict_exit_of(&entry->result) == 2;
    result_store_add(audit->store, &entry->result, &place->result);
    audit->done++;
    take_out(entry);
    (void)loop_timer_set(audit->feeder, loop_now(audit->loop));
    audit_show_progress(audit);
}

void audit_free_entry(struct entry *entry)
{
    client_free(entry->dialogue);
    result_free(&entry->result);
    loop_timer_free(entry->grace);
    loop_timer_free(entry->later);
    if (entry->inquiry != NULL) {
        address_facts_release(entry->audit->inquiries, entry->inquiry);
    }
    free(entry->message);
    free(entry);
}

void audit_free_gone(struct audit *audit)
{
    while (audit->gone != NULL) {
        struct entry *entry = audit->gone;
        audit->gone = entry->next;
        audit_free_entry(entry);
    }
}

void audit_break_if_over(struct audit *audit)
{
    if (audit->searched == audit->request.target_count && audit->live == 0) {
        loop_break(audit->loop);
    }
}

/* It ends a wait whose end is not known here: who wires the audit says what follows. */
bool audit_set_later(struct entry *entry, int64_t when)
{
    struct audit *audit = entry->audit;

    if (entry->later == NULL) {
        entry->later = loop_timer_new(audit->loop, audit->on_later, entry);
    }
    entry->due = when;
    return entry->later != NULL && loop_timer_set(entry->later, when) == 0;
}

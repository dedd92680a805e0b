#include "probe/audit/audit_private.h"

/* How long an endpoint that is asked through waits for what DNS has not said yet. It was asked when
 * the session began, and sessions take longer than DNS unless both are near or DNS is dead. */
#define GRACE_MS 250

static void settled(struct entry *entry)
{
    loop_timer_clear(entry->grace);
    audit_entry_done(entry);
    audit_break_if_over(entry->audit);
}

static void on_grace_over(void *user)
{
    settled(user);
}

void audit_on_inquiry_done(void *user)
{
    const struct audit *audit = user;
    struct entry *next;

    for (struct entry *entry = audit->first_live; entry != NULL; entry = next) {
        next = entry->next;
        if (entry->state == ENTRY_SETTLING && address_inquiry_is_done(entry->inquiry)) {
            settled(entry);
        }
    }
}

/* DNS and block lists know nothing of a private address. Without memory the audit goes on without
 * them. */
void audit_inquire(struct entry *entry)
{
    struct audit *audit = entry->audit;
    const struct address *address = &entry->result.endpoint.address;

    /* The operator cannot mend the DNS of somebody else's server. */
    bool apart = address_is_private(address) || entry->result.endpoint.hosted;
    entry->inquiry = apart ? NULL : address_facts_ask(audit->inquiries, address);
    if (entry->inquiry != NULL) {
        entry->result.dns = address_inquiry_posture(entry->inquiry);
        entry->grace = loop_timer_new(audit->loop, on_grace_over, entry);
    }
}

/* Its connection is free for others; the verdict waits for nothing else. */
void audit_settle(struct entry *entry)
{
    bool wait = entry->inquiry != NULL && !address_inquiry_is_done(entry->inquiry) &&
                entry->grace != NULL &&
                loop_timer_set(entry->grace, loop_now(entry->audit->loop) + GRACE_MS) == 0;

    if (wait) {
        entry->state = ENTRY_SETTLING;
    } else {
        audit_entry_done(entry);
    }
}

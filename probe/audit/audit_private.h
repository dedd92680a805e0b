/*
 * audit_parts - what the parts of an audit share
 *
 * For audit.c (asking and running), audit_rounds.c (what follows the first round), audit_message.c,
 * audit_progress.c and audit_end.c (what is left at the end) alone.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_PARTS_H
#define RELAYWARDEN_PROBE_AUDIT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/domain.h"
#include "probe/audit/arrivals.h"
#include "probe/audit/audit.h"
#include "probe/audit/carry_over.h"
#include "probe/dns/address_facts.h"
#include "probe/dns/dns.h"
#include "probe/dns/endpoints.h"
#include "probe/net/connection.h"
#include "probe/smtp/client.h"
#include "probe/smtp/retry.h"

enum entry_state {
    ENTRY_WAITING,
    ENTRY_ASKING,
    ENTRY_PATIENT,   /* put off: asked again when its timer is due */
    ENTRY_EXPECTING, /* its message was taken: until it arrives, or its timer is due */
    ENTRY_SETTLING,  /* asked; DNS has not said all of its address */
    ENTRY_DONE,
};

/* One endpoint. */
struct entry {
    struct audit *audit;
    enum entry_state state;
    size_t target;             /* index of its target */
    unsigned int rank;         /* of its host within the target */
    bool shared;               /* another endpoint has the same address and port */
    unsigned int connections;  /* that it may have, while it is asked */
    enum dialogue_round round; /* that it is in or waits for */
    struct dialogue *dialogue;
    struct patience patience;
    struct loop_timer *later; /* ends ENTRY_PATIENT and ENTRY_EXPECTING; NULL until needed */
    int64_t due;              /* when it is due */
    size_t message_row;       /* for DIALOGUE_MESSAGE */
    char *message;            /* likewise; NULL until it is needed */
    char expected[MEMORY_MESSAGES_MAX][MESSAGE_TOKEN_SIZE]; /* any of these */
    size_t expected_count;
    struct inquiry *inquiry; /* of its address, shared by endpoints; NULL = none */
    struct loop_timer *grace;
    struct endpoint_result result;
};

/* One target while its endpoints are looked for. */
struct search {
    struct audit *audit;
    size_t target;
    struct resolution *resolution;
    bool done;
};

struct audit {
    struct audit_request request;
    struct loop *loop;
    struct dns *dns;
    struct dialogue_settings settings;
    char helo[DOMAIN_SIZE];
    struct search *searches;
    size_t searching; /* not done yet */
    struct entry **entries;
    size_t entry_count;
    size_t entry_room;
    size_t first_waiting;     /* entries before it wait no more */
    unsigned int connections; /* that the endpoints under way may have */
    size_t done;
    struct entry *spare; /* says how many endpoints could not be kept */
    size_t not_kept;
    size_t not_kept_target; /* the first such endpoint's */
    struct inquiries *inquiries;
    struct memory *memory; /* NULL when it cannot be had, or no target is configured */
    struct arrivals arrivals;
    struct loop_timer *poll; /* looks for arrivals while any are expected; NULL until then */
    struct loop_timer *tick; /* moves the line of progress on while time passes; NULL without */
    const struct endpoint_result **results;
    struct audit_summary summary;
};

/* audit.c */
/* The entry is asked through: judges it, or waits a moment for DNS. */
void audit_settle(struct entry *entry);
void audit_break_if_over(struct audit *audit);
/* Begins with entries that wait, as many as may be asked at once. */
void audit_start_waiting(struct audit *audit);
/* Nothing more is learnt of it: judges it. */
void audit_entry_done(struct entry *entry);
/* NULL when there is no room for it; the spare entry will say so. */
struct entry *audit_add_entry(struct audit *audit, size_t target, const struct resolved *resolved);
/* There is room for it. */
void audit_fill_entry(struct entry *entry, struct audit *audit, size_t target,
                      const struct resolved *resolved);

/* audit_rounds.c */
/* The entry's round is over. Whether another follows, now or later: then its state says so. */
bool audit_next_round(struct entry *entry);
/* Sets the entry's timer; false without memory, when the audit goes on without. */
bool audit_set_later(struct entry *entry, int64_t when);

/* What earlier audits left, and what this one leaves, where a target is configured. */
void audit_recall(struct audit *audit);
void audit_remember(struct audit *audit);

/* audit_message.c */
/* Whether a message follows, which the entry is then ready to send, or its arrival is waited for.
 */
bool audit_sends_message(struct entry *entry);
bool audit_expects_message(struct entry *entry);
/* While an entry expects its message, its time came. */
void audit_message_is_late(struct entry *entry);

/* audit_progress.c */
void audit_show_progress(struct audit *audit);
void audit_clear_progress(const struct audit *audit);

/* audit_end.c */
/* What an interruption left open: endpoints that were not finished, and targets whose endpoints are
 * not known; and what could not be kept. */
void audit_close_open_ends(struct audit *audit);
/* False when memory is out. */
bool audit_sum_up(struct audit *audit, int64_t began);

#endif

/*
 * audit_parts - what the parts of an audit share
 *
 * For audit.c (asking and running) and audit_end.c (what is left at the end) alone.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_PARTS_H
#define RELAYWARDEN_PROBE_AUDIT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/domain.h"
#include "probe/audit.h"
#include "probe/dialogue.h"
#include "probe/dns.h"
#include "probe/inquiry.h"
#include "probe/resolve.h"
#include "probe/transport.h"

enum entry_state {
    ENTRY_WAITING,
    ENTRY_ASKING,
    ENTRY_SETTLING, /* asked; DNS has not said all of its address */
    ENTRY_DONE,
};

/* One endpoint. */
struct entry {
    struct audit *audit;
    enum entry_state state;
    size_t target;            /* index of its target */
    unsigned int rank;        /* of its host within the target */
    bool shared;              /* another endpoint has the same address and port */
    unsigned int connections; /* that it may have, while it is asked */
    struct dialogue *dialogue;
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
    const struct endpoint_result **results;
    struct audit_summary summary;
};

/* audit.c */
/* Nothing more is learnt of it: judges it. */
void audit_entry_done(struct entry *entry);
/* NULL when there is no room for it; the spare entry will say so. */
struct entry *audit_add_entry(struct audit *audit, size_t target, const struct resolved *resolved);
/* There is room for it. */
void audit_fill_entry(struct entry *entry, struct audit *audit, size_t target,
                      const struct resolved *resolved);

/* audit_end.c */
/* What an interruption left open: endpoints that were not finished, and targets whose endpoints are
 * not known; and what could not be kept. */
void audit_close_open_ends(struct audit *audit);
/* False when memory is out. */
bool audit_sum_up(struct audit *audit, int64_t began);

#endif

/*
 * audit_private - what the parts of an audit share
 *
 * An endpoint is an entry from when it is found until it is judged; what is left of it then is its
 * place, and its result in the store. So many entries as are live at once bound the memory.
 *
 * For them alone. Each calls those above it in this list, and none below:
 * - audit_place.c: where the endpoints are, so that none is asked twice
 * - audit_progress.c: the line that says how far the audit is
 * - audit_entry.c: the entries, and their end
 * - audit_inquiry.c: what DNS says of an entry's address, and the wait for it
 * - audit_message.c: the message that proves relaying, and its arrival
 * - audit_rounds.c: what follows an entry's round; what is known from audit to audit
 * - audit_queue.c: who is asked next
 * - audit_end.c: what is left at the end (on audit_entry.c alone)
 * - audit.c: looks for the endpoints, and wires the rest
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_AUDIT_PRIVATE_H
#define RELAYWARDEN_PROBE_AUDIT_AUDIT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/domain.h"
#include "probe/audit/arrivals.h"
#include "probe/audit/audit_request.h"
#include "probe/audit/carry_over.h"
#include "probe/dns/address_facts.h"
#include "probe/dns/dns.h"
#include "probe/dns/endpoints.h"
#include "probe/model/audit_summary.h"
#include "probe/model/vantage.h"
#include "probe/net/loop.h"
#include "probe/smtp/client/client.h"
#include "probe/smtp/retry.h"

enum entry_state {
    ENTRY_WAITING,
    ENTRY_ASKING,
    ENTRY_PATIENT,   /* put off: asked again when its timer is due */
    ENTRY_EXPECTING, /* its message was taken: until it arrives, or its timer is due */
    ENTRY_SETTLING,  /* asked; DNS has not said all of its address */
    ENTRY_DONE,
};

struct entry;

/* Where an endpoint is, and what is asked there. Lives as long as the audit. */
struct place {
    struct place *next_in_bucket; /* those of one address and port are in one bucket */
    struct entry *entry;          /* NULL: it is done */
    size_t target;
    unsigned int rank;
    struct result_place result; /* without an address it is in no bucket */
    char texts[];               /* that the result's place points to */
};

/* One endpoint while it is live. */
struct entry {
    struct audit *audit;
    struct place *place;
    struct entry *previous; /* of those that are live, in the order in which they were found */
    struct entry *next;     /* likewise, or of those that are gone */
    enum entry_state state;
    size_t target;            /* index of its target */
    bool shared;              /* another endpoint has the same address and port */
    unsigned int connections; /* that it may have, while it is asked */
    enum client_round round;  /* that it is in or waits for */
    struct client *dialogue;
    struct retry patience;
    struct loop_timer *later; /* ends ENTRY_PATIENT and ENTRY_EXPECTING; NULL until needed */
    int64_t due;              /* when it is due */
    size_t message_row;       /* for CLIENT_MESSAGE */
    char *message;            /* likewise; NULL until it is needed */
    char expected[CARRY_OVER_MESSAGES_MAX][MESSAGE_TOKEN_SIZE]; /* any of these */
    size_t expected_count;
    struct address_inquiry *inquiry; /* of its address, shared by endpoints; NULL = none */
    struct loop_timer *grace;
    struct endpoint_result result;
};

/* One target while its endpoints are looked for. */
struct search {
    struct audit *audit;
    struct search *next_finished;
    struct endpoints *resolution; /* NULL: not begun, or done with */
    bool done;
};

struct audit {
    struct audit_request request;
    struct loop *loop;
    struct dns *dns;
    struct client_settings settings;
    char helo[DOMAIN_SIZE];
    struct search *searches;   /* one a target */
    size_t next_target;        /* that none was begun for yet */
    size_t searching;          /* begun, and not done */
    size_t searched;           /* done */
    struct search *finished;   /* done, and not freed */
    struct loop_timer *feeder; /* goes on with searches, and frees what is gone */
    struct place **places;
    size_t place_count;
    size_t place_room;
    struct place **buckets;
    size_t bucket_count; /* a power of two */
    struct entry *first_live;
    struct entry *last_live;
    size_t live;
    struct entry *gone;       /* done, and not freed: somebody may look at it still */
    unsigned int connections; /* that the endpoints under way may have */
    size_t done;
    struct result_store *store;
    const struct result_place **stored; /* as much room as for places; sorted as the results are */
    struct entry *spare;                /* says how many endpoints memory was out for */
    size_t not_asked;
    size_t not_asked_target; /* the first such endpoint's */
    struct address_facts *inquiries;
    struct carry_over *memory; /* NULL when it cannot be had, or no target is configured */
    struct arrivals arrivals;
    struct loop_timer *poll;       /* looks for arrivals while any are expected; NULL until then */
    void (*on_later)(void *entry); /* an entry's timer is due */
    struct loop_timer *tick; /* moves the line of progress on while time passes; NULL without */
    int64_t began;
    int64_t shown; /* when the line of progress was */
    struct audit_summary summary;
};

/* audit_place.c */
/* Whether the same question is put at the same place already; another own domain is another
 * question. Notes which live endpoints share an address and port: `shared` for this one. */
bool audit_is_known(struct audit *audit, const struct endpoint *endpoint, bool *shared);
/* The place of an entry to be. NULL when memory is out. */
struct place *audit_add_place(struct audit *audit, size_t target, const struct resolved *resolved);
/* The connections of endpoints that are asked at the entry's address and port. */
unsigned int audit_connections_there(const struct audit *audit, const struct entry *entry);

/* audit_progress.c */
void audit_show_progress(struct audit *audit);
void audit_clear_progress(const struct audit *audit);

/* audit_entry.c */
struct vantage_known audit_vantage(const struct audit *audit);
/* NULL when memory is out; the spare entry will say so. */
struct entry *audit_add_entry(struct audit *audit, size_t target, const struct resolved *resolved);
/* Memory was out for an endpoint of this target. */
void audit_not_asked(struct audit *audit, size_t target);
void audit_fill_entry(struct entry *entry, struct audit *audit, size_t target,
                      const struct resolved *resolved);
/* Nothing more is learnt of it: judges it and puts the result away. It is freed by
 * audit_free_gone. */
void audit_entry_done(struct entry *entry);
/* Judges the result and tells whoever waits for it. */
void audit_judge(struct entry *entry);
void audit_free_entry(struct entry *entry);
/* Not while a function has an entry in hand. */
void audit_free_gone(struct audit *audit);
void audit_break_if_over(struct audit *audit);
/* Sets the entry's timer; false without memory, when the audit goes on without. */
bool audit_set_later(struct entry *entry, int64_t when);

/* audit_inquiry.c */
/* Has DNS asked about the endpoint's address. */
void audit_inquire(struct entry *entry);
void audit_on_inquiry_done(void *audit);
/* The entry is asked through: judges it, or waits a moment for DNS. */
void audit_settle(struct entry *entry);

/* audit_message.c */
/* Whether a message follows, which the entry is then ready to send, or its arrival is waited for.
 */
bool audit_sends_message(struct entry *entry);
bool audit_expects_message(struct entry *entry);
/* While an entry expects its message, its time came. */
void audit_message_is_late(struct entry *entry);

/* audit_rounds.c */
/* The entry's round is over. Whether another follows, now or later: then its state says so. */
bool audit_next_round(struct entry *entry);
/* The state that earlier audits left, and that this one leaves, where a target is configured. */
void audit_recall(struct audit *audit);
void audit_remember(struct audit *audit);

/* audit_queue.c */
/* Begins with entries that wait, as many as may be asked at once. */
void audit_start_waiting(struct audit *audit);
/* The time of an entry came that waited to be asked again, or for its message. */
void audit_on_later(void *entry);

/* audit_end.c */
/* An interruption left these open: endpoints that were not finished, and targets whose endpoints
 * are not known; and those that memory was out for. */
void audit_close_open_ends(struct audit *audit);
void audit_sum_up(struct audit *audit);

#endif

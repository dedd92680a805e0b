/*
 * posture - what a mail server's surroundings say of it: DNS, block lists, what it offers strangers
 *
 * Pure. DNS's answers are gathered by inquiry.c, the session's by posture_hear; posture_judge makes
 * findings of both, and notes of what was not learnt. No verdict depends on any of it.
 *
 * Severities. A warning is a fact that somebody has to act on: a listing for abuse, passwords asked
 * for in the clear (RFC 4954 section 4), XFORWARD for strangers. Info is what may be as it should:
 * a guess (a generic name), a range that is listed by policy or for its neighbours, which says
 * nothing about this server and does not matter if it only receives, the software's name. A PTR
 * record that is missing or does not agree (RFC 1912 section 2.1) is info too, though large
 * receivers refuse mail for it: it costs deliverability, not relaying, and a check that stays
 * yellow for that is soon ignored. XCLIENT for strangers is critical. XFORWARD shares its kind, as
 * it is the same list of hosts by another name, but Postfix uses what it says for logging and
 * filters only, never for access.
 */
#ifndef RELAYWARDEN_PROBE_POSTURE_H
#define RELAYWARDEN_PROBE_POSTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/domain.h"
#include "probe/model/result.h"

#define POSTURE_NAMES   4 /* PTR records that are looked at; more than one is rare */
#define POSTURE_ANSWERS 4 /* addresses of one listing */
#define POSTURE_ZONES   16

enum posture_answer {
    POSTURE_PENDING, /* not yet */
    POSTURE_HAD,
    POSTURE_NONE,   /* there is no such record */
    POSTURE_FAILED, /* nobody knows */
};

/* One PTR record, and whether the name leads back to the address. */
struct posture_name {
    char name[DOMAIN_SIZE];
    enum posture_answer forward; /* POSTURE_HAD: it has addresses */
    bool agrees;                 /* ours among them */
};

struct posture_listing {
    const char *zone;
    enum posture_answer state;
    struct address answers[POSTURE_ANSWERS];
    size_t answer_count;
    char reason[DOMAIN_SIZE]; /* the TXT record, printable; "" if there was none */
};

/* What DNS said of one address. */
struct posture_dns {
    struct address address;
    enum posture_answer pointer;
    struct posture_name names[POSTURE_NAMES];
    size_t name_count;
    struct posture_listing listings[POSTURE_ZONES];
    size_t listing_count;
};

/* EHLO was taken: `text` is the whole reply, and the result's capabilities are those of it. What
 * was heard on earlier connections stays. */
void posture_hear(struct endpoint_result *result, const char *text, bool secured);

/* Adds findings and notes. `outside`: what is offered to us is offered to strangers. */
void posture_judge(struct endpoint_result *result, bool outside);

/* Whether findings of this kind say nothing about relaying. */
bool posture_has_kind(enum finding_kind kind);

#endif

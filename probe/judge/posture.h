/*
 * posture - what a mail server's surroundings say of it: DNS, block lists, what it offers strangers
 *
 * Pure. DNS's answers are gathered by address_facts.c, the session's by ehlo_hear; posture_judge
 * makes findings of both, and notes of what was not learnt. No verdict depends on any of it.
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
#ifndef RELAYWARDEN_PROBE_JUDGE_POSTURE_H
#define RELAYWARDEN_PROBE_JUDGE_POSTURE_H

#include <stdbool.h>

#include "probe/model/result.h"

/* Adds findings and notes. `outside`: what is offered to us is offered to strangers. */
void posture_judge(struct endpoint_result *result, bool outside);

/* Whether findings of this kind say nothing about relaying. */
bool posture_has_kind(enum finding_kind kind);

#endif

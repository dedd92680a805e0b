/*
 * reason - whether a clause refuses for another reason than relaying
 *
 * A server may relay by day and not by night, small messages and not large ones, and to everybody
 * who speaks TLS. Its refusal has the words of one that refuses relaying, and more. Nobody can list
 * each reason, but few words occur in a refusal that gives none: a word that is not among them may
 * be a reason. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_REASON_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_REASON_H

#include <stdbool.h>

#include "probe/smtp/reply/clause.h"

/* Whether a clause that refuses to relay, or to take mail for others, says more than that: "no
 * relaying after 18:00", "relaying to this country is prohibited". */
bool reason_is_given(const struct clause *clause);

/* The same of the clauses beside one that refuses: the one before it, and those from word `behind`
 * of the sentence on, up to advice: "relaying denied: message too large". */
bool reason_is_beside(const struct clause *before, const struct sentence *sentence, size_t behind);

/* Whether the clause asks for TLS: "SSL required", "the session must be encrypted", "no relaying
 * without TLS". */
bool reason_is_tls(const struct clause *clause);

#endif

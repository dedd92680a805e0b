/*
 * diagnosis - why an endpoint's verdict is what it is, and what to change
 *
 * judgement.c decides the verdict; here it gets its cause, one or two sentences that say why, and a
 * remedy that names the settings of Postfix, Sendmail and Exim. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_DIAGNOSIS_H
#define RELAYWARDEN_PROBE_DIAGNOSIS_H

#include <stdbool.h>

#include "probe/model/evidence.h"
#include "probe/model/result.h"

/* Why this vantage is no stranger's. */
enum inside {
    INSIDE_NOT,
    INSIDE_DECLARED,     /* vantage = inside */
    INSIDE_TRUSTED,      /* our source address is in the site's trusted networks */
    INSIDE_SAME_ADDRESS, /* both ends of the connection have one address */
    INSIDE_SEEN,         /* the MTA sees us under an address of ours that the site trusts */
};

/* What the grants show of the cause. CAUSE_NONE when nothing was accepted. */
enum cause diagnosis_cause(const struct grant_tally *tally);

/* Whether the grant of a technique with this trait may be put down to this cause, where `plain` is
 * refused. */
bool diagnosis_may_show(enum technique_trait trait, enum cause cause);

/* Fills why and fix, by reach, verdict and cause, which must be set. */
void diagnosis_explain(struct endpoint_result *result, const struct grant_tally *tally,
                       enum inside inside);

/* The part for what is open (diagnosis_open.c); why and fix are empty. */
void diagnosis_explain_open(struct endpoint_result *result, const struct grant_tally *tally);

/* What to do about identities that anybody can choose (diagnosis_open.c). */
extern const char diagnosis_fix_proxy[];
extern const char diagnosis_fix_xclient[];
extern const char diagnosis_fix_anonymous[];

/* What became of a message (diagnosis_message.c). The first makes why and fix, which are empty, of
 * an endpoint whose acceptance it makes doubtful; the second adds to why. */
void diagnosis_explain_doubt(struct endpoint_result *result);
void diagnosis_explain_message(struct endpoint_result *result);

#define DIAGNOSIS_POSTFIX_DEFAULT                                                                  \
    "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, "                    \
    "reject_unauth_destination"

/* Adds to `out` (of `size` octets), as printf; what does not fit is cut on a character's boundary.
 */
void diagnosis_say(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds the ids of the techniques with this grant to `out`: "plain, own-sender", or as many as fit
 * "and 12 more". */
void diagnosis_list(char *out, size_t size, const struct endpoint_result *result, enum grant grant);

#endif

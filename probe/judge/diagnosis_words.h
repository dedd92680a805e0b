/*
 * diagnosis_words - how the judge says why
 *
 * Sentences that fit their room, and lists of techniques. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_WORDS_H
#define RELAYWARDEN_PROBE_JUDGE_DIAGNOSIS_WORDS_H

#include <stddef.h>

#include "lib/remedy.h"
#include "probe/model/evidence.h"
#include "probe/model/result.h"

struct diagnosis_words {
    char why[FINDING_WHY_SIZE];
    struct remedies fix;
};

#define DIAGNOSIS_POSTFIX_DEFAULT                                                                  \
    "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, "                    \
    "reject_unauth_destination"

/* Adds to `out` (of `size` octets), as printf; what does not fit is cut on a character's boundary.
 */
void diagnosis_say(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the sentence that `out` holds so far, with what is known of the trouble ("" if nothing). */
void diagnosis_end(char *out, size_t size, const char *trouble);

#define DIAGNOSIS_LIST_SIZE 160 /* of the techniques that a sentence names */

/* Adds the ids of the techniques with this grant to `out`: "plain, own-sender", or as many as fit
 * "and 12 more". */
void diagnosis_list(char *out, size_t size, const struct endpoint_result *result,
                    enum evidence grant);

#endif

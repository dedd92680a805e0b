/*
 * carry_over - what one audit leaves for the next: what was put off, and which messages were sent
 *
 * Facts in the probe's state (lib/state/audit_state.h), of configured targets only. Where they
 * cannot be kept no message is sent: nobody could say any more how many were. One thread at a time
 * for a struct carry_over.
 */
#ifndef RELAYWARDEN_PROBE_AUDIT_CARRY_OVER_H
#define RELAYWARDEN_PROBE_AUDIT_CARRY_OVER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "probe/model/audit_summary.h"
#include "probe/model/result.h"
#include "probe/smtp/battery.h"

#define CARRY_OVER_ERROR_SIZE 512
#define CARRY_OVER_QUESTION_SPAN                                                                   \
    (2 * 86400L) /* how long servers keep a triplet that did not come back */

#define CARRY_OVER_MESSAGE_SPAN 86400L       /* over which messages are counted */
#define CARRY_OVER_MESSAGES_MAX 4            /* in it, to one endpoint */
#define CARRY_OVER_TOKEN_SPAN   (7 * 86400L) /* how long a message may be on its way */

#define CARRY_OVER_ANSWER_SPAN                                                                     \
    (90 * 86400L)                      /* a filter that was silent so long is none any more        \
                                        */
#define CARRY_OVER_ANSWER_FRESH 86400L /* not written more often than this */

#define CARRY_OVER_TURNS_SPAN (30 * 86400L) /* after the last battery that was cut off there */

struct carry_over;

/* Where there is no state nothing is known, and the first change makes it. Takes over what an
 * earlier version left (former_state.h). NULL and a sentence with a remedy when it cannot be read,
 * or memory is out. */
struct carry_over *carry_over_open(const char *state_directory, char error[CARRY_OVER_ERROR_SIZE]);
void carry_over_close(struct carry_over *memory); /* NULL is nothing */

/* Techniques that the endpoint put off in earlier audits, at most `room`; how many. The texts
 * belong to the memory, and live until it is closed. */
size_t carry_over_put_off(struct carry_over *memory, const struct endpoint *endpoint, time_t now,
                          struct battery_earlier *out, size_t room);

/* When each technique was last answered there; empty where audits come to their end. At most
 * `room`; how many. The texts are as above. */
size_t carry_over_answers(struct carry_over *memory, const struct endpoint *endpoint, time_t now,
                          struct battery_answer *out, size_t room);

/* Chooses the declared domains that it is asked for, see other_domains.h: those of each role whose
 * turn it is, and which role comes first. NULL: nothing is remembered. The site outlives the
 * result. */
void carry_over_choose_domains(struct carry_over *memory, struct endpoint_result *result,
                               const struct site *site, time_t now);

/* Whether the site's filter has answered there in an earlier audit. */
bool carry_over_has_answered(struct carry_over *memory, const struct endpoint *endpoint,
                             time_t now);

/* After an audit: what these endpoints put off, instead of what was known of them, whose filter
 * has answered, and which of the site's other domains are next; where a battery was cut off, also
 * what was answered when. Those that are not configured, or gave no session, are passed over. False
 * and a sentence when it cannot be kept. */
bool carry_over_keep(struct carry_over *memory, const struct audit_summary *summary, time_t now,
                     char error[CARRY_OVER_ERROR_SIZE]);

enum carry_over_claim {
    CARRY_OVER_CLAIMED,
    CARRY_OVER_ENOUGH, /* CARRY_OVER_MESSAGES_MAX were sent already */
    CARRY_OVER_FAILED, /* it cannot be kept, so no message may be sent */
};

/* Before a message is sent to the endpoint: counts it. With CARRY_OVER_FAILED `error` has a
 * sentence.
 */
enum carry_over_claim carry_over_claim_message(struct carry_over *memory,
                                               const struct endpoint *endpoint, const char *token,
                                               time_t now, char error[CARRY_OVER_ERROR_SIZE]);

/* It was not taken, so it is not awaited. Counted all the same. */
bool carry_over_refuse_message(struct carry_over *memory, const struct endpoint *endpoint,
                               const char *token, char error[CARRY_OVER_ERROR_SIZE]);

/* The tokens of the messages of the last day that were taken; how many. */
size_t carry_over_messages(struct carry_over *memory, const struct endpoint *endpoint, time_t now,
                           char out[CARRY_OVER_MESSAGES_MAX][MESSAGE_TOKEN_SIZE]);

/* Whether an audit of the last CARRY_OVER_TOKEN_SPAN sent this token to any endpoint. */
bool carry_over_knows_token(struct carry_over *memory, const char *token, time_t now);

#endif

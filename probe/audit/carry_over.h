/*
 * memory - what one audit leaves for the next: what was put off, and which messages were sent
 *
 * probe/memory.json in the state directory (state_file.h), of configured targets only. A damaged
 * one is never overwritten: nobody could say any more how many messages were sent. One thread at a
 * time for a struct memory.
 */
#ifndef RELAYWARDEN_PROBE_MEMORY_H
#define RELAYWARDEN_PROBE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "probe/model/result.h"
#include "probe/smtp/battery.h"

#define MEMORY_ERROR_SIZE 512
#define MEMORY_QUESTION_SPAN                                                                       \
    (2 * 86400L) /* how long servers keep a triplet that did not come back */

#define MEMORY_MESSAGE_SPAN 86400L       /* over which messages are counted */
#define MEMORY_MESSAGES_MAX 4            /* in it, to one endpoint */
#define MEMORY_TOKEN_SPAN   (7 * 86400L) /* how long a message may be on its way */

#define MEMORY_ANSWER_SPAN  (90 * 86400L) /* a filter that was silent so long is none any more */
#define MEMORY_ANSWER_FRESH 86400L        /* not written more often than this */

struct memory;

/* What is known now; a file that is not there is empty. NULL and a sentence with a remedy when it
 * cannot be read, or memory is out. */
struct memory *memory_open(const char *state_directory, char error[MEMORY_ERROR_SIZE]);
void memory_close(struct memory *memory); /* NULL is nothing */

/* What the endpoint put off in earlier audits, at most `room`; how many. The texts belong to the
 * memory, and live until it changes or is closed. */
size_t memory_put_off(const struct memory *memory, const struct endpoint *endpoint, time_t now,
                      struct battery_earlier *out, size_t room);

/* Whether the site's filter has answered there in an earlier audit. */
bool memory_has_answered(const struct memory *memory, const struct endpoint *endpoint, time_t now);

/* After an audit: what these endpoints put off, instead of what was known of them, and whose filter
 * has answered. Those that are
 * not configured, or gave no session, are passed over; where nothing changes nothing is written.
 * False and a sentence when it cannot be kept. */
bool memory_keep(struct memory *memory, const struct endpoint_result *const *results, size_t count,
                 time_t now, char error[MEMORY_ERROR_SIZE]);

enum memory_claim {
    MEMORY_CLAIMED,
    MEMORY_ENOUGH, /* MEMORY_MESSAGES_MAX were sent already */
    MEMORY_FAILED, /* it cannot be kept, so no message may be sent */
};

/* Before a message is sent to the endpoint: counts it. With MEMORY_FAILED `error` has a sentence.
 */
enum memory_claim memory_claim_message(struct memory *memory, const struct endpoint *endpoint,
                                       const char *token, time_t now,
                                       char error[MEMORY_ERROR_SIZE]);

/* It was not taken, so it is not awaited. Counted all the same. */
bool memory_refuse_message(struct memory *memory, const struct endpoint *endpoint,
                           const char *token, char error[MEMORY_ERROR_SIZE]);

/* The tokens of the messages of the last day that were taken; how many. */
size_t memory_messages(const struct memory *memory, const struct endpoint *endpoint, time_t now,
                       char out[MEMORY_MESSAGES_MAX][MESSAGE_TOKEN_SIZE]);

/* Whether an audit of the last MEMORY_TOKEN_SPAN sent this token to any endpoint. */
bool memory_knows_token(const struct memory *memory, const char *token, time_t now);

#endif

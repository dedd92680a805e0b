/*
 * dialogue - asks one endpoint, over as many connections as it takes, at most two at once
 *
 * Joins the session (what to say) with the transport (how it gets there), and keeps the deadlines:
 * each event that is awaited has an absolute one, and so has the endpoint as a whole. Whatever the
 * peer does, the end comes within the endpoint's deadline. One thread, the loop's.
 */
#ifndef RELAYWARDEN_PROBE_DIALOGUE_H
#define RELAYWARDEN_PROBE_DIALOGUE_H

#include <stdint.h>

#include "lib/address.h"
#include "probe/model/result.h"
#include "probe/net/connection.h"
#include "probe/smtp/battery.h"
#include "probe/smtp/session.h"

struct dialogue_settings {
    struct battery_settings battery;
    struct address source[2];       /* to ask from, one a family; ADDRESS_NONE = any */
    int64_t wait_ms[SESSION_WAITS]; /* by enum session_wait */
    int64_t endpoint_ms;            /* over all */
};

struct dialogue;

enum dialogue_round {
    DIALOGUE_ALL,     /* every technique */
    DIALOGUE_AGAIN,   /* what was put off in the rounds before, see battery_init_again */
    DIALOGUE_MESSAGE, /* a message, see battery_init_message */
};

struct dialogue_request {
    const struct dialogue_settings *settings; /* lives as long as the dialogue */
    enum dialogue_round round;
    const struct battery_earlier *earlier; /* for DIALOGUE_ALL; copied */
    size_t earlier_count;
    size_t message_row;             /* for DIALOGUE_MESSAGE */
    const char *message;            /* likewise; lives as long as the dialogue */
    unsigned int connections;       /* at once: 1 or 2; the second only when the first is asking */
    struct endpoint_result *result; /* with its endpoint, zero otherwise but for what rounds before
                                       left; filled while it runs */
    /* Comes once, from the loop, never before dialogue_start returned. The dialogue may be freed in
     * it. */
    void (*finished)(struct dialogue *dialogue, void *user);
    void *user;
};

/* Begins. NULL when memory is out. */
struct dialogue *dialogue_start(struct loop *loop, const struct dialogue_request *request);

/* Closes the connections and frees; `finished` no longer comes. What was learnt is in the result.
 * NULL is nothing. */
void dialogue_free(struct dialogue *dialogue);

#endif

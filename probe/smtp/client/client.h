/*
 * client - asks one endpoint, over as many connections as it takes, at most two at once
 *
 * Joins the session (what to say) with the transport (how it gets there), and keeps the deadlines:
 * each event that is awaited has an absolute one, and so has the endpoint as a whole. No peer can
 * hold it beyond the endpoint's deadline. One thread, the loop's.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_CLIENT_CLIENT_H
#define RELAYWARDEN_PROBE_SMTP_CLIENT_CLIENT_H

#include <stdint.h>

#include "lib/address.h"
#include "probe/model/result.h"
#include "probe/net/loop.h"
#include "probe/smtp/battery.h"
#include "probe/smtp/client/session.h"

struct client_settings {
    struct battery_settings battery;
    struct address source[2];       /* to ask from, one a family; ADDRESS_NONE = any */
    int64_t wait_ms[SESSION_WAITS]; /* by enum session_wait */
    int64_t endpoint_ms;            /* over all */
};

struct client;

enum client_round {
    CLIENT_ALL,     /* every technique */
    CLIENT_AGAIN,   /* what was put off in the rounds before, see battery_init_again */
    CLIENT_MESSAGE, /* a message, see battery_init_message */
};

struct client_request {
    const struct client_settings *settings; /* lives as long as the dialogue */
    enum client_round round;
    const struct battery_earlier *earlier; /* for CLIENT_ALL; copied */
    size_t earlier_count;
    const struct battery_answer *answers; /* likewise; needed until client_start returns */
    size_t answer_count;
    long recent_seconds;            /* so long an answer of an earlier audit counts */
    size_t message_row;             /* for CLIENT_MESSAGE */
    const char *message;            /* likewise; lives as long as the dialogue */
    unsigned int connections;       /* at once: 1 or 2; the second only when the first is asking */
    struct endpoint_result *result; /* with its endpoint, zero otherwise but for what rounds before
                                       left; filled while it runs */
    /* Comes once, from the loop, never before client_start returned. The dialogue may be freed in
     * it. */
    void (*finished)(struct client *dialogue, void *user);
    void *user;
};

/* Begins. NULL when memory is out. */
struct client *client_start(struct loop *loop, const struct client_request *request);

/* Closes the connections and frees; `finished` no longer comes. The answers are in the result.
 * NULL is nothing. */
void client_free(struct client *dialogue);

#endif

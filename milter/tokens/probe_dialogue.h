/*
 * probe_dialogue - the probe's hellos and asks on one connection, recognised and answered
 *
 * The formats are lib/token.h's; here is what the milter makes of them: which are looked at, which
 * are believed, and what the connection is after them. The first question is always the shape,
 * which costs next to nothing; a MAC is computed for what has it, until a connection has brought
 * PROBE_DIALOGUE_WRONG_MACS wrong ones. A token that is not believed is an ordinary address, and
 * counted.
 *
 * A struct probe_dialogue belongs to its connection, and is used by one thread at a time; struct
 * probe_dialogue_desk is for all connections: its members look after themselves.
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_PROBE_DIALOGUE_H
#define RELAYWARDEN_MILTER_TOKENS_PROBE_DIALOGUE_H

#include <stdatomic.h>

#include "lib/alert/sink/metrics.h"
#include "lib/observation.h"
#include "milter/tokens/masks.h"
#include "milter/tokens/nonces.h"

#define PROBE_DIALOGUE_WRONG_MACS 3

/* The fate of a sender that has a hello's shape. */
enum hello_result {
    HELLO_ANSWERED,
    HELLO_CLOCK,     /* answered by our time, since the clocks differ too much */
    HELLO_REPEATED,  /* its nonce was seen before */
    HELLO_FULL,      /* there was no room for its nonce */
    HELLO_FORGED,    /* no key of ours made it */
    HELLO_UNCHECKED, /* came after too many wrong MACs */
    HELLO_RESULTS,
};

/* The fate of a recipient that has an ask's shape, after a hello. */
enum ask_result {
    ASK_ANSWERED, /* the MTA accepted it, and we answered in its place */
    ASK_ACCEPTED, /* accepted, and mail for the site itself */
    ASK_REFUSED,
    ASK_DEFERRED,
    ASK_FORGED, /* for another connection or another envelope, or no key of ours made it */
    ASK_UNCHECKED,
    ASK_RESULTS,
};

/* The audits of all connections share this. Zero, but for the mutexes: PROBE_DIALOGUE_DESK. */
struct probe_dialogue_desk {
    struct nonces nonces;
    struct masks masks;
    /* By the steady clock (clocks.h): the last valid ask from outside, or since when we wait for
     * one; and the last that was not from outside, 0: none. */
    atomic_llong last_ask;
    atomic_llong last_inside;
    _Atomic uint64_t hellos[HELLO_RESULTS];
    _Atomic uint64_t asks[ASK_RESULTS];
    _Atomic uint64_t roles[TOKEN_ROLES]; /* valid asks */
};

#define PROBE_DIALOGUE_DESK                                                                        \
    {                                                                                              \
        .nonces = {.mutex = PTHREAD_MUTEX_INITIALIZER},                                            \
        .masks = {.mutex = PTHREAD_MUTEX_INITIALIZER},                                             \
    }

/* One connection's. Zero: no hello yet. */
struct probe_dialogue {
    bool met;     /* it was the probe that spoke, at least once */
    bool greeted; /* its last hello got a challenge: asks may follow */
    bool audited; /* a valid ask came: nothing external passes any more */
    bool told_hidden;
    bool told_true;
    unsigned int wrong_macs;
    struct token_binding binding;
    uint8_t route[TOKEN_ROUTE];
    char domain[DOMAIN_SIZE]; /* the canary's */
    uint32_t seen;            /* valid asks */
    uint32_t accepted;        /* those of them that the MTA accepted */
};

/* Keys that the configuration has; either may be NULL. */
struct probe_dialogue_keys {
    const struct token_key *first;
    const struct token_key *other;
};

/* Looks at MAIL's argument. True if it is a hello that is to be answered: then `answer` is filled
 * for observation_build, but for what only the connection knows (client, listener, permission,
 * masked, mta), and audit->binding is the one to build it with. */
bool probe_dialogue_hear(struct probe_dialogue *audit, struct probe_dialogue_desk *desk,
                         const struct probe_dialogue_keys *keys, const char *path,
                         struct observation *answer);

/* Looks at RCPT's argument, after a hello on this connection. True if it is a valid ask. Only one
 * from outside is a visit that probe-missing waits for. */
bool probe_dialogue_is_asked(struct probe_dialogue *audit, struct probe_dialogue_desk *desk,
                             const char *mail_path, const char *rcpt_path, struct token_ask *out);

/* A valid ask's end: counts it. `answered`: in the MTA's place. */
void probe_dialogue_count(struct probe_dialogue *audit, struct probe_dialogue_desk *desk,
                          enum decision decision, bool answered);

/* "answered", "clock", ... */
const char *hello_result_name(enum hello_result value);
const char *ask_result_name(enum ask_result value);

/* The counters as metrics. */
void probe_dialogue_metrics(struct metrics *metrics, const struct probe_dialogue_desk *desk);

#endif

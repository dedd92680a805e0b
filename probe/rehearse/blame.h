/*
 * blame - which elements of a candidate let a stranger's request by
 *
 * A trace proposes, taking out proves. The MTA's trace of the granted request names what let it by;
 * that element is taken out of a copy, a fresh instance is asked the same request again. Refused:
 * it is guilty. Granted: the new trace leads on. When it is refused at last, each element of the
 * set is put back alone: granted again, it opens by itself; refused still, it was not needed and
 * leaves the set. Where a trace leads nowhere, QuickXplain (Junker, AAAI 2004) runs over all
 * elements that can grant anything.
 *
 * No answer is never a refusal. An element that stops the site's own mail is taken only if nothing
 * else closes the listener. Protected elements are never taken out.
 *
 * This module decides and asks nobody itself: `try` does, on the stage. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_BLAME_H
#define RELAYWARDEN_PROBE_REHEARSE_BLAME_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/model/technique.h"
#include "probe/rehearse/candidate.h"

/* A request that was granted. Strings are the caller's and must live as long as the call. */
struct rehearse_request {
    size_t listener;                  /* of the candidate's */
    enum technique_identity identity; /* XCLIENT, PROXY, ANONYMOUS: the switch is suspected first */
    const char *technique;            /* id; for the caller */
    const char *client;               /* address that asks; with PROXY or XCLIENT the real one */
    const char *client_name;          /* its reverse name, or NULL */
    const char *helo;
    const char *sender;    /* without brackets; "" is the null sender */
    const char *recipient; /* without brackets */
    bool gateway;          /* the client is a gateway of an attached network: that it is trusted may
                              be named, though the site declares it */
    bool policy_ok;        /* a policy service was played as OK */
    const void *own;       /* the caller's */
};

enum rehearse_answer {
    REHEARSE_NO_ANSWER, /* nobody knows: it did not start, hung, or deferred for another reason */
    REHEARSE_REFUSED, /* relaying denied, authentication required, or the recipient refused for good
                         (5xx: a routed address that is nobody's mailbox any more); also a
                         technique that is not to be had any more (XCLIENT, AUTH ANONYMOUS) */
    REHEARSE_GRANTED,
};

struct rehearse_reply {
    enum rehearse_answer answer;
    bool own_mail_taken; /* the site's own mail is answered as it was without any change */
    char text[512];      /* the MTA's words, printable: "554 5.7.1 ...: Relay access denied" */
    char *trace;         /* the MTA's trace of this request, to be freed by who asked; NULL: none */
    size_t trace_length;
};

/* Asks `requests` on a fresh instance of the candidate without the elements at `without`, and fills
 * in `replies`, one a request. */
struct rehearse_try {
    void (*ask)(void *own, const size_t *without, size_t without_count,
                const struct rehearse_request *const *requests, size_t count,
                struct rehearse_reply *replies);
    void *own;
    size_t limit; /* how many instances may be started for all; 0: 64 */
};

/* One set of elements without which the request is refused. */
struct rehearse_set {
    size_t *elements;
    size_t count;
};

enum rehearse_blame_state {
    REHEARSE_PROVED,    /* without `guilty` the request is refused */
    REHEARSE_SUGGESTED, /* the trace names `guilty`; nothing could be proved (`why`) */
    REHEARSE_UNBLAMED,  /* nothing is found that closes it (`why`) */
};

struct rehearse_blame {
    enum rehearse_blame_state state;
    struct rehearse_set guilty;        /* minimal: each of them is needed */
    bool *alone;                       /* of each: it opens by itself when the others are out */
    struct rehearse_set *alternatives; /* other sets that close it, too: "or" */
    size_t alternative_count;
    bool stops_own_mail; /* no other way was found: without it own mail is not taken as before */
    char before[512];    /* the MTA's words with them */
    char after[512];     /* and without them */
    char why[256];
    size_t starts; /* instances that were started for this one */
};

/* Blames all of `requests` (all granted on the candidate as it is; `replies` have that, with their
 * traces). Each set that is proved is tried on all others, so that one line behind many grants is
 * found once; each has the part of it that its own request needs. `out` has room for `count`, to be
 * freed each with rehearse_blame_free. Returns false when memory is out (`out` is then all
 * REHEARSE_UNBLAMED). Elements of table lines are added to the candidate. */
bool rehearse_blame(struct candidate *candidate, const struct rehearse_request *const *requests,
                    const struct rehearse_reply *replies, size_t count,
                    const struct rehearse_try *attempt, struct rehearse_blame *out);

void rehearse_blame_free(struct rehearse_blame *blame);

#endif

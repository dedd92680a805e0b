/*
 * denial - whether the words of a refusal refuse relaying
 *
 * Servers say it in hundreds of ways, and anybody may configure another. So it is judged by how a
 * clause is built, not by a list of sentences: a form of "relay" with a form of "no"; the
 * recipient's domain said to be none of the server's; authentication said to be needed. A clause
 * that names another reason (spam, an unknown user, a lost connection), or has a word that may be
 * one (reason.h), refuses no relaying. In doubt the answer is DENIAL_NONE: a denial that is none
 * makes an open server look closed. Pure; any thread.
 */
#ifndef RELAYWARDEN_PROBE_SMTP_REPLY_DENIAL_H
#define RELAYWARDEN_PROBE_SMTP_REPLY_DENIAL_H

#include <stdbool.h>

enum denial {
    DENIAL_NONE,
    DENIAL_CLIENT,         /* our host or address is not allowed here, whatever it asks for */
    DENIAL_SENDERS_DOMAIN, /* the sender's domain is not the server's, or not allowed */
    DENIAL_UNABLE,         /* relaying is refused, or has failed: "unable to relay" */
    DENIAL_RELAY,          /* relaying is refused */
    DENIAL_DESTINATION, /* the recipient's domain is not the server's; of a sender it says nothing
                         */
    DENIAL_AUTH,        /* who wants to send must say who he is */
    DENIAL_SUBMISSION,  /* the same, and where to do it */
    DENIAL_OPEN_RELAY,  /* the client is called a relay, and refused for it */
    DENIAL_TLS,         /* who wants to send must use TLS */
};

struct denial_reading {
    enum denial denial;
    bool blocked; /* it is the relaying that is "blocked" or "banned", not the client */
};

/* `text`: lower case, each name a CLAUSE_NAME or CLAUSE_SENDER. `subject`: what the enhanced code
 * says after its class ("7.1"), or "". */
struct denial_reading denial_read(const char *text, const char *subject);

#endif

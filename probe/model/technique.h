/*
 * technique - the ways of asking for relaying, as a table
 *
 * A row is a stable id, a number that never changes, the templates of its envelope, what acceptance
 * proves, and its control. Adding a technique is adding a row. Pure; any thread.
 *
 * Templates are expanded by technique_envelope; names in braces:
 *   {canary} local@domain of the canary   {canary.local} {canary.domain}
 *   {own} the target's own domain          {host} the target's host name
 *   {literal} the endpoint's address literal, {client} that of our end
 *   {address} the endpoint's address, {loopback} that of loopback in its family; IPv6 ones as
 *   XCLIENT has them, with "IPV6:" in front
 *   {address.bare} {client.bare} without brackets and marks, "203.0.113.25" or "2001:db8::25"
 *   {greeted} {ehlo} the names in the greeting and in the reply to EHLO, where they are others
 *
 * No template may make an outside address that the operator did not name, but for another local
 * part or a subdomain of the canary's domain: nobody else's domain is ever asked for. So a domain
 * that ends in the site's own and is another ("notexample.org") is asked for by `plain` alone,
 * where the canary's is one.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_TECHNIQUE_H
#define RELAYWARDEN_PROBE_MODEL_TECHNIQUE_H

#include <stdbool.h>
#include <stddef.h>

#define ENVELOPE_PATH_SIZE 320 /* more than a path may have (RFC 5321 section 4.5.3.1.3) */

/* Who the technique claims to be; the diagnosis compares grants by it. */
enum technique_sender {
    TECHNIQUE_SENDER_EXTERNAL,
    TECHNIQUE_SENDER_OWN, /* whatever a site may take for itself */
    TECHNIQUE_SENDER_NULL,
};

/* A server may take the recipient for one of these. */
enum technique_form {
    TECHNIQUE_PLAIN,   /* acceptance is relaying, whatever else is true */
    TECHNIQUE_MAILBOX, /* the server may read it as a local mailbox: acceptance counts only if the
                          control was refused */
    TECHNIQUE_USER, /* likewise, but the local part is an ordinary one, which any catch-all takes:
                       beside an accepted control it shows something only where a made-up user
                       is refused */
};

/* In what a technique differs from `plain`: what its grant blames where `plain` is refused. */
enum technique_trait {
    TECHNIQUE_BY_NOTHING,     /* `plain` itself */
    TECHNIQUE_BY_SENDER,      /* who is said to write */
    TECHNIQUE_BY_HELO,        /* who is said to ask */
    TECHNIQUE_BY_ROUTE,       /* the outside address is written as a route */
    TECHNIQUE_BY_WRAPPING,    /* it is wrapped in an address of the site's */
    TECHNIQUE_BY_SUBDOMAIN,   /* likewise, in one of a subdomain */
    TECHNIQUE_BY_LIKENESS,    /* another outside address, in which the site's domain stands */
    TECHNIQUE_BY_DESTINATION, /* another outside address */
    TECHNIQUE_BY_WORDING,     /* the same request, written in another way */
    TECHNIQUE_BY_SEQUENCE,    /* the same request, after another */
    TECHNIQUE_BY_CLEAR,       /* the same request, without TLS */
    TECHNIQUE_BY_ANONYMOUS,   /* the same request, logged in as nobody */
    TECHNIQUE_BY_XCLIENT,     /* the same request, from a client that XCLIENT made up */
    TECHNIQUE_BY_PROXY,       /* the same request, from a client that a PROXY header made up */
    TECHNIQUE_TRAITS          /* how many */
};

/* How the recipient's path is put on the wire. */
enum technique_spelling {
    TECHNIQUE_SPELLING_USUAL,
    TECHNIQUE_SPELLING_NO_BRACKETS,
    TECHNIQUE_SPELLING_SPACES, /* before and inside the brackets */
    TECHNIQUE_SPELLING_UPPER_CASE,
};

/* The step that comes before. */
enum technique_sequence {
    TECHNIQUE_SEQUENCE_ALONE,
    TECHNIQUE_SEQUENCE_AFTER_LOCAL, /* the own postmaster, as a recipient of the same transaction */
    TECHNIQUE_SEQUENCE_AFTER_RESET, /* likewise, in a transaction that RSET ends */
};

/* How the client becomes another before it asks. */
enum technique_identity {
    TECHNIQUE_IDENTITY_OWN,       /* it does not */
    TECHNIQUE_IDENTITY_ANONYMOUS, /* AUTH ANONYMOUS (RFC 4505) */
    TECHNIQUE_IDENTITY_XCLIENT,   /* Postfix's XCLIENT_README */
    TECHNIQUE_IDENTITY_PROXY_V1,  /* HAProxy's proxy-protocol.txt, the line of text */
    TECHNIQUE_IDENTITY_PROXY_V2,  /* and the binary header */
};

struct technique {
    const char *id;      /* "percent-hack" */
    unsigned int number; /* 1-255, never reused */
    enum technique_trait trait;
    enum technique_sender sender_class;
    enum technique_form form;
    enum technique_spelling spelling;
    enum technique_sequence sequence;
    enum technique_identity identity;
    bool in_clear;                    /* asked without TLS, on a connection of its own */
    bool made_up;                     /* it has a domain that DNS need not know: that a look-up
                                         failed says nothing of relaying */
    const char *claim;                /* template of who it becomes: XCLIENT's attributes, the PROXY
                                         header's source; NULL for the other identities */
    const char *requires;             /* what EHLO must offer, a keyword or a keyword and one
                                         of its parameters; NULL = nothing */
    const char *helo;                 /* template; NULL = the probe's own name. A name of its own is
                                         asked on a connection of its own */
    const char *sender;               /* template, with brackets */
    const char *sender_parameters;    /* template, with a space before it; NULL = none */
    const char *recipient;            /* template, with brackets */
    const char *recipient_parameters; /* as those of the sender */
    const char *control; /* template of the harmless twin's recipient; NULL for TECHNIQUE_PLAIN */
    const char *summary; /* one line: what is asked */
    const char *proves;  /* one line: what acceptance means */
};

/* An envelope is built from these strings without brackets. One that is NULL or empty is not known,
 * and techniques that need it cannot be built. */
struct technique_place {
    const char *canary;  /* local@domain */
    const char *own;     /* a domain of the site */
    const char *host;    /* host name of the target */
    const char *literal; /* "[203.0.113.25]" */
    const char *client;  /* "[198.51.100.7]" */
    const char *greeted;
    const char *ehlo;
    const char *address;  /* "203.0.113.25", "IPV6:2001:db8::25" */
    const char *loopback; /* "127.0.0.1", "IPV6:::1" */
    const char *ask;      /* local part of an ask, for the canary's; NULL = none is wanted */
};

struct envelope {
    char claim[ENVELOPE_PATH_SIZE];  /* "ADDR=127.0.0.1 NAME=localhost"; "" = none */
    char helo[ENVELOPE_PATH_SIZE];   /* "" = the probe's own name */
    char local[ENVELOPE_PATH_SIZE];  /* "<postmaster@own>"; "" when nothing is asked before */
    char sender[ENVELOPE_PATH_SIZE]; /* "<a@b>" */
    char sender_parameters[ENVELOPE_PATH_SIZE]; /* " AUTH=<>", or "" */
    char recipient[ENVELOPE_PATH_SIZE];
    char recipient_parameters[ENVELOPE_PATH_SIZE];
    char ask[ENVELOPE_PATH_SIZE]; /* the recipient with the ask's local part; "" where there is no
                                     room for it, or the spelling would spoil it */
    char control[ENVELOPE_PATH_SIZE]; /* "" when there is none */
    char
        made_up[ENVELOPE_PATH_SIZE]; /* a user that nobody has, for TECHNIQUE_USER; "" for others */
};

extern const struct technique techniques[];
extern const size_t technique_count;

const struct technique *technique_find(const char *id); /* NULL if there is none */

/* False when something is missing in the place, or a path would not fit in SMTP's limits (RFC 5321
 * section 4.5.3.1) or would not be one path; `out` is untouched then. */
bool technique_envelope(const struct technique *technique, const struct technique_place *place,
                        struct envelope *out);

/* Writes what follows RCPT TO: for this path, spelled as the technique has it. */
void technique_spell(enum technique_spelling spelling, const char *path,
                     char out[ENVELOPE_PATH_SIZE]);

/* Whether it needs a connection of its own. */
static inline bool technique_is_special(const struct technique *technique)
{
    return technique->helo != NULL || technique->in_clear ||
           technique->identity != TECHNIQUE_IDENTITY_OWN;
}

/* Whether its connection begins with a PROXY header. */
static inline bool technique_is_proxied(const struct technique *technique)
{
    return technique->identity == TECHNIQUE_IDENTITY_PROXY_V1 ||
           technique->identity == TECHNIQUE_IDENTITY_PROXY_V2;
}

#endif

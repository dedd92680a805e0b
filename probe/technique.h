/*
 * technique - the ways of asking for relaying, as a table
 *
 * A row is a stable id, a number that never changes, the templates of its envelope, what acceptance
 * proves, and its control. Adding a technique is adding a row. Pure; any thread.
 *
 * Templates are expanded by technique_envelope; names in braces:
 *   {canary} local@domain of the canary   {canary.local} {canary.domain}
 *   {own} the target's own domain          {host} the target's host name   {literal} the endpoint's
 * address literal
 */
#ifndef RELAYWARDEN_PROBE_TECHNIQUE_H
#define RELAYWARDEN_PROBE_TECHNIQUE_H

#include <stdbool.h>
#include <stddef.h>

#define ENVELOPE_PATH_SIZE 600

/* Who the technique claims to be; the diagnosis compares grants by it. */
enum technique_sender {
    TECHNIQUE_SENDER_EXTERNAL,
    TECHNIQUE_SENDER_OWN,
    TECHNIQUE_SENDER_NULL,
};

/* What a server may take the recipient for. */
enum technique_form {
    TECHNIQUE_PLAIN,   /* acceptance is relaying, whatever else is true */
    TECHNIQUE_MAILBOX, /* the server may read it as a local mailbox: acceptance counts only if the
                          control was refused */
};

struct technique {
    const char *id;      /* "percent-hack" */
    unsigned int number; /* 1-255, never reused */
    enum technique_sender sender_class;
    enum technique_form form;
    const char *sender;    /* template, with brackets */
    const char *recipient; /* template, with brackets */
    const char *control;   /* template of the harmless twin's recipient; NULL for TECHNIQUE_PLAIN */
    const char *summary;   /* one line: what is asked */
    const char *proves;    /* one line: what acceptance means */
};

/* What an envelope is built from; strings without brackets. */
struct technique_place {
    const char *canary;  /* local@domain */
    const char *own;     /* a domain of the site */
    const char *host;    /* host name of the target, or its address as text */
    const char *literal; /* "[203.0.113.25]" */
};

struct envelope {
    char sender[ENVELOPE_PATH_SIZE]; /* "<a@b>" */
    char recipient[ENVELOPE_PATH_SIZE];
    char control[ENVELOPE_PATH_SIZE]; /* "" when there is none */
};

extern const struct technique techniques[];
extern const size_t technique_count;

const struct technique *technique_find(const char *id); /* NULL if there is none */

/* False when a path would not fit in SMTP's limits (RFC 5321 section 4.5.3.1). */
bool technique_envelope(const struct technique *technique, const struct technique_place *place,
                        struct envelope *out);

#endif

/*
 * observation - what the milter tells the probe inside an SMTP reply
 *
 * One line of text with a MAC, in the 550 that the milter gives to a hello (5.7.0) or to an ask
 * (5.7.1). It says which client address the MTA saw, whether the site trusts it, and, of an ask,
 * that the MTA accepted it. lib/tokens.md has the formats and test vectors.
 *
 *   rwo1,hello,client=172.22.1.1,port=49152,permission=trusted-network,masked=0,
 *       listener=203.0.113.25:25,mta=mx.example.org,time=1800000001,challenge=aaaqeayeaudaocaj,
 *       seen=0,accepted=0,mac=...                                        (one line, no blanks)
 *   rwo1,clock,time=1800000001,mac=...
 *   rwo1,ask,decision=accepted,destination=external,permission=none,mac=...
 *
 * Fields have a fixed order and one spelling a value, so a text is either the one that its values
 * give or none of ours. MTAs put words around it: observation_find looks for it in the reply's
 * first line (soft_bounce turns the 550 into 450, smtpd_reject_footer glues text to its end,
 * Sendmail prefixes the address).
 *
 * Pure; any thread; no allocation but OpenSSL's for the MAC.
 */
#ifndef RELAYWARDEN_LIB_OBSERVATION_H
#define RELAYWARDEN_LIB_OBSERVATION_H

#include "lib/address.h"
#include "lib/token.h"
#include "lib/words.h"

#define OBSERVATION_MAX       340 /* octets */
#define OBSERVATION_SIZE      (OBSERVATION_MAX + 1)
#define OBSERVATION_MTA_SIZE  65
#define OBSERVATION_COUNT_MAX 99999 /* `seen` and `accepted` stay there */

enum observation_kind {
    OBSERVATION_HELLO, /* the answer to a hello */
    OBSERVATION_CLOCK, /* the answer to one whose clock differs too much */
    OBSERVATION_ASK,   /* the answer to an ask that the MTA accepted */
};

struct observation {
    enum observation_kind kind;
    /* HELLO: */
    struct address client; /* as the MTA saw it; ADDRESS_NONE is "unknown" */
    uint16_t client_port;  /* 0: unknown */
    bool masked;           /* the permission is withheld, since strangers come from there, too */
    struct address listener;
    uint16_t listener_port;
    char mta[OBSERVATION_MTA_SIZE];     /* {j}; see observation_set_mta */
    uint8_t challenge[TOKEN_CHALLENGE]; /* for the asks to come */
    uint32_t seen;                      /* asks on this connection so far, */
    uint32_t accepted;                  /* and those of them that the MTA accepted */
    /* HELLO and CLOCK: */
    uint32_t time; /* the milter's, Unix time */
    /* HELLO and ASK: */
    enum permission permission; /* the site's view of the client, before masking */
    /* ASK: */
    enum decision decision; /* always accepted: to others the MTA lets nobody answer */
    enum destination destination;
};

/* Lower-cases, cuts, and replaces what may not stand in an observation; NULL or "" becomes
 * "unknown". */
void observation_set_mta(struct observation *observation, const char *name);

/* Writes the text with its MAC. `binding` has the hello's key and nonce, and for ASK its challenge
 * (HELLO brings its own, CLOCK has none); `path` is the argument of the command that is answered,
 * as the client sent it. False when there is no HMAC to be had or the path is too long; then there
 * is no answer to give. */
bool observation_build(const struct observation *observation, const struct token_binding *binding,
                       const char *path, char out[OBSERVATION_SIZE]);

/* An observation as it stands in a reply, not yet believed. */
struct observation_text {
    char text[OBSERVATION_SIZE]; /* without ",mac=..." */
    char mac[TOKEN_MAC_TEXT];
};

enum observation_found {
    OBSERVATION_NONE,   /* no "rwo1," in the line */
    OBSERVATION_BROKEN, /* one that is no observation, or several */
    OBSERVATION_FOUND,
};

/* Looks through `line`, the first line of a 4xx or 5xx reply with or without its code (the code is
 * the caller's to check). On FOUND both outputs are filled. */
enum observation_found observation_find(const char *line, struct observation *out,
                                        struct observation_text *text);

/* Whether the milter that holds binding->key said this, in answer to the command with this path, on
 * this connection. `observation` and `text` from observation_find. Constant time. */
bool observation_verify(const struct observation *observation, const struct observation_text *text,
                        const struct token_binding *binding, const char *path);

#endif

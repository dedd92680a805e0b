/*
 * token - the signed marks that probe and milter put into an SMTP dialogue
 *
 * The probe says who it is by a hello, in MAIL of each connection; the milter answers by an
 * observation (observation.h), which brings a challenge; after that the probe's recipients are
 * asks, bound to that connection by nonce and challenge. lib/tokens.md has the formats, octet by
 * octet, and test vectors.
 *
 * The probe:                                       The milter:
 *   token_hello_build   -> MAIL FROM:<rw1.H@...>     token_hello_parse, token_hello_verify
 *   observation_find, observation_verify <- 550      observation_build
 *   token_ask_seal      -> RCPT TO:<rw1.A@...>       token_ask_parse, token_ask_verify
 *   observation_find, observation_verify <- 550      observation_build
 *
 * Parsing is by the exact shape and cheap: no MAC is computed, nothing allocated. Only what has the
 * shape is worth a verification, which OpenSSL may allocate memory for.
 *
 * Pure: time, nonces and challenges are the caller's (getrandom(2)). Any thread; a struct token_key
 * is only read after token_key_derive. Functions that return bool are false, with their output
 * untouched, when the input has not the shape, or when OpenSSL computes no HMAC (out of memory);
 * then there is no token, and the dialogue goes on without.
 */
#ifndef RELAYWARDEN_LIB_TOKEN_H
#define RELAYWARDEN_LIB_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/domain.h"

#define TOKEN_MARK "rw1." /* begins a hello and an ask */

/* ---- keys ------------------------------------------------------------------------------- */

#define TOKEN_KEY_MIN 32 /* octets of a key file */
#define TOKEN_KEY_MAX 4096

#define TOKEN_DIGEST           32 /* SHA-256 */
#define TOKEN_FINGERPRINT_SIZE 33 /* 32 hexadecimal digits and NUL */

/* Keys derived from a key file's octets; these themselves are not kept. One for each purpose, so
 * that a mark made for one is never taken for another. */
struct token_key {
    uint8_t hello[TOKEN_DIGEST];
    uint8_t ask[TOKEN_DIGEST];
    uint8_t observation[TOKEN_DIGEST];
    uint8_t route[TOKEN_DIGEST];
    uint8_t message[TOKEN_DIGEST];
    uint8_t fingerprint[TOKEN_DIGEST];
};

/* Derives the keys of `length` octets of a key file; false also if there are fewer than
 * TOKEN_KEY_MIN or more than TOKEN_KEY_MAX. */
bool token_key_derive(const uint8_t *octets, size_t length, struct token_key *out);

/* Overwrites secret octets in a way that no compiler leaves out. */
void token_wipe(void *secret, size_t length);

/* A key's name for people: tells nothing of the key. Returns out. */
const char *token_fingerprint(const struct token_key *key, char out[TOKEN_FINGERPRINT_SIZE]);

/* ---- message ---------------------------------------------------------------------------- */

/* The token of a test message (probe/model/message.h): a random nonce, and a MAC over it. Who
 * has the key knows that the site made it; who has not sees 16 random octets. */
#define TOKEN_MESSAGE       16 /* octets */
#define TOKEN_MESSAGE_NONCE 8  /* of these, random; the rest is the MAC */

/* Fills the MAC. */
bool token_message_seal(const struct token_key *key, uint8_t octets[TOKEN_MESSAGE]);
bool token_message_verify(const struct token_key *key, const uint8_t octets[TOKEN_MESSAGE]);

/* ---- hello ------------------------------------------------------------------------------ */

#define TOKEN_ROUTE 4  /* octets */
#define TOKEN_NONCE 11 /* octets, random, new for each hello */
#define TOKEN_MAC   16 /* octets of a hello's and an observation's MAC */

#define TOKEN_HELLO_LOCAL     60 /* octets of "rw1.H" */
#define TOKEN_HELLO_PATH_SIZE (TOKEN_HELLO_LOCAL + DOMAIN_SIZE + 4)

#define TOKEN_OLDEST_SECONDS   600 /* a hello older than this, */
#define TOKEN_FURTHEST_SECONDS 120 /* or further in the future, is answered by the clock only */

struct token_hello {
    uint8_t route[TOKEN_ROUTE];
    uint32_t time; /* Unix time */
    uint8_t nonce[TOKEN_NONCE];
    uint8_t mac[TOKEN_MAC];   /* set by token_hello_parse; token_hello_build does not read it */
    char domain[DOMAIN_SIZE]; /* the canary's; lower case after token_hello_parse */
};

/* The name of the way that a hello went, so that the milter can tell one way from another and yet
 * learns nothing of the probe's configuration. `probe` is the probe's host name, `target` the
 * target's name, `endpoint` as token_endpoint writes it. */
bool token_route(const struct token_key *key, const char *probe, const char *target,
                 const char *endpoint, uint8_t out[TOKEN_ROUTE]);

/* MAIL's argument with brackets, "<rw1.H@canary.domain>", of route, time, nonce and domain. False
 * also for a domain with TOKEN_MARK in it: nobody could tell the two marks apart. */
bool token_hello_build(const struct token_key *key, const struct token_hello *hello,
                       char out[TOKEN_HELLO_PATH_SIZE]);

/* Whether `path`, MAIL's argument as the client sent it, has the shape of a hello. */
bool token_hello_parse(const char *path, struct token_hello *out);

/* Whether a holder of this key has made it. Constant time. */
bool token_hello_verify(const struct token_key *key, const struct token_hello *hello);

/* Whether the clocks agree well enough at `now` (Unix time). */
bool token_hello_is_current(const struct token_hello *hello, int64_t now);

/* ---- ask -------------------------------------------------------------------------------- */

#define TOKEN_CHALLENGE 10   /* octets, random, the milter's; new for each hello */
#define TOKEN_ASK_MAC   10   /* octets */
#define TOKEN_ASK_LOCAL 24   /* octets of "rw1.A" */
#define TOKEN_PATH_MAX  1024 /* octets of a path; longer ones carry no token */

/* Stands where the token is to be, until token_ask_seal: the length of one, and no token. */
#define TOKEN_ASK_BLANK "rw1.____________________"

/* From where the probe asks, as it believes. The numbers are the wire's. */
enum token_role {
    TOKEN_ROLE_TRUE = 1,    /* the milter's client= is the probe's own address */
    TOKEN_ROLE_HIDDEN = 2,  /* from outside, and the MTA sees another address */
    TOKEN_ROLE_INSIDE = 3,  /* not from outside */
    TOKEN_ROLE_CLAIMED = 4, /* under an identity taken by XCLIENT, PROXY or AUTH */
    TOKEN_ROLE_UNKNOWN = 5, /* the probe knows no public address of its own */
};

#define TOKEN_ROLES 6 /* a table by role has so many rows; the first is nobody's */

/* "true", "hidden", ... */
const char *token_role_name(enum token_role role);

/* Whether an ask of that role shows what strangers meet: true, hidden and unknown are from outside,
 * inside and claimed are not. */
bool token_role_is_outside(enum token_role role);

/* Asks and observations of one connection are bound to these. */
struct token_binding {
    const struct token_key *key; /* the hello's */
    uint8_t nonce[TOKEN_NONCE];
    uint8_t challenge[TOKEN_CHALLENGE]; /* from the observation that answered the hello */
};

struct token_ask {
    enum token_role role;
    uint8_t technique; /* its number */
    uint8_t mac[TOKEN_ASK_MAC];
};

/* Puts the token of ask->role and ask->technique where `rcpt_path` has TOKEN_ASK_BLANK (exactly
 * once). Both paths as they will be sent: with brackets, without parameters. */
bool token_ask_seal(const struct token_binding *binding, const struct token_ask *ask,
                    const char *mail_path, char *rcpt_path);

/* Whether `rcpt_path`, RCPT's argument as the client sent it, holds exactly one ask: "rw1." and 20
 * characters, between octets that cannot belong to the same word. */
bool token_ask_parse(const char *rcpt_path, struct token_ask *out);

/* Whether it was made with this key, for this connection and these two paths. Constant time. */
bool token_ask_verify(const struct token_binding *binding, const struct token_ask *ask,
                      const char *mail_path, const char *rcpt_path);

/* ---- for observation.c ------------------------------------------------------------------ */

#define TOKEN_MAC_TEXT       26 /* base32 characters of TOKEN_MAC octets */
#define TOKEN_CHALLENGE_TEXT 16

/* The MAC of an observation's text, base32, not terminated. `path` is the argument of the command
 * that is answered, with the token in it: that of an ask covers its role, technique and sender, so
 * the answer fits no other ask. `challenge` is NULL for an answer that has none. */
bool token_observation_mac(const struct token_binding *binding, const uint8_t *challenge,
                           const char *path, const char *text, char out[TOKEN_MAC_TEXT]);

/* Constant time. */
bool token_same(const void *a, const void *b, size_t length);

/* RFC 4648 base32 in lower case without padding. `out` gets (8 * length + 4) / 5 characters, not
 * terminated. */
void token_base32(const uint8_t *octets, size_t length, char *out);

/* Back: exactly the characters of `length` octets, with the bits that are left over zero. */
bool token_base32_read(const char *text, uint8_t *out, size_t length);

#endif

/*
 * message - the one message that an audit may send to the canary, and what became of it
 *
 * Sent only where the configuration asks for it (proof = data or delivered), through an endpoint
 * of a configured target that granted relaying, asked from outside. Its text is fixed but for the
 * names, the date and the token: 32 hexadecimal digits, by which `receive` knows it. They
 * are random; with a token key the second half is a MAC over the first (lib/token.h). Pure but for
 * message_new_token; any thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_MESSAGE_H
#define RELAYWARDEN_PROBE_MODEL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "lib/token.h"
#include "probe/model/technique.h"

#define MESSAGE_TOKEN_SIZE 33 /* with the NUL */
#define MESSAGE_TEXT_SIZE  2560
#define MESSAGE_HEADER     "X-Relaywarden-Token"

enum message_state {
    MESSAGE_NONE,       /* none was to be sent, or nothing came of it; `text` says why, if asked */
    MESSAGE_SPARED,     /* as many as may be were sent to this endpoint in the last day */
    MESSAGE_REFUSED,    /* at any command, or after the text */
    MESSAGE_UNANSWERED, /* the text was sent, and no reply came */
    MESSAGE_TAKEN,
    MESSAGE_ARRIVED, /* it, or one of the last day */
    MESSAGE_MISSING, /* taken, and did not arrive while it was waited for */
};

/* Texts are never NULL, and belong to the endpoint result's `texts` or are static. A zeroed one is
 * MESSAGE_NONE with text NULL: nothing was tried. */
struct message_result {
    enum message_state state;
    const struct technique *technique; /* the one that was granted; NULL if nothing was tried */
    char token[MESSAGE_TOKEN_SIZE]; /* of the last one that was taken, where this one was spared */
    int code;                       /* of the reply that decided; 0 if there was none */
    const char *text;               /* its text, or what went wrong; printable */
    bool sent;                      /* its text was, in this audit */
    bool denies;                    /* that reply refuses relaying */
    long waited; /* seconds, for its arrival; 0 for what was sent by earlier audits */
};

const char *message_state_name(enum message_state state); /* "taken" */

/* `key` may be NULL. False when the system has no randomness, or OpenSSL no memory. */
bool message_new_token(const struct token_key *key, char token[MESSAGE_TOKEN_SIZE]);

/* Whether who holds the key made the token. */
bool message_is_sealed(const struct token_key *key, const char *token);

/* Whether this is the shape of a token. */
bool message_is_token(const char *text, size_t length);

struct message_parts {
    const char *canary; /* local@domain */
    const char *host;   /* what is tested, printable ASCII */
    const char *token;
    time_t now;
};

/* The message as it follows DATA, with CRLF, up to and with the final dot but without its CRLF. */
void message_write(const struct message_parts *parts, char out[MESSAGE_TEXT_SIZE]);

/* Looks for the token in a message's own header (RFC 5322 section 2.2), whose lines end in CRLF or
 * LF. A token that its body quotes, as a bounce does, does not count. */
bool message_find_token(const char *text, size_t length, char token[MESSAGE_TOKEN_SIZE]);

#endif

/*
 * nonces - the hellos of the last twelve minutes, so that none is answered twice
 *
 * A hello may come two minutes before its time and is good until ten minutes after it, so it lives
 * for twelve minutes at most and is remembered for 2 s longer (nonces.c says why). In memory only;
 * after a restart a replayed hello describes the replayer's own connection, no more. Any thread:
 * one mutex, taken only for hellos with the right MAC.
 */
#ifndef RELAYWARDEN_MILTER_TOKENS_NONCES_H
#define RELAYWARDEN_MILTER_TOKENS_NONCES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/token.h"

#define NONCES_MAX          4096
#define NONCES_KEPT_SECONDS (TOKEN_OLDEST_SECONDS + TOKEN_FURTHEST_SECONDS + 2)

struct nonces {
    pthread_mutex_t mutex; /* PTHREAD_MUTEX_INITIALIZER, the rest zero */
    size_t first;          /* a ring: the oldest */
    size_t count;
    struct {
        uint8_t nonce[TOKEN_NONCE];
        int64_t kept_until;
    } kept[NONCES_MAX];
};

enum nonce_verdict {
    NONCE_NEW, /* and remembered */
    NONCE_REPEATED,
    NONCE_FULL, /* there is no room to remember it: it must not be answered */
};

/* `now` in seconds of a clock that is never set (clocks.h: steady). */
enum nonce_verdict nonces_note(struct nonces *nonces, const uint8_t nonce[TOKEN_NONCE],
                               int64_t now);

#endif

#include "milter/tokens/nonces.h"

#include <stdbool.h>
#include <string.h>

/* All are kept equally long, so the oldest is the first to go.
 *
 * A hello that came 120 s before its time is current until its time + 600, that second included:
 * with one that came at the very beginning of its second these are nearly 721 s. Here the seconds
 * of another clock are counted, which begin at another instant: what came late in one of them is
 * forgotten up to a second early. Hence the 2 s. */
static void forget_old(struct nonces *nonces, int64_t now)
{
    while (nonces->count > 0 && nonces->kept[nonces->first].kept_until <= now) {
        nonces->first = (nonces->first + 1) % NONCES_MAX;
        nonces->count--;
    }
}

static bool is_kept(const struct nonces *nonces, const uint8_t nonce[TOKEN_NONCE])
{
    for (size_t i = 0; i < nonces->count; i++) {
        size_t place = (nonces->first + i) % NONCES_MAX;
        if (memcmp(nonces->kept[place].nonce, nonce, TOKEN_NONCE) == 0) {
            return true;
        }
    }
    return false;
}

enum nonce_verdict nonces_note(struct nonces *nonces, const uint8_t nonce[TOKEN_NONCE], int64_t now)
{
    enum nonce_verdict verdict = NONCE_NEW;

    pthread_mutex_lock(&nonces->mutex);
    forget_old(nonces, now);
    if (is_kept(nonces, nonce)) {
        verdict = NONCE_REPEATED;
    } else if (nonces->count == NONCES_MAX) {
        verdict = NONCE_FULL;
    } else {
        size_t place = (nonces->first + nonces->count++) % NONCES_MAX;
        memcpy(nonces->kept[place].nonce, nonce, TOKEN_NONCE);
        nonces->kept[place].kept_until = now + NONCES_KEPT_SECONDS;
    }
    pthread_mutex_unlock(&nonces->mutex);
    return verdict;
}

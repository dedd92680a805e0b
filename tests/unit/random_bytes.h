/*
 * random_bytes - hostile input that is the same in every run
 *
 * xorshift64* from a seed that the test names, so that a failure can be had again.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_RANDOM_BYTES_H
#define RELAYWARDEN_TESTS_UNIT_RANDOM_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t random_number(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return (uint32_t)(*seed * UINT64_C(2685821657736338717) >> 32);
}

/* Fills `out` with octets of `alphabet`, or of all 256 values if `letters` is 0. */
static inline void random_text(uint64_t *seed, const char *alphabet, size_t letters, char *out,
                               size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint32_t number = random_number(seed);
        out[i] = letters > 0 ? alphabet[number % letters] : (char)(number & 0xFF);
    }
}

#endif

/*
 * fuzz - what the fuzzers share: how an input is taken apart, and what must hold
 *
 * Each fuzz_NAME.c is a program of its own, driven by libFuzzer: LLVMFuzzerTestOneInput is called
 * with one input after another, and stops the program when anything that the module's header
 * promises does not hold. Strings are copied to memory of their exact size, so that
 * AddressSanitizer sees a byte read too many. Seeds are in seeds.py, inputs that once failed in
 * tests/fuzz/found/. One thread.
 */
#ifndef RELAYWARDEN_TESTS_FUZZ_FUZZ_H
#define RELAYWARDEN_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libFuzzer's way in; always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* The rest of an input. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* `size` zero bytes, never NULL; the caller frees them. */
void *fuzz_alloc(size_t size) __attribute__((returns_nonnull));

uint8_t fuzz_byte(struct fuzz_input *input); /* 0 at the end */

/* Up to the next NUL byte, which is skipped, or to the end: a string of its own. The caller frees
 * it. */
char *fuzz_field(struct fuzz_input *input);

/* All that is left, NUL bytes and all, in a block of exactly that size (one byte if none). The
 * caller frees it. */
char *fuzz_rest(struct fuzz_input *input, size_t *length);

/* The same with a NUL behind it, as a file that was read has: AddressSanitizer's strndup() wants
 * the whole string to end. */
char *fuzz_text(struct fuzz_input *input, size_t *length);

/* Whether a terminal or a log may show it: valid UTF-8 without controls, bidirectional marks and
 * line separators. Knows nothing of lib/printable.c, so that the two check each other. A newline is
 * allowed when `newlines` is. */
bool fuzz_is_shown(const char *text, bool newlines);

/* Stops the program with the place and the condition unless it holds. */
#define FUZZ_MUST(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_fail(__FILE__, __LINE__, #condition);                                             \
    } while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

#endif

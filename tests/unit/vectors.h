/*
 * vectors - the test vectors of lib/tokens.md
 *
 * Fails the test when the page cannot be read (tests run in the tree's root) or a name is missing.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_VECTORS_H
#define RELAYWARDEN_TESTS_UNIT_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/token.h"

#define VECTOR_SIZE 512

/* The value of `name`. Returns out. */
const char *vector(const char *name, char out[VECTOR_SIZE]);

/* The value of "PREFIX NUMBER . SUFFIX": vector_of("ask", 1, "role", ...) is ask1.role. */
const char *vector_of(const char *prefix, int number, const char *suffix, char out[VECTOR_SIZE]);

/* A value's octets, read from hexadecimal; exactly `length` of them. */
void vector_octets(const char *name, uint8_t *out, size_t length);

/* The key, and the binding of the one connection that all vectors belong to; it points to *key. */
void vector_key(struct token_key *out);
void vector_binding(struct token_key *key, struct token_binding *out);

#endif

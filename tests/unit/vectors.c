#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE "lib/tokens.md"

/* The rest of the line that begins with `name` and a blank. */
static bool find(FILE *file, const char *name, char out[VECTOR_SIZE])
{
    char line[VECTOR_SIZE];
    size_t length = strlen(name);

    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            const char *value = line + length + strspn(line + length, " ");
            snprintf(out, VECTOR_SIZE, "%.*s", (int)strcspn(value, "\n"), value);
            return true;
        }
    }
    return false;
}

const char *vector(const char *name, char out[VECTOR_SIZE])
{
    FILE *file = fopen(PAGE, "r");

    if (file == NULL) {
        fail_msg("%s cannot be read: run the tests in the tree's root", PAGE);
    }
    bool found = find(file, name, out);
    fclose(file);
    if (!found) {
        fail_msg("%s has no %s", PAGE, name);
    }
    return out;
}

const char *vector_of(const char *prefix, int number, const char *suffix, char out[VECTOR_SIZE])
{
    char name[64];

    snprintf(name, sizeof(name), "%s%d.%s", prefix, number, suffix);
    return vector(name, out);
}

void vector_octets(const char *name, uint8_t *out, size_t length)
{
    char text[VECTOR_SIZE];

    assert_int_equal(strlen(vector(name, text)), 2 * length);
    for (size_t i = 0; i < length; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
}

void vector_key(struct token_key *out)
{
    uint8_t octets[32];

    vector_octets("key.octets", octets, sizeof(octets));
    assert_true(token_key_derive(octets, sizeof(octets), out));
}

void vector_binding(struct token_key *key, struct token_binding *out)
{
    vector_key(key);
    out->key = key;
    vector_octets("hello.nonce", out->nonce, sizeof(out->nonce));
    vector_octets("challenge.octets", out->challenge, sizeof(out->challenge));
}

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

void *fuzz_alloc(size_t size)
{
    void *block = calloc(1, size);

    if (block == NULL) {
        fuzz_fail(__FILE__, __LINE__, "memory is out");
    }
    return block;
}

uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

static char *copy(const uint8_t *bytes, size_t length, size_t size)
{
    char *block = fuzz_alloc(size);

    if (length > 0) {
        memcpy(block, bytes, length);
    }
    return block;
}

char *fuzz_field(struct fuzz_input *input)
{
    const uint8_t *end = input->left > 0 ? memchr(input->at, '\0', input->left) : NULL;
    size_t length = end != NULL ? (size_t)(end - input->at) : input->left;
    char *field = copy(input->at, length, length + 1);

    field[length] = '\0';
    input->at += length + (end != NULL);
    input->left -= length + (end != NULL);
    return field;
}

char *fuzz_rest(struct fuzz_input *input, size_t *length)
{
    *length = input->left;
    char *rest = copy(input->at, input->left, input->left > 0 ? input->left : 1);
    input->at += input->left;
    input->left = 0;
    return rest;
}

char *fuzz_text(struct fuzz_input *input, size_t *length)
{
    *length = input->left;
    char *text = copy(input->at, input->left, input->left + 1);
    input->at += input->left;
    input->left = 0;
    return text;
}

/* RFC 3629: the code point at the head of the text and how many octets it has; 0 if none begins
 * there. */
static size_t code_point(const unsigned char *text, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t octets = text[0] < 0x80             ? 1
                    : (text[0] & 0xE0) == 0xC0 ? 2
                    : (text[0] & 0xF0) == 0xE0 ? 3
                    : (text[0] & 0xF8) == 0xF0 ? 4
                                               : 0;

    *code = octets == 1 ? text[0] : text[0] & (0x7FU >> octets);
    for (size_t i = 1; i < octets; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
        *code = *code << 6 | (text[i] & 0x3FU);
    }
    bool whole = octets > 0 && *code >= least[octets] && *code <= 0x10FFFF;
    return whole && (*code < 0xD800 || *code > 0xDFFF) ? octets : 0;
}

bool fuzz_is_shown(const char *text, bool newlines)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        uint32_t code;
        size_t octets = code_point(at, &code);
        bool control = code < 0x20 || (code >= 0x7F && code <= 0x9F);
        bool direction = code == 0x061C || code == 0x200E || code == 0x200F ||
                         (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
        bool separator = code == 0x2028 || code == 0x2029;
        if (octets == 0 || direction || separator || (control && !(newlines && code == '\n'))) {
            return false;
        }
        at += octets;
    }
    return true;
}

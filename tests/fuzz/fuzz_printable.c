/* lib/printable.c: whatever comes in, what goes out can be shown, fits, and says what came in. */
#include <stdlib.h>
#include <string.h>

#include "lib/printable.h"
#include "tests/fuzz/fuzz.h"

#define SMALL_MAX 64

static uint32_t hexadecimal(const char **at, char end)
{
    char *after;
    uint32_t value = (uint32_t)strtoul(*at, &after, 16);

    FUZZ_MUST(after > *at && *after == end);
    *at = after + 1;
    return value;
}

/* All code points that are written as \u{} are below U+10000 and above U+007F. */
static size_t put_utf8(char *out, uint32_t code)
{
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3F));
    out[2] = (char)(0x80 | (code & 0x3F));
    return 3;
}

/* The text before it was escaped. */
static size_t unescape(const char *text, char *out)
{
    size_t length = 0;

    while (*text != '\0') {
        if (*text != '\\') {
            out[length++] = *text++;
        } else if (text[1] == '\\') {
            out[length++] = '\\';
            text += 2;
        } else if (text[1] == 'x') {
            char digits[] = {text[2], text[3], '\0'};
            const char *at = digits;
            out[length++] = (char)hexadecimal(&at, '\0');
            text += 4;
        } else {
            FUZZ_MUST(text[1] == 'u' && text[2] == '{');
            text += 3;
            length += put_utf8(out + length, hexadecimal(&text, '}'));
        }
    }
    return length;
}

static void check_whole(const char *text, size_t length)
{
    size_t size = length * 8 + 1; /* "\u{2028}" are 8 octets for 3 */
    char *shown = fuzz_alloc(size);
    char *back = fuzz_alloc(size);

    size_t written = printable(shown, size, text, length);
    FUZZ_MUST(written == strlen(shown) && written < size);
    FUZZ_MUST(fuzz_is_shown(shown, false));
    FUZZ_MUST(unescape(shown, back) == length && memcmp(back, text, length) == 0);
    free(back);
    free(shown);
}

static void check_cut(const char *text, size_t length, size_t size)
{
    char *shown = fuzz_alloc(size + 1);

    shown[size] = '#';
    size_t written = printable(shown, size, text, length);
    FUZZ_MUST(shown[size] == '#');
    FUZZ_MUST(size == 0 ? written == 0 : written < size && shown[written] == '\0');
    FUZZ_MUST(size == 0 || fuzz_is_shown(shown, false));
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    size_t size = fuzz_byte(&input) % SMALL_MAX;
    size_t text_length;
    char *text = fuzz_rest(&input, &text_length);

    check_whole(text, text_length);
    check_cut(text, text_length, size);
    free(text);
    return 0;
}

#include "lib/printable.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The longest escape is that of U+2069: "\u{2069}". */
#define PIECE_SIZE sizeof("\\u{2069}")

static const char ellipsis[] = "...";

/* Well-formed sequences by their first octet, RFC 3629 section 4. The range of the second octet is
 * what excludes overlong forms, surrogates and code points past U+10FFFF. */
static const struct {
    unsigned char first, last;     /* of the first octet */
    unsigned char lowest, highest; /* of the second octet */
    unsigned char octets;
    unsigned char bits; /* of the first octet that belong to the code point */
} utf8_forms[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2, 0x1F}, {0xE0, 0xE0, 0xA0, 0xBF, 3, 0x0F},
    {0xE1, 0xEC, 0x80, 0xBF, 3, 0x0F}, {0xED, 0xED, 0x80, 0x9F, 3, 0x0F},
    {0xEE, 0xEF, 0x80, 0xBF, 3, 0x0F}, {0xF0, 0xF0, 0x90, 0xBF, 4, 0x07},
    {0xF1, 0xF3, 0x80, 0xBF, 4, 0x07}, {0xF4, 0xF4, 0x80, 0x8F, 4, 0x07},
};

/* Code points that are valid and still must not reach a terminal or a log as they are. */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x0080, 0x009F}, /* C1 controls */
    {0x061C, 0x061C}, /* Arabic letter mark */
    {0x200E, 0x200F}, /* left-to-right and right-to-left mark */
    {0x2028, 0x2029}, /* line and paragraph separator */
    {0x202A, 0x202E}, /* bidirectional embeddings and overrides */
    {0x2066, 0x2069}, /* bidirectional isolates */
};

/* The octets of the character at the head of the text, 0 if they are no UTF-8. */
static size_t decode(const unsigned char *text, size_t length, uint32_t *code)
{
    if (text[0] < 0x80) {
        *code = text[0];
        return 1;
    }
    for (size_t form = 0; form < sizeof(utf8_forms) / sizeof(utf8_forms[0]); form++) {
        if (text[0] < utf8_forms[form].first || text[0] > utf8_forms[form].last) {
            continue;
        }
        size_t octets = utf8_forms[form].octets;
        if (length < octets || text[1] < utf8_forms[form].lowest ||
            text[1] > utf8_forms[form].highest) {
            return 0;
        }
        *code = text[0] & utf8_forms[form].bits;
        for (size_t i = 1; i < octets; i++) {
            if ((text[i] & 0xC0) != 0x80) {
                return 0;
            }
            *code = *code << 6 | (text[i] & 0x3F);
        }
        return octets;
    }
    return 0;
}

static bool is_hidden(uint32_t code)
{
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (code >= hidden[i].first && code <= hidden[i].last) {
            return true;
        }
    }
    return false;
}

/* Escapes the one character, or stray octet, at the head of the text. Returns how many octets of
 * the text it was. */
static size_t escape_one(const unsigned char *text, size_t length, char piece[PIECE_SIZE],
                         size_t *piece_length)
{
    uint32_t code = 0;
    size_t octets = decode(text, length, &code);
    int written;
    if (octets == 0 || code < 0x20 || code == 0x7F) {
        octets = 1;
        written = snprintf(piece, PIECE_SIZE, "\\x%02X", text[0]);
    } else if (code == '\\') {
        written = snprintf(piece, PIECE_SIZE, "\\\\");
    } else if (is_hidden(code)) {
        written = snprintf(piece, PIECE_SIZE, "\\u{%X}", (unsigned int)code);
    } else {
        written = (int)octets;
        memcpy(piece, text, octets);
    }
    assert(written > 0 && (size_t)written < PIECE_SIZE);
    *piece_length = (size_t)written;
    return octets;
}

size_t printable(char *out, size_t size, const char *text, size_t length)
{
    if (size == 0) {
        return 0;
    }
    const unsigned char *rest = (const unsigned char *)text;
    size_t room = size - 1;
    size_t mark = room < strlen(ellipsis) ? 0 : strlen(ellipsis);
    size_t used = 0;
    size_t cut = 0; /* how much may stay if the next piece does not fit */
    while (length > 0) {
        char piece[PIECE_SIZE];
        size_t piece_length;
        bool plain = rest[0] >= 0x20 && rest[0] < 0x7F && rest[0] != '\\';
        if (plain && used + mark < room) { /* as most are, and the end is far */
            out[used++] = (char)*rest++;
            length--;
            cut = used;
            continue;
        }
        size_t octets = escape_one(rest, length, piece, &piece_length);
        if (piece_length > room - used) {
            memcpy(out + cut, ellipsis, mark);
            used = cut + mark;
            break;
        }
        memcpy(out + used, piece, piece_length);
        used += piece_length;
        if (used + mark <= room) {
            cut = used;
        }
        rest += octets;
        length -= octets;
    }
    out[used] = '\0';
    return used;
}

size_t printable_string(char *out, size_t size, const char *text)
{
    return text == NULL ? printable(out, size, "", 0) : printable(out, size, text, strlen(text));
}

bool printable_is_shown(const char *text)
{
    const unsigned char *rest = (const unsigned char *)text;
    size_t length = strlen(text);

    while (length > 0) {
        char piece[PIECE_SIZE];
        size_t piece_length;
        size_t octets = escape_one(rest, length, piece, &piece_length);

        if (*rest != '\\' && piece_length != octets) {
            return false;
        }
        rest += octets;
        length -= octets;
    }
    return true;
}

/* Octets that a UTF-8 sequence beginning with this one has; 1 for what begins none. */
static size_t sequence_length(unsigned char first)
{
    if (first >= 0xF0) {
        return 4;
    }
    if (first >= 0xE0) {
        return 3;
    }
    return first >= 0xC0 ? 2 : 1;
}

/* A text of `length` octets was cut there: takes the head of a split character off its end. */
static void trim_split_character(char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 3) {
        start--;
        if (((unsigned char)text[start] & 0xC0) != 0x80) {
            break;
        }
    }
    if (start < length && start + sequence_length((unsigned char)text[start]) > length) {
        text[start] = '\0';
    }
}

void printable_append(char *out, size_t size, const char *format, va_list arguments)
{
    size_t start = strlen(out);
    int length = vsnprintf(out + start, size - start, format, arguments);

    if (length < 0) {
        out[start] = '\0';
    } else if ((size_t)length >= size - start) {
        trim_split_character(out, size - 1);
    }
}

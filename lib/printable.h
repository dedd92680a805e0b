/*
 * printable - make text from the network safe to show
 *
 * The one escape routine for every sink and the terminal. Everything that came from a peer
 * (commands, HELO names, envelopes, banners, replies, certificates, DNS) passes through here, once,
 * where it enters a finding or a report.
 *
 * Escaped, as \xHH a byte: C0 controls, DEL, and every byte that is not valid UTF-8 (RFC 3629:
 * overlong forms, surrogates and code points past U+10FFFF are invalid). Escaped, as \u{HEX}: C1
 * controls (U+0080-9F), U+2028, U+2029, and the bidirectional controls (U+061C, U+200E, U+200F,
 * U+202A-2E, U+2066-69). A backslash becomes two, so the original can be had back. Everything else
 * stays. The result is therefore always valid UTF-8 on one line.
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_PRINTABLE_H
#define RELAYWARDEN_LIB_PRINTABLE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Writes `length` bytes of `text` escaped into `out`, always NUL-terminated when `size` > 0. What
 * does not fit is cut at a character's boundary and the cut shown by "..." (when size > 3). `text`
 * may hold NUL bytes. Returns the length written, without the NUL. */
size_t printable(char *out, size_t size, const char *text, size_t length);

/* The same for a NUL-terminated string; NULL counts as empty. */
size_t printable_string(char *out, size_t size, const char *text);

/* Whether nothing in a text would be escaped but backslashes: so is everything that was escaped
 * before. */
bool printable_is_shown(const char *text);

/* Adds to `out`, which has `size` octets, as vprintf. Nothing is escaped: the text is printable
 * already. Cut at a character's boundary, without a mark. */
void printable_append(char *out, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif

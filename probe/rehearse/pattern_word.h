/*
 * pattern_word - a text that a regular expression is likely to match
 *
 * Of alternatives the first, of classes one octet, of repetitions the fewest. It is a guess and no
 * engine: whoever uses the text has postmap say whether the table answers for it. Understands what
 * POSIX extended expressions and Perl's have in common, and Perl's classes and groups. Pure; any
 * thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_PATTERN_WORD_H
#define RELAYWARDEN_PROBE_REHEARSE_PATTERN_WORD_H

#include <stdbool.h>
#include <stddef.h>

/* Of "/pattern/flags", with any delimiter. False: there is something in it that is not understood,
 * or no room; `out` is then spoiled. The text may be empty. */
bool pattern_word(const char *pattern, char *out, size_t size);

#endif

/*
 * cf_text - logical lines and words of main.cf, master.cf and Postfix's tables, with their places
 *
 * postconf(5) and master(5): a line that begins with white space continues the one before; lines
 * that are empty or whose first character behind white space is `#` are passed over, also between
 * continuation lines. Words are parted by white space and commas; what stands in braces stays
 * together, also in the middle of a word ("inline:{ a=OK, b=OK }").
 *
 * Pure; any thread. Texts need no NUL at their end and may hold NUL octets.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_CF_TEXT_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_CF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* One logical line within its file. */
struct cf_line {
    size_t begin; /* of its first octet */
    size_t end;   /* behind its last octet, without the newline */
};

/* The logical line at or behind *place, which is set behind it. False at the end. White space at
 * the very beginning of a file begins a line as any other. */
bool cf_next_line(const char *text, size_t length, size_t *place, struct cf_line *line);

/* A logical line, or a part of one, as Postfix joins it: without newlines and comment lines. */
struct cf_joined {
    char *text;    /* NUL-terminated; NUL octets of the file are made spaces */
    size_t *place; /* of each octet, and one more for the end, in the file */
    size_t length;
};

/* False: out of memory. To be freed with cf_joined_free. */
bool cf_join(const char *text, const struct cf_line *line, struct cf_joined *out);
void cf_joined_free(struct cf_joined *joined);

/* The next word at or behind *at in a joined text; separators are those of `separators`. False at
 * the end. */
bool cf_next_word(const char *text, size_t *at, const char *separators, size_t *begin, size_t *end);

#define CF_LIST_SEPARATORS " \t\r\n,"
#define CF_WORD_SEPARATORS " \t\r\n"

#endif

/*
 * table_lines - the lines of a lookup table's text, and which one answers for a key
 *
 * Of a map the line is looked for by its key in the text beside it; texthash has the same form.
 * regexp, pcre and cidr go by pattern: the shortest beginning of the file for which postmap -q
 * answers ends with the line (about as many queries as the number of lines has bits), so that no
 * engine for patterns is imitated. inline has its entries in the reference. Of unionmap, pipemap
 * and randmap each member is asked.
 *
 * One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_TABLE_LINES_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_TABLE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"

/* Adds the elements of all lines that answer for `key` in the table of `reference` to `out`.
 * Returns how many of at most `room`: none if the table has no text, or no such line. `element` is
 * the reference's own, for an inline table. */
size_t table_find(struct candidate *candidate, const char *reference, const char *key,
                  size_t element, size_t *out, size_t room);

/* One line of a table's text. */
struct table_line {
    size_t begin; /* its logical line's place */
    size_t end;
    char *key;   /* as in the text, without quotes; or the pattern */
    char *value; /* "OK" */
};

/* Calls `see` with each line of a table's text that is a rule, until it returns false. Lines of
 * patterns begin with their pattern. False: out of memory. */
bool table_walk(const char *text, size_t length, bool (*see)(void *own, const struct table_line *),
                void *own);

#endif

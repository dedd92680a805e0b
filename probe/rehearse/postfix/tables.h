/*
 * tables - Postfix's lookup tables: which there are, and which line answers for a key
 *
 * hash, btree, cdb, lmdb and dbm are read through a map; the line is looked for by its key in the
 * text beside it (postmap(1)). texthash has the same form. regexp, pcre and cidr go by pattern: the
 * shortest beginning of the file for which postmap -q answers ends with the line (about as many
 * queries as the number of lines has bits), so that no engine for patterns is imitated. inline has
 * its entries in the reference. Of unionmap, pipemap and randmap each member is asked. Of SQL,
 * LDAP, memcache, socketmap and tcp only the reference is known: nothing is asked.
 *
 * One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_TABLES_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/candidate_mta.h"

/* "type:name" of a reference, "proxy:" left away. False: it is no reference. */
bool table_split(const char *reference, char *type, size_t type_size, const char **name);

/* Adds the table of a reference, and those within it, to the candidate; with what cannot be known
 * of it if `decides`: it has a say in who may send where. */
void table_add(struct candidate *candidate, const char *reference, const char *parameter,
               size_t element, bool decides);

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

/* See candidate_mta's settle: makes the maps of the copy anew. */
bool table_settle(const struct candidate *candidate, const struct candidate_settling *settling,
                  char why[CANDIDATE_WHY_SIZE]);

#endif

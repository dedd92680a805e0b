/*
 * tables - Postfix's lookup tables: which there are, of which types, and the maps of a copy
 *
 * hash, btree, cdb, lmdb and dbm are read through a map, which is made of the text beside it
 * (postmap(1)). Of unionmap, pipemap and randmap each member is a table. Of SQL, LDAP, memcache,
 * socketmap and tcp only the reference is known: nothing is asked.
 *
 * One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_TABLES_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/candidate_mta.h"

#define TABLE_NESTING_MAX 8 /* tables in tables */

/* How a type of table is read. */
enum table_way {
    TABLE_MAP,     /* a map beside a text of keys */
    TABLE_KEYS,    /* a text of keys */
    TABLE_PATTERN, /* a text of patterns, the first that matches answers */
    TABLE_INLINE,
    TABLE_MEMBERS, /* other tables, in braces */
    TABLE_CONSTANT,
    TABLE_REMOTE,
};

/* "type:name" of a reference, "proxy:" left away. False: it is no reference. */
bool table_split(const char *reference, char *type, size_t type_size, const char **name);

/* Of a type that table_split gave. */
enum table_way table_way_of(const char *type);

/* Adds the table of a reference, and those within it, to the candidate; with what cannot be known
 * of it if `decides`: it has a say in who may send where. */
void table_add(struct candidate *candidate, const char *reference, const char *parameter,
               size_t element, bool decides);

/* See candidate_mta's settle: makes the maps of the copy anew. */
enum instance_fault table_settle(const struct candidate *candidate,
                                 const struct candidate_settling *settling,
                                 char why[CANDIDATE_WHY_SIZE]);

#endif

/*
 * name_index - from a name to its number, among many
 *
 * A hash table over names that somebody else keeps. One thread at a time.
 */
#ifndef RELAYWARDEN_LIB_NAME_INDEX_H
#define RELAYWARDEN_LIB_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_INDEX_NONE ((size_t)-1)

struct name_index;

/* With room for that many names. NULL when memory is out. */
struct name_index *name_index_new(size_t room);
void name_index_free(struct name_index *index); /* NULL is nothing */

/* The name outlives the index. Returns the number that the name had already, or `number`; past the
 * room that was made, NAME_INDEX_NONE. */
size_t name_index_add(struct name_index *index, const char *name, size_t number);

/* NAME_INDEX_NONE: it is not there. */
size_t name_index_find(const struct name_index *index, const char *name);

#endif

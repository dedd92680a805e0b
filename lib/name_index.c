#include "lib/name_index.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    const char *name; /* NULL: free */
    size_t number;
};

struct name_index {
    size_t size; /* a power of two, at least twice the room */
    size_t left;
    struct slot slots[];
};

/* FNV-1a: the names are the operator's own, nobody makes them collide. */
static uint64_t hash(const char *name)
{
    uint64_t value = UINT64_C(14695981039346656037);

    for (const char *at = name; *at != '\0'; at++) {
        value = (value ^ (unsigned char)*at) * UINT64_C(1099511628211);
    }
    return value ^ value >> 32;
}

struct name_index *name_index_new(size_t room)
{
    size_t size = 16;

    while (size / 2 < room) {
        if (size > SIZE_MAX / (4 * sizeof(struct slot))) {
            return NULL;
        }
        size *= 2;
    }
    struct name_index *index = calloc(1, sizeof(*index) + size * sizeof(struct slot));
    if (index != NULL) {
        index->size = size;
        index->left = room;
    }
    return index;
}

void name_index_free(struct name_index *index)
{
    free(index);
}

static size_t place_of(const struct name_index *index, const char *name)
{
    size_t at = (size_t)hash(name) & (index->size - 1);

    while (index->slots[at].name != NULL && strcmp(index->slots[at].name, name) != 0) {
        at = (at + 1) & (index->size - 1);
    }
    return at;
}

size_t name_index_add(struct name_index *index, const char *name, size_t number)
{
    struct slot *slot = &index->slots[place_of(index, name)];

    if (slot->name == NULL) {
        if (index->left == 0) {
            return NAME_INDEX_NONE;
        }
        index->left--;
        *slot = (struct slot){name, number};
    }
    return slot->number;
}

size_t name_index_find(const struct name_index *index, const char *name)
{
    const struct slot *slot = &index->slots[place_of(index, name)];

    return slot->name == NULL ? NAME_INDEX_NONE : slot->number;
}

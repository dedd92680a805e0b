#include "probe/model/string_pool.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 2048

struct string_pool_block {
    struct string_pool_block *next;
    size_t used;
    size_t room;
    char bytes[];
};

static const char *find(const struct string_pool *texts, const char *text, size_t size)
{
    for (const struct string_pool_block *block = texts->first; block != NULL; block = block->next) {
        for (size_t at = 0; at < block->used; at += strlen(block->bytes + at) + 1) {
            if (size <= block->used - at && memcmp(block->bytes + at, text, size) == 0) {
                return block->bytes + at;
            }
        }
    }
    return NULL;
}

static struct string_pool_block *room_for(struct string_pool *texts, size_t size)
{
    struct string_pool_block *block = texts->first;

    if (block != NULL && block->room - block->used >= size) {
        return block;
    }
    size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    block = malloc(sizeof(*block) + room);
    if (block != NULL) {
        *block = (struct string_pool_block){.next = texts->first, .room = room};
        texts->first = block;
    }
    return block;
}

const char *string_pool_keep(struct string_pool *texts, const char *text)
{
    size_t size = strlen(text) + 1;
    const char *kept = size > 1 ? find(texts, text, size) : "";

    if (kept != NULL) {
        return kept;
    }
    struct string_pool_block *block = room_for(texts, size);
    if (block == NULL) {
        return "";
    }
    char *copy = block->bytes + block->used;
    memcpy(copy, text, size);
    block->used += size;
    return copy;
}

void string_pool_free(struct string_pool *texts)
{
    while (texts->first != NULL) {
        struct string_pool_block *next = texts->first->next;
        free(texts->first);
        texts->first = next;
    }
}

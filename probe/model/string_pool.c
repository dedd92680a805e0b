#include "probe/model/string_pool.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 2048

/* Each text stands behind its size, by which most are told apart without a look at them: the search
 * is made for every envelope and reply. */
typedef uint32_t text_size;

struct string_pool_block {
    struct string_pool_block *next;
    size_t used;
    size_t room;
    char bytes[];
};

static const char *find(const struct string_pool *texts, const char *text, size_t size)
{
    for (const struct string_pool_block *block = texts->first; block != NULL; block = block->next) {
        for (size_t at = 0; at < block->used;) {
            text_size kept;
            memcpy(&kept, block->bytes + at, sizeof(kept));
            at += sizeof(kept);
            if (kept == size && memcmp(block->bytes + at, text, size) == 0) {
                return block->bytes + at;
            }
            at += kept;
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
    text_size size = (text_size)strlen(text) + 1;
    const char *kept = size > 1 ? find(texts, text, size) : "";

    if (kept != NULL) {
        return kept;
    }
    struct string_pool_block *block = room_for(texts, sizeof(size) + size);
    if (block == NULL) {
        return "";
    }
    char *copy = block->bytes + block->used + sizeof(size);
    memcpy(block->bytes + block->used, &size, sizeof(size));
    memcpy(copy, text, size);
    block->used += sizeof(size) + size;
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

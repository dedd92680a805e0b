/*
 * string_pool - short strings that live as long as the result which shows them
 *
 * An endpoint's battery has dozens of envelopes and replies, most of them short and many the same.
 * They are kept packed, each once. Owned by one result; one thread.
 */
#ifndef RELAYWARDEN_PROBE_MODEL_STRING_POOL_H
#define RELAYWARDEN_PROBE_MODEL_STRING_POOL_H

struct string_pool_block;

struct string_pool {
    struct string_pool_block *first; /* NULL = empty: a zeroed struct is ready */
};

/* The kept copy of `text`, the same pointer for equal texts; "" when memory is out. */
const char *string_pool_keep(struct string_pool *texts, const char *text);

/* Frees all copies and leaves it empty. */
void string_pool_free(struct string_pool *texts);

#endif

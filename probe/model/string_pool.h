/*
 * texts - short strings that live as long as the result which shows them
 *
 * An endpoint's battery has dozens of envelopes and replies, most of them short and many the same.
 * They are kept packed, each once. Owned by one result; one thread.
 */
#ifndef RELAYWARDEN_PROBE_TEXTS_H
#define RELAYWARDEN_PROBE_TEXTS_H

struct texts_block;

struct texts {
    struct texts_block *first; /* NULL = empty: a zeroed struct is ready */
};

/* The kept copy of `text`, the same pointer for equal texts; "" when memory is out. */
const char *texts_keep(struct texts *texts, const char *text);

/* Frees all copies and leaves it empty. */
void texts_free(struct texts *texts);

#endif

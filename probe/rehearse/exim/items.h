/*
 * items - whom the items of an Exim list stand for
 *
 * Of each item a key: a network, a client's name, a mailbox, a domain, a local part, a greeting.
 * Named lists are followed, files of keys read, folders listed (dsearch); of a pattern a text is
 * guessed that it matches. An item that can be neither read nor guessed is counted. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_ITEMS_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/questions.h"

struct item_key {
    enum question_kind kind; /* CLIENT: `network`; else `text` */
    struct network network;
    char text[QUESTION_TEXT_MAX];
    bool by_pattern;
};

/* How a value is written. */
enum items_form {
    ITEMS_LIST,
    ITEMS_ONE,     /* a text that must be the same */
    ITEMS_PATTERN, /* a regular expression */
};

struct items {
    struct candidate *candidate;
    enum question_kind kind; /* CLIENT, NAME, SENDER, HELO or RECIPIENT */
    bool local_parts;        /* the items are local parts, of whatever domain */
    bool want_negated;       /* those that begin with `!` count, and the others do not */
    /* Found: */
    struct item_key *keys;
    size_t count;
    size_t room;
    struct question_holes excluded; /* networks that the others are without */
    bool everybody;
    size_t left; /* items that stand for somebody unknown */
    char first_left[QUESTION_TEXT_MAX];
};

void items_read(struct items *items, const char *value, enum items_form form);
void items_free(struct items *items);

#endif

/*
 * derive_keys - the keys of a lookup table as clients, senders, names and recipients
 *
 * A key stands for whoever it lets by: a network, a client's name, a mailbox. Of a pattern it is
 * guessed (derive_patterns.h). A table without a text that can be read, or on a server that is not
 * asked, is counted as unasked. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_DERIVE_KEYS_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_DERIVE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/questions.h"

/* The client address or network in an access table's key: "198.51.100.7", "198.51.100", "2001:db8",
 * "198.51.100.0/24", "[2001:db8::]/32". False: it is a name. Pure. */
bool derive_network(const char *key, struct network *out);

/* The meaning of an access table's value (access(5)). */
enum derive_value {
    DERIVE_REFUSES, /* REJECT, 554 go away */
    DERIVE_PASSES,  /* DUNNO, PREPEND and their like: the next check has its say */
    DERIVE_PERMITS, /* OK, a number */
    DERIVE_CHECKS,  /* a class, or restrictions */
};
enum derive_value derive_value(const char *value);

/* Whether a value may let by: OK, a number, a class; not REJECT, DUNNO and their like. Pure. */
bool derive_permits(const char *value);

struct derive_key {
    enum question_kind kind; /* CLIENT: `network`; else `text` */
    struct network network;
    const struct question_holes *holes; /* what others of the table, or tables before, say of it */
    char text[QUESTION_TEXT_MAX];
    bool by_pattern;
};

struct derive_keys_of {
    struct candidate *candidate;
    struct questions *questions;  /* what cannot be asked is counted there */
    enum question_kind kind;      /* CLIENT, SENDER, HELO or RECIPIENT */
    bool is_list;                 /* of networks: every key counts, whatever its value */
    bool passes_count;            /* lines that pass are seen, too */
    struct question_holes *holes; /* to which refused networks are added */
    /* Called for each key that counts; false: that is enough. */
    bool (*see)(void *own, const struct derive_key *key, const char *value);
    void *own;
};

/* Of the table that a reference names; of its members, if it is made of others. */
void derive_keys(const struct derive_keys_of *of, const char *reference);

/* One key that stands in a list itself. */
void derive_one_key(const struct derive_keys_of *of, const char *key);

/* A table's word by family, IPv4 and IPv6. */
struct derive_rest {
    bool refused[2]; /* whoever it has not named before */
    bool lets_by[2]; /* somebody whom the site does not trust; where nothing is known, too */
    bool passes[2];  /* likewise, or leaves it to the next check */
};
void derive_rest(const struct candidate *candidate, const char *reference, struct derive_rest *out);

#endif

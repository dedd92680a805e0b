/*
 * tree - what a configuration file says, as libconfuse read it: sections, options, items, each with
 * its line
 *
 * Nothing is interpreted here. A mistake of syntax ends the reading.
 *
 * One thread at a time: libconfuse's callbacks have no user pointer, so the tree being read is a
 * static. libconfuse may end the process where memory is out: a program that is not to end reads by
 * conf_tree_read_apart (conf/apart.h).
 */
#ifndef RELAYWARDEN_CONF_TREE_H
#define RELAYWARDEN_CONF_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/mistakes.h"
#include "conf/schema.h"

struct conf_item {
    char *text;
    int line;
};

/* One assignment. */
struct conf_setting {
    const struct conf_option *option;
    size_t section; /* index of its section in the tree */
    int line;       /* of its value's beginning */
    bool braces;    /* NAME = { ... } */
    struct conf_item *items;
    size_t item_count;
};

struct conf_block {
    enum conf_section kind;
    char *title; /* NULL when the kind has none */
    int open_line;
    int close_line;
};

struct conf_tree {
    struct conf_block *blocks; /* the first is the file itself */
    size_t block_count;
    struct conf_setting *settings; /* in the order of the file */
    size_t setting_count;
    int end_line;
    bool complete; /* read to its end: what is not here is missing */
};

/* Parses a prepared text (conf/text.h) without unknown names (conf/unknown.h), once. `silent`: a
 * mistake of syntax has been reported before, what libconfuse makes of the torn text is not of
 * interest. -1: memory is out. The caller frees the tree in any case. */
int conf_tree_read(struct conf_tree *tree, const char *prepared, bool silent,
                   struct conf_messages *messages);
void conf_tree_free(struct conf_tree *tree); /* the members, not the struct */

/* For who makes a tree: puts one more into it, behind what is there; an item goes into the last
 * setting. `title` and `text` are copied. -1: memory is out. */
int conf_tree_add_block(struct conf_tree *tree, struct conf_block block, const char *title);
int conf_tree_add_setting(struct conf_tree *tree, struct conf_setting setting);
int conf_tree_add_item(struct conf_tree *tree, const char *text, int line);

/* The first such setting of the file, or NULL; for options of sections that are there once. */
const struct conf_setting *conf_tree_find(const struct conf_tree *tree, enum conf_section section,
                                          const char *name);

/* The same within one block (a target). */
const struct conf_setting *conf_tree_find_in(const struct conf_tree *tree, size_t block,
                                             const char *name);

/* Where an option of this section is missed: the closing brace of the first such section, or the
 * end of the file. */
int conf_tree_closing_line(const struct conf_tree *tree, enum conf_section section);

#endif

/*
 * fill - puts the settings of a tree, and the defaults of all others, into struct conf
 *
 * Reports what is wrong with a value by itself, and options and sections that are there twice. What
 * values say together is conf/check.h's.
 */
#ifndef RELAYWARDEN_CONF_FILL_H
#define RELAYWARDEN_CONF_FILL_H

#include <stddef.h>

#include "conf/mistakes.h"
#include "conf/schema.h"
#include "conf/tree.h"

struct conf_environment; /* conf/environment.h */

/* A configuration being made. */
struct conf_draft {
    struct conf *conf;
    struct conf_loose loose;
    struct conf_tree tree;
    struct conf_messages *messages;
    enum conf_program program;
    struct conf_environment *variables; /* NULL: it is a file's */
};

/* Members whose setting is wrong stay zero: a mistake was reported. -1: memory is out. */
int conf_fill(struct conf_draft *draft);

/* Frees what conf_fill put into draft->loose, and the tree; not draft->conf. */
void conf_draft_free(struct conf_draft *draft);

/* Frees all that options of struct conf own, by the schema. */
void conf_free_options(struct conf *conf);

#endif

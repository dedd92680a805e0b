/*
 * snapshot - the one configuration in force, counted by those who use it
 *
 * A connection takes a reference when it begins and keeps the same configuration to its end; a
 * reload puts a new snapshot in place, and the old one goes when its last connection ends. Any
 * thread. The lock is held for a pointer copy, once a connection.
 */
#ifndef RELAYWARDEN_MILTER_SNAPSHOT_H
#define RELAYWARDEN_MILTER_SNAPSHOT_H

#include "conf/conf.h"
#include "milter/judge.h"
#include "milter/undeclared.h"

struct snapshot {
    struct conf *conf;
    struct judge_rules rules; /* into conf */
    struct undeclared undeclared;
    _Atomic unsigned int references;
};

/* Takes over `conf`; one reference is the caller's. NULL: out of memory, conf is still the
 * caller's. */
struct snapshot *snapshot_new(struct conf *conf);
void snapshot_release(struct snapshot *snapshot);

/* Puts `next` in force (its reference becomes the program's) and releases the one before, whose
 * undeclared domains stay counted unless `next` declares them. NULL puts none. One thread at a
 * time.
 */
void snapshot_install(struct snapshot *next);

/* A reference to the one in force; NULL before the first and after the last. */
struct snapshot *snapshot_current(void);

#endif

/*
 * conf - one configuration file, read, checked and typed
 *
 * libconfuse parses, in a process of its own (conf/apart.h); conf/text.c prepares the text for it
 * and keeps every line number true, conf/schema.c has the tables of options. Every mistake is
 * reported as "FILE:LINE: what is wrong, what is allowed"; all value mistakes of a file are listed
 * at once. The environment is read where CONF_ENVIRONMENT (conf/environment.h) is the path.
 *
 * A struct conf is never changed after conf_load: any thread may read it. Loading is for one thread
 * at a time (libconfuse has no user pointer).
 */
#ifndef RELAYWARDEN_CONF_CONF_H
#define RELAYWARDEN_CONF_CONF_H

#include "conf/environment.h"
#include "conf/mistakes.h"
#include "conf/settings.h"

/* Reads `path` for one program: only the files which that program uses are opened (the milter needs
 * no canary). NULL when there is at least one mistake (or no memory even to say so). `report` is
 * filled either way; the caller frees both. */
struct conf *conf_load(const char *path, enum conf_program program, struct conf_report *report);
/* The same of a text instead of a file; `name` stands in the file's place in what is reported. */
struct conf *conf_load_text(const char *name, const char *text, enum conf_program program,
                            struct conf_report *report);

/* One holder more: another thread, that reads it beside the one who replaces it. Returns conf. */
struct conf *conf_hold(struct conf *conf);
void conf_free(struct conf *conf); /* by the last holder; NULL is nothing */

/* For a program that read its configuration as root and has become `user` since, as which it will
 * read it again: tries that, and adds a note to `report` for each mistake that it meets. What
 * memory does not suffice for is left out. */
void conf_note_denied(struct conf_report *report, const char *path, enum conf_program program,
                      const char *user);

/* For -t, as the user that the program will be: tries what it will write to and run, and changes
 * nothing. Mistakes are added to `report`. False: there was one. */
bool conf_try(const struct conf *conf, enum conf_program program, struct conf_report *report);

#endif

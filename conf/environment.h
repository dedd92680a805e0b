/*
 * environment - a configuration of RELAYWARDEN_* variables, for a container without a file
 *
 * A table has the variables; each stands for one option of conf/schema.h (RELAYWARDEN_TARGETS for
 * the targets) and is judged as that option is in a file. Their text differs from an empty file
 * in what a container needs: alerts are JSON on standard output, and the ports are open to other
 * containers.
 *
 * Nothing changes the environment while this reads it.
 */
#ifndef RELAYWARDEN_CONF_ENVIRONMENT_H
#define RELAYWARDEN_CONF_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "conf/mistakes.h"
#include "conf/settings.h"
#include "conf/text.h"

#define CONF_DEFAULT_PATH RELAYWARDEN_SYSCONFDIR "/relaywarden/relaywarden.conf"
#define CONF_ENVIRONMENT  "RELAYWARDEN_*" /* in a path's place */

/* For remedies. */
#define CONF_DOMAINS_VARIABLE "RELAYWARDEN_DOMAINS"
#define CONF_PORTS_VARIABLE   "RELAYWARDEN_PORTS"
#define CONF_TARGETS_VARIABLE "RELAYWARDEN_TARGETS"

/* The configuration to read where none is named: CONF_ENVIRONMENT if one of the variables is set
 * and not empty, else the file. */
const char *conf_default_path(void);

/* The names of those that are set, divided by spaces; what `size` octets do not hold is left out.
 */
void conf_environment_list(char *out, size_t size);

/* Where CONF_DEFAULT_PATH is to be read: a variable that begins like ours and is none is a note. Is
 * there no such file, it is a mistake, and so is one of ours that is empty. True: there is a
 * mistake. */
bool conf_environment_tell_strays(struct conf_messages *messages);

/* A text and where its lines come from. */
struct conf_environment {
    struct conf_text text;
    const char **names; /* of each line, from the first; NULL: of none */
    size_t count;
};

/* Writes the options of one program. -1: a mistake was reported. conf_environment_free is due in
 * any case. */
int conf_environment_read(struct conf_environment *out, enum conf_program program,
                          struct conf_messages *messages);
void conf_environment_free(struct conf_environment *environment);

/* Messages name a variable where they had a line, and those of the ports are there once. */
void conf_environment_name(const struct conf_environment *environment,
                           struct conf_messages *messages);

/* Pieces of a configuration's text, from what people type. Nothing is judged: what is wrong is left
 * for conf_load to refuse. A list is divided by spaces, tabs, line breaks or commas. */
#define CONF_DIVIDERS " ,\t\r\n"

/* Between quotes. */
void conf_put_quoted(FILE *out, const char *text, size_t length);
/* Quoted and divided by commas; `before` stands before the first. */
void conf_put_list(FILE *out, const char *before, const char *list);
/* The beginning of a target: its name, `{`, and `domain` (of domain:NAME) or `host`; each on a line
 * of its own that `indent` begins, or all on one where it is NULL. Unless it can be a name, the
 * name is its number. */
void conf_put_target(FILE *out, const char *text, size_t length, size_t number, const char *indent);

#endif

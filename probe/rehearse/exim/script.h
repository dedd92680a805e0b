/*
 * script - the text of an Exim configuration file, as lines and lists
 *
 * A logical line is what Exim's get_config_line() makes of physical ones: comments and empty lines
 * are passed over, a backslash at the end continues with the next line behind its white space.
 * Each octet of it knows its place in the file, so that what is found there can be taken out.
 * Macros are not expanded and conditions (.ifdef) not decided here: Exim is asked about these.
 *
 * Pure; one thread. A script owns its lines.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_SCRIPT_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

struct script_line {
    unsigned int number; /* 1-based, of the physical line where it begins */
    size_t begin;        /* octets of the file: its first that is no white space */
    size_t end;          /* one behind its last, continuations counted */
    char *text;          /* joined, NUL-terminated */
    size_t *place;       /* of each octet of `text`; the NUL's is `end` */
    size_t length;
};

struct script {
    struct script_line *lines;
    size_t count;
};

/* False when memory is out; then there is nothing to free. */
bool script_read(const char *text, size_t length, struct script *out);
void script_free(struct script *script);

/* The line that has this physical line in it; `count` if there is none. */
size_t script_find(const struct script *script, unsigned int number);

/* "acl_check_rcpt:" and nothing else. */
bool script_is_label(const struct script_line *line);
/* ".ifdef X" and the like. */
bool script_is_directive(const struct script_line *line);
/* "begin acl": what it begins, or NULL. */
const char *script_section(const struct script_line *line);
/* Whether an ACL's statement begins there: "accept", "deny", ... */
bool script_is_verb(const struct script_line *line);

/* "NAME = value" of a setting, a condition ("!hosts = x", "deny hosts = x") or a macro: where the
 * name and the value begin; false if there is none. `name_end` is one behind the name. */
struct script_setting {
    size_t name;
    size_t name_end;
    size_t value;
    bool is_negated;
};
bool script_setting(const struct script_line *line, struct script_setting *out);
/* The line behind "hide", which may stand before any setting and named list. */
const char *script_unhidden(const struct script_line *line);
bool script_is_named(const struct script_line *line, const struct script_setting *setting,
                     const char *name);

/* The lines of the statement (or block of a driver) that begins at line `first`: one behind its
 * last. Directives belong to it only if they begin and end within it. */
size_t script_statement_end(const struct script *script, size_t first);

/* Items of a list (chapter 10 of Exim's specification): separated by colons, or by what "<;" at its
 * beginning says; a doubled separator is one of the item's own. */
struct script_item {
    size_t begin; /* of the text: without white space around it */
    size_t end;
    size_t cut_begin; /* and with a separator that goes with it */
    size_t cut_end;
    char text[512]; /* doubled separators made single; cut off if it is longer */
};
struct script_list {
    const char *text;
    size_t at;
    size_t begin; /* of the first item */
    size_t end;
    const char *separators; /* one, or all that count */
    char own[2];
};
/* `end` is one behind the list; `separators` NULL: as the list says. */
void script_list_begin(struct script_list *list, const char *text, size_t begin, size_t end,
                       const char *separators);
bool script_list_next(struct script_list *list, struct script_item *out);

#endif

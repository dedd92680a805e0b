/*
 * cf - the text of a sendmail.cf, as lines
 *
 * A line begins with the letter that says what it is; lines that begin with white space continue it
 * (Sendmail's Installation and Operation Guide, section 5). A line's text is as long as its span in
 * the file, newlines of continuations made spaces, so that what is found in it has its place.
 *
 * Pure; one thread. A cf owns its lines.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_CF_H
#define RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_CF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define CF_NAME_SIZE 64
#define CF_RULE_SIZE 1024

struct cf_line {
    char type;           /* 'O', 'C', 'F', 'K', 'R', 'S', ... */
    unsigned int number; /* 1-based */
    size_t begin;        /* octets of the file */
    size_t end;
    char *text;
};

struct cf {
    struct cf_line *lines; /* without comments and empty ones */
    size_t count;
};

/* False when memory is out; then there is nothing to free. */
bool cf_read(const char *text, size_t length, struct cf *out);
void cf_free(struct cf *cf);

/* "O Name=value": the value, up to the line's end; NULL: it is another line. */
const char *cf_option(const struct cf_line *line, const char *name);

/* "C{R}one two", "Cwone": the class; returns where its words begin, NULL: no such line. */
const char *cf_class(const struct cf_line *line, char name[CF_NAME_SIZE]);

/* "FR-o /etc/mail/relay-domains %[^\#]": the class and the file. `is_file` is false of programs and
 * of maps that are asked for the words. */
bool cf_class_file(const struct cf_line *line, char name[CF_NAME_SIZE], char path[PATH_MAX],
                   bool *is_file);

/* "Kaccess hash -T<TMPF> /etc/mail/access": the last word is the file. */
struct cf_map {
    char name[CF_NAME_SIZE];
    char type[CF_NAME_SIZE];
    char path[PATH_MAX]; /* without ".db" and the like; "": it has none */
};
bool cf_map(const struct cf_line *line, struct cf_map *out);

/* The ruleset that a line "Sname" or "Sname=number" begins; false: no such line. */
bool cf_ruleset(const struct cf_line *line, char name[CF_NAME_SIZE]);

/* Both sides of a rule without white space, "LHS\tRHS", as texts can be compared however they are
 * written; false: no rule, or one that is too long. `text` is "R..." */
bool cf_rule(const char *text, char out[CF_RULE_SIZE]);

#endif

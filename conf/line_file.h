/*
 * line_file - files that the configuration names and that have one thing a line
 *
 * `#` starts a comment, blank lines are skipped. A file is read as a stream, line by line: a
 * million lines take no more memory than what is made of them. A mistake names the line and never
 * repeats it: whoever may choose the configuration's text must not read root's files through it. A
 * file is refused when others may change it, see access.h. One thread.
 */
#ifndef RELAYWARDEN_CONF_LINE_FILE_H
#define RELAYWARDEN_CONF_LINE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "conf/fill.h"

#define CONF_LINE_SIZE     1100 /* the longest domain in U-labels, and blanks */
#define CONF_LINE_MISTAKES 20   /* reported of one file; of further ones the number */

struct conf_line_file {
    const struct conf_draft *draft;
    const char *option; /* that names the file */
    int option_line;
    FILE *stream;
    struct conf_place place; /* of the line at hand */
    char line[CONF_LINE_SIZE];
    size_t length;
    bool too_long; /* the line is cut */
    bool unended;  /* the file ended in it, before a newline */
    size_t mistakes;
};

/* Opens what the item of an option names; `says` is what the file decides ("what is the site's
 * own"). False: it was reported. */
bool conf_line_file_open(struct conf_line_file *file, const struct conf_draft *draft,
                         const struct conf_setting *setting, size_t item, const char *says);

/* The next line that has something, without its comment and blanks, and ended by a NUL; false at
 * the end. */
bool conf_line_file_next(struct conf_line_file *file);

/* Something is wrong with the line at hand. */
void conf_line_file_mistake(struct conf_line_file *file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reports what could not be read, and how many further lines were wrong: "3 more lines are no
 * domains". */
void conf_line_file_close(struct conf_line_file *file, const char *noun);

#endif

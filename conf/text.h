/*
 * text - the configuration file's text, made fit for libconfuse
 *
 * libconfuse 3.3 miscounts lines behind comments, accepts unclosed sections and comments, drops
 * characters that it does not know, and expands ${NAME} from the environment. So the file is read
 * here, comments are blanked (newlines stay, so that line numbers stay true), and what libconfuse
 * would misread is reported.
 *
 * Two marks are woven into the text, on the line where they belong, to make libconfuse tell what it
 * keeps to itself: the first item of each braced list is CONF_MARK, and the first option of each
 * section is called CONF_MARK. The byte cannot come from the file: control characters and the
 * escapes that make them are refused.
 *
 * Outside of quotes `#` and `//` start a comment up to the end of the line and `/ *` one up to `*
 * /`.
 *
 * One thread at a time.
 */
#ifndef RELAYWARDEN_CONF_TEXT_H
#define RELAYWARDEN_CONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/mistakes.h"

#define CONF_MARK "\001"

/* Octets that a word cannot hold in libconfuse's grammar. */
#define CONF_WORD_ENDS " \t\r\n#\"'={}()+,*"

struct conf_text {
    char *bytes; /* NUL-terminated; malloc */
    size_t length;
    int end_line; /* the line on which the input ends: 1 + its newlines */
};

/* Reads the file. Refused: what is no regular file, not root's or the effective user's, writable by
 * everybody or by a group other than root's, over 8 MiB, or changes meanwhile. -1: reported, *out
 * untouched. */
int conf_text_read(const char *path, struct conf_text *out, struct conf_messages *messages);

/* Blanks comments, weaves the marks in. -1: a mistake was reported; *prepared then holds the
 * whole lines before it (none, when something is unclosed). The caller frees *prepared in any case;
 * NULL when memory is out. */
int conf_text_prepare(const struct conf_text *text, char **prepared,
                      struct conf_messages *messages);

void conf_text_free(struct conf_text *text); /* the members, not the struct */

#endif

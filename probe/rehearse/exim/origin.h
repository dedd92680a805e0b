/*
 * origin - where the lines of Debian's generated configuration come from
 *
 * update-exim4.conf(8) makes one file of many. Of its split form each part stands between lines
 * "### FILE" and "### end FILE"; of its other form exim4.conf.localmacros and exim4.conf.template
 * follow each other. Behind the line UPEX4CmacrosUPEX4C it writes macros of the settings in
 * update-exim4.conf.conf. With --keepcomments nothing is left out, so that lines can be counted.
 *
 * Pure; one thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_ORIGIN_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#define ORIGIN_FILES_MAX 512
#define ORIGIN_MACROS    (-2) /* a macro of a setting in update-exim4.conf.conf */
#define ORIGIN_NONE      (-1)

struct origin_line {
    int file;          /* index of origin.files, or of the above */
    unsigned int line; /* of that file, 1-based */
};

struct origin {
    char *files[ORIGIN_FILES_MAX]; /* paths */
    int file_count;
    bool is_split;             /* else the first two files are those of the other form */
    struct origin_line *lines; /* of each line of the generated text */
    size_t count;
};

/* `localmacros` and `template`: paths of the two files of the form that is not split, with how many
 * lines the first one has (0: there is none). False when memory is out or there are more files. */
struct origin_monolith {
    const char *localmacros;
    unsigned int localmacros_lines;
    const char *template;
};
bool origin_read(const char *generated, size_t length, const struct origin_monolith *monolith,
                 struct origin *out);
void origin_free(struct origin *origin);

/* The line of a generated line (1-based); NULL: it is of nothing that an operator wrote. */
const struct origin_line *origin_of(const struct origin *origin, unsigned int line);

/* The macro that a variable of update-exim4.conf.conf becomes; NULL: none that says who may send.
 */
const char *origin_macro(const char *variable, size_t length);

#endif

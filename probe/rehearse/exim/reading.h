/*
 * reading - a candidate of Exim's: which files it is, what Exim makes of them, and what stands
 * where
 *
 * Exim is asked rather than imitated: `exim -bP config` gives the configuration as it reads it,
 * with macros expanded, conditions decided and included files in their place; `exim -bP` each
 * setting's value. Both run on the stage, as does update-exim4.conf, for what they read may be a
 * stranger's. The texts of the candidate's own files are read once more for the places. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_EXIM_READING_H
#define RELAYWARDEN_PROBE_REHEARSE_EXIM_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/exim/origin.h"
#include "probe/rehearse/exim/script.h"

/* In the copy of the folder: the generated file, and what reads it with settings of ours. */
#define READING_MADE     ".relaywarden-made.conf"
#define READING_WRAPPER  ".relaywarden.conf"
#define READING_SETTINGS "update-exim4.conf.conf"

/* A file that Exim reads as configuration, or update-exim4.conf does. */
struct reading_source {
    size_t file; /* of the candidate's */
    struct script script;
};

enum reading_definition_kind {
    READING_MACRO,
    READING_VARIABLE, /* of update-exim4.conf.conf, which becomes a macro */
    READING_LIST,     /* hostlist, domainlist, addresslist, localpartlist */
};

struct reading_definition {
    enum reading_definition_kind kind;
    const char *name; /* a variable's is that of its macro */
    size_t source;
    size_t line;  /* of the script */
    size_t value; /* octets of the line's text */
    size_t value_end;
};

/* A file that Exim reads, as it names it. */
struct reading_conf_file {
    const char *path;
    bool in_main; /* it is read before the first `begin` */
};

struct exim_reading {
    const char *main_path; /* as it will stand; of Debian's generated one in the copy */
    bool is_made;          /* main_path is written by update-exim4.conf */
    char *made;            /* its text */
    size_t made_length;
    struct origin origin;
    char *flat;   /* exim -bP config; NULL: Exim does not take it */
    char *values; /* exim -bP */
    struct script flat_script;
    struct reading_conf_file *conf_files;
    size_t conf_file_count;
    struct reading_source *sources;
    size_t source_count;
    const char *not_shown; /* a file of them that this candidate may not show; NULL: none */
    struct reading_definition *definitions;
    size_t definition_count;
};

/* The installed program; NULL: there is none. */
const char *reading_exim_program(void);

/* Which files it is of; nothing is read yet. NULL with a sentence. */
struct exim_reading *reading_exim_new(struct candidate *candidate, char why[CANDIDATE_WHY_SIZE]);
/* Reads the candidate, whose reading is set, and of which `folder` is a copy without changes. False
 * with a sentence; that Exim does not take it is no failure: `flat` is NULL then. */
bool reading_exim_load(struct candidate *candidate, const char *folder,
                       char why[CANDIDATE_WHY_SIZE]);
/* Which program it needs that is not installed here, and what to do; NULL: none. */
const char *reading_exim_lack(const struct exim_reading *reading);
void reading_exim_free(void *reading);
const struct exim_reading *reading_exim_of(const struct candidate *candidate);

/* See candidate_value: a setting of the main section as `exim -bP` says it; "myhostname" is
 * primary_hostname. To be freed; NULL: there is none. */
char *reading_exim_value(const struct candidate *candidate,
                         const struct candidate_listener *listener, const char *name);

/* The line of the candidate's own files that Exim means by a line of `path`; false if it is of
 * none. `source` and `line` index sources and the lines of its script. */
bool reading_exim_find(const struct candidate *candidate, const char *path, unsigned int number,
                       size_t *source, size_t *line);
/* The same as file and number, of lines that Exim could not read, too. */
bool reading_exim_place(const struct candidate *candidate, const char *path, unsigned int number,
                        char *out, size_t size);

#endif

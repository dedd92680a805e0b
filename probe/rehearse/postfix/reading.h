/*
 * reading - a candidate's main.cf and master.cf, and what postconf says of them
 *
 * The texts give the places; the values come from postconf(1), which is asked about a copy of the
 * folder (in the candidate's scratch folder): once for all parameters, and once for each text with
 * $names in it. postmap(1) runs with a folder of its own that names nothing of the candidate, so
 * that no dynamicmaps.cf and no library of the candidate's is loaded. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_READING_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/postfix/main_cf.h"
#include "probe/rehearse/postfix/master_cf.h"

struct postfix_reading {
    size_t main_file; /* of the candidate's */
    size_t master_file;
    struct main_cf main;
    struct master_cf master;
    char *folder; /* the copy that postconf is asked about */
    char *bare;   /* a configuration without anything, for postmap */
    char *values; /* "name = value" lines, each parameter expanded */
    char *types;  /* table types that are installed, one a line */
};

/* NULL with a sentence. To be freed with reading_free. */
struct postfix_reading *reading_new(struct candidate *candidate, char why[CANDIDATE_WHY_SIZE]);
void reading_free(void *reading);
const struct postfix_reading *reading_of(const struct candidate *candidate);

/* The service of a listener. */
const struct master_service *reading_service(const struct candidate *candidate,
                                             const struct candidate_listener *listener);

/* See candidate_value. */
char *reading_value(const struct candidate *candidate, const struct candidate_listener *listener,
                    const char *name);

/* A text with every $name in it expanded, as the listener (NULL: main.cf) has them; to be freed.
 * NULL: it cannot be. */
char *reading_expand(const struct candidate *candidate, const struct candidate_listener *listener,
                     const char *text);

/* Runs postmap with these words (NULL at their end; at most 8) behind its `-c`; its output, to be
 * freed, or NULL if it failed. */
/* postmap's answers to many keys, one a line: "KEY\tVALUE" of each that the map knows; to be freed.
 * NULL: it did not come to its end in time. */
char *reading_postmap_all(const struct candidate *candidate, const char *map, const char *keys);
char *reading_postmap(const struct candidate *candidate, const char *const words[]);

bool reading_has_type(const struct candidate *candidate, const char *type);

#endif

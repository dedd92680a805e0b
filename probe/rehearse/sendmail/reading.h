/*
 * reading - a candidate of Sendmail's: which file it is, what m4 makes of it, and the files it
 * names
 *
 * Sendmail reads sendmail.cf. Where m4 makes the same of sendmail.mc, the lines of that are named;
 * where it makes another, the younger of the two files is rehearsed, for the next make(1) would
 * write sendmail.cf anew. In the same way a map is what counts, unless the text beside it is
 * younger.
 *
 * One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_READING_H
#define RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/sendmail/cf.h"

#define READING_MC   "sendmail.mc"
#define READING_CF   "sendmail.cf"
#define READING_MADE ".relaywarden-made.cf" /* in the copy: what m4 made */
#define READING_RUN  ".relaywarden.cf"      /* in the copy: what is run */

/* A map that makemap(8) makes of a text beside it, or a text that is looked through. */
struct sendmail_table {
    const char *name; /* as rules know it: "access" */
    const char *type; /* "hash", "btree", "dbm", "cdb", "text" */
    const char *path; /* of the text, as it will stand */
    const char *map;  /* of the map: path and ".db"; NULL: the text itself is read */
    size_t file;      /* the text; CANDIDATE_NO_FILE: there is none */
    char *dump;       /* what is in the map, "key\tvalue" lines; NULL: there is none, or the text
                         counts */
    bool is_kept;     /* makemap is not to make one: it cannot list the map, or is not here */
};

struct sendmail_reading {
    bool is_made;  /* sendmail.mc is the source */
    bool is_open;  /* whether it is is decided when m4 has made its own */
    bool is_older; /* than sendmail.cf */
    size_t main;   /* file: sendmail.mc or sendmail.cf */
    char *text;    /* of sendmail.cf, as Sendmail would read it; NULL: it cannot be made */
    size_t length;
    struct cf cf;
    struct sendmail_table *tables;
    size_t table_count;
    char host[256];      /* the host's name, with its domain */
    size_t unasked;      /* lines that may let somebody in, and that cannot be asked about */
    bool checks_clients; /* certificates of clients are verified */
};

/* Which file it is. NULL with a sentence. */
struct sendmail_reading *reading_sendmail_new(struct candidate *candidate,
                                              char why[CANDIDATE_WHY_SIZE]);
/* Whether what has to read it is installed here; if not, the candidate lacks it. Without m4 an
 * older sendmail.mc is passed over. */
bool reading_sendmail_has_programs(struct candidate *candidate);
/* Reads it, whose reading is set and of which `folder` is a copy. False: memory is out. */
bool reading_sendmail_load(struct candidate *candidate, const char *folder);
void reading_sendmail_free(void *reading);
const struct sendmail_reading *reading_sendmail_of(const struct candidate *candidate);

/* "myhostname" is the host's name as $j has it; others are options of sendmail.cf. To be freed. */
char *reading_sendmail_value(const struct candidate *candidate,
                             const struct candidate_listener *listener, const char *name);

#endif

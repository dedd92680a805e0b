/*
 * places - the elements of a Sendmail candidate: lines of maps and of files of classes, words of
 * classes, rules, and the statements of sendmail.mc
 *
 * Each finds, or makes, elements of candidate.h. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_PLACES_H
#define RELAYWARDEN_PROBE_REHEARSE_SENDMAIL_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/sendmail/reading.h"

/* One word of a class, and where it is written. */
struct place_word {
    const char *class; /* "R" */
    char text[256];
    size_t file; /* CANDIDATE_NO_FILE: in none of the candidate's own */
    size_t begin;
    size_t end;
    bool is_line; /* it is alone on a line of a file of words */
};

/* All words of all classes that say who may send mail, or where to: "R", "w", "VirtHost",
 * "TrustAuthMech"; until `each` says false. */
void place_words(struct candidate *candidate,
                 bool (*each)(void *user, struct candidate *candidate,
                              const struct place_word *word),
                 void *user);
size_t place_word_element(struct candidate *candidate, const struct place_word *word);

/* A line of a map's text: its key and its value. False: it is a comment. */
struct place_line {
    size_t begin;
    size_t end;
    char key[256]; /* in lower case */
    char value[256];
};
bool place_next_line(const struct candidate_file *file, size_t *at, struct place_line *out);
size_t place_line_element(struct candidate *candidate, const struct sendmail_table *table,
                          const struct place_line *line);

/* The client, sender or recipient that a key of the access map is about: what is behind its tag.
 * `tag` is "", "connect", "from" or "to"; false: it is about something else. */
bool place_access_key(const char *key, char tag[16], const char **rest);
/* Whether a line lets somebody in whom no other would. */
bool place_lets_in(const char *value);
/* "198.51.100", "ipv6:2001:db8": the network; false: it is none. */
bool place_network(const char *text, struct network *out);

/* Statements of sendmail.mc that let somebody in, the worst first; in a sendmail.cf the mark that
 * such a FEATURE has left there. */
size_t place_features(struct candidate *candidate, size_t *out, size_t room);

/* The rule with these sides (cf_rule); CANDIDATE_NO_ELEMENT: it is m4's own. */
size_t place_rule(struct candidate *candidate, const char *rule);
/* All rules that say of somebody that he may relay. */
size_t place_rules(struct candidate *candidate, size_t *out, size_t room);

/* The line of the candidate's own file that has this line of sendmail.cf; 1: it is m4's own. */
unsigned int place_cf_line(struct candidate *candidate, const struct cf_line *line);

#endif

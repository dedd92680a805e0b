/*
 * lists - the entries of Postfix's lists, each with the element where it is written
 *
 * A list's value is followed through $parameters to where each entry stands: in main.cf, in a -o of
 * the listener, or in a file that a match list names ("/etc/postfix/networks"). An entry that comes
 * from a default of Postfix's has no element. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_POSTFIX_LISTS_H
#define RELAYWARDEN_PROBE_REHEARSE_POSTFIX_LISTS_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/rehearse/candidate.h"

struct list_entry {
    char *text;            /* expanded: "192.0.2.0/24", "check_client_access" */
    char *argument;        /* of a restriction, expanded; else NULL */
    const char *parameter; /* where it is written; lives as long as the candidate */
    size_t element;        /* CANDIDATE_NO_ELEMENT: a default */
};

struct list {
    struct list_entry *entries;
    size_t count;
    size_t room;
};

/* Reads the list of parameter `name` as the listener (NULL: main.cf) has it, and adds what it holds
 * to `out`. `restrictions`: entries are checks, some with an argument; else patterns, and a name of
 * a file stands for its lines. False: out of memory. */
bool list_read(struct candidate *candidate, const struct candidate_listener *listener,
               const char *name, bool restrictions, struct list *out);
void list_free(struct list *list);

/* Whether a check takes an argument. */
bool list_takes_argument(const char *check);

/* The restrictions that decide over a recipient: relay, recipient, and all classes, one after
 * another.
 */
bool list_read_restrictions(struct candidate *candidate, const struct candidate_listener *listener,
                            struct list *out);

/* The setting, or the listener's -o, that gives a parameter, as an element; CANDIDATE_NO_ELEMENT:
 * nothing sets it. */
size_t list_setting(struct candidate *candidate, const struct candidate_listener *listener,
                    const char *name);

#endif

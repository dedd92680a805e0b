/*
 * element - one piece of a candidate configuration that can be taken out of it
 *
 * Blame works on these: an element is guilty if without it a stranger's request is refused. It is a
 * span of octets of one file, with the line that an operator is sent to. Taking it out writes
 * `instead` (mostly nothing) in its place and keeps every newline, so that the lines of a trace
 * mean the same before and after.
 *
 * A check that takes an argument is one element with it ("check_client_access hash:/etc/x"). Where
 * a value is reached through $parameters, the element is the entry where it is written, not where
 * it is used.
 *
 * The candidate owns its elements; their strings live as long as it. One thread.
 */
#ifndef RELAYWARDEN_PROBE_REHEARSE_ELEMENT_H
#define RELAYWARDEN_PROBE_REHEARSE_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>

enum rehearse_element_kind {
    REHEARSE_LIST_ENTRY,    /* a network, a domain, a table's name in a list */
    REHEARSE_RESTRICTION,   /* with its argument */
    REHEARSE_SETTING,       /* a parameter of main.cf, from its name to the end of its value */
    REHEARSE_OVERRIDE,      /* a -o of master.cf, with the -o */
    REHEARSE_SERVICE,       /* a service of master.cf, with its continuation lines */
    REHEARSE_TABLE_LINE,    /* a line of a lookup table, or an entry of an inline one */
    REHEARSE_ACL_STATEMENT, /* Exim: a verb with its conditions */
    REHEARSE_LIST_ITEM,     /* Exim: an item of a list */
    REHEARSE_DRIVER,        /* Exim: a router or an authenticator */
    REHEARSE_FEATURE,       /* Sendmail: a FEATURE, define or other macro line of the .mc */
    REHEARSE_ACCESS_LINE,   /* Sendmail: a line of the access map */
    REHEARSE_DOMAIN_LINE,   /* Sendmail: a line of relay-domains, local-host-names and the like */
    REHEARSE_RULE,          /* Sendmail: a rule of sendmail.cf, or of a local section of the .mc */
    REHEARSE_ELEMENT_KINDS  /* how many */
};

struct rehearse_element {
    enum rehearse_element_kind kind;
    size_t file;           /* candidate_file() has its path and text */
    unsigned int line;     /* 1-based; where the span begins */
    size_t begin;          /* octets of the file's text */
    size_t end;            /* one behind the last */
    const char *text;      /* for people: "198.51.100  OK", printable, on one line */
    const char *parameter; /* "smtpd_relay_restrictions"; of a table's line the reference that uses
                              it, "hash:/etc/postfix/access"; never NULL */
    const char *key;       /* of a table's line: the key as the map has it; else NULL */
    const char *instead;   /* what is written in its place; NULL: nothing */
    size_t table;          /* of a table's line: which table; else REHEARSE_NO_TABLE */
    bool is_protected;     /* right as it is, never guilty: a network within the site's
                              trusted_networks, permit_mynetworks, permit_sasl_authenticated */
};

#define REHEARSE_NO_TABLE ((size_t)-1)

/* "list-entry", "restriction", ... A static string. */
const char *rehearse_element_kind_name(enum rehearse_element_kind kind);

/* A copy of `text` without the spans of the elements at `which` (all of file `file` or they are
 * passed over; in any order; overlapping ones are merged): `length` is the text's, `*out_length`
 * the copy's. The newlines within a span stay. `elements` is the candidate's array. NULL when
 * memory is out; the caller frees the copy, which is NUL-terminated. */
char *rehearse_elements_cut(const struct rehearse_element *elements, const size_t *which,
                            size_t count, const char *text, size_t length, size_t file,
                            size_t *out_length);

#endif

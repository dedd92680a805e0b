/*
 * remedy - what to change, for each mail server
 *
 * A remedy is advice for one kind of server, or for all of them. Tables of them are written beside
 * the judgement that gives the advice. `struct remedies` holds those that one finding or verdict
 * gives; it has no pointers, so that copying it is an assignment. Its text is what syslog, the
 * journal and the JSON member "fix" show; its parts are what a page or a terminal shows one by one.
 *
 * Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_REMEDY_H
#define RELAYWARDEN_LIB_REMEDY_H

#include <stddef.h>
#include <stdint.h>

enum mta {
    MTA_UNKNOWN, /* of a remedy: it is for all */
    MTA_POSTFIX,
    MTA_SENDMAIL,
    MTA_EXIM,
    MTA_KINDS,
};

/* "Postfix", for people; "" for MTA_UNKNOWN. */
const char *mta_label(enum mta mta);
/* "postfix", for programs; NULL for MTA_UNKNOWN. */
const char *mta_word(enum mta mta);
/* MTA_UNKNOWN for NULL and for words that are none. */
enum mta mta_from_word(const char *word);

/* A row of a table, which ends with a NULL text. */
struct remedy {
    enum mta mta;
    const char *text; /* whole sentences, without the server's name before them */
};

/* Such a table in its place within another, at file scope. */
#define REMEDIES(...)                                                                              \
    (const struct remedy[])                                                                        \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .text = NULL                                                                           \
        }                                                                                          \
    }

#define REMEDIES_MAX  10
#define REMEDIES_SIZE 1024

struct remedy_part {
    uint16_t mta;    /* enum mta */
    uint16_t shown;  /* where it begins in the text, with the server's name */
    uint16_t begin;  /* where it begins behind the name */
    uint16_t length; /* from `begin` on */
};

/* All zero is none. */
struct remedies {
    char text[REMEDIES_SIZE]; /* "Do this. Postfix: do that." */
    struct remedy_part part[REMEDIES_MAX];
    size_t count;
};

void remedies_clear(struct remedies *remedies);

/* Adds one, as printf; text from the network must be printable already. It is cut where the text is
 * full; where there are REMEDIES_MAX already, the text becomes part of the last. */
void remedies_add(struct remedies *remedies, enum mta mta, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds the rows that are for all and those for this server; for MTA_UNKNOWN, every row. */
void remedies_add_rows(struct remedies *remedies, const struct remedy rows[], enum mta mta);

#endif
